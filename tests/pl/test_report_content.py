"""What a report says of cells and neurons."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scgsr import graphs, tl
from scgsr._model import with_identity
from scgsr.pl._report_content import content


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=3, progress=False)
    return cells


def shown(adata, **arguments):
    return content(adata, **{"basis": None, "groupby": [], "names": [], "max_cells": 1000, "key": "gsr"} | arguments)


def test_neurons_are_drawn_from_the_left_top(fitted):
    page = shown(fitted)
    positions, starts = page.arrays["positions"], page.arrays["starts"]
    assert positions[:6].tolist() == [[0.5, 0.5], [1.5, 0.5], [2.5, 0.5], [3.5, 0.5], [4.5, 0.5], [0.5, 1.5]]
    assert (page.header["wide"], page.header["high"]) == (5, 4)
    for neuron in range(20):
        corners = page.arrays["corners"][starts[neuron] : starts[neuron + 1]]
        assert np.allclose(corners.mean(axis=0), positions[neuron])


def test_modules_of_neurons_are_named_as_those_of_cells(fitted):
    modules = fitted.uns["gsr"]["modules"]
    page = shown(fitted)
    assert np.array_equal(page.arrays["modules"], modules)
    names = page.header["group"][0]["names"]
    assert [name for name, _ in page.header["numbered"]] == [names[m] for m in np.unique(modules[modules >= 0])]
    for name, neuron in page.header["numbered"]:
        assert names[modules[neuron]] == name


def test_renamed_modules_keep_their_neurons(fitted):
    before = shown(fitted).arrays["modules"]
    fitted.obs["gsr"] = fitted.obs["gsr"].cat.rename_categories(lambda name: f"population {name}")
    page = shown(fitted)
    assert np.array_equal(page.arrays["modules"], before)
    assert page.header["group"][0]["names"][0] == "population 0"
    assert page.header["numbered"][0][0] == "popu…on 0"


def test_modules_without_cells_are_named_too(fitted):
    assert fitted.obs["gsr"].nunique() > 2
    part = fitted[fitted.obs["gsr"] != "1"].copy()
    part.obs["gsr"] = part.obs["gsr"].cat.remove_unused_categories()
    page = shown(part)
    names = page.header["group"][0]["names"]
    modules = fitted.uns["gsr"]["modules"]
    assert [names[m] for m in page.arrays["modules"]] == [str(m) for m in modules]
    assert dict(zip(names, page.header["group"][0]["sizes"], strict=True))["1"] == 0


def test_cells_without_a_group_or_a_label_are_none(fitted):
    fitted.obs["half"] = pd.Categorical(np.where(np.arange(240) % 2, "odd", None))
    fitted.obs.loc["cell_0", "gsr"] = np.nan
    page = shown(fitted, groupby=["half"])
    modules, half = page.header["group"]
    assert half["names"] == ["odd", "(none)"]
    assert half["sizes"] == [120, 120]
    assert half["rgb"][1] == (150, 150, 150)
    assert modules["names"][-1] == "(none)"
    assert modules["sizes"][-1] == 1
    assert len(page.rows) == 240


def test_a_dead_neuron_is_of_no_module(fitted):
    fitted.obsm["X_gsr"][:, 3] = 0
    record = fitted.uns["gsr"]
    record["modules"][3] = -1
    fitted.uns["gsr"] = with_identity(record)
    del fitted.obs["gsr_fit"]
    page = shown(fitted)
    assert page.arrays["modules"][3] == -1
    assert 3 not in [neuron for _, neuron in page.header["numbered"]]
    assert (page.arrays["pictures"][3] == page.header["zero"]).all()


def test_the_page_opens_with_a_clear_case_of_the_largest_module(fitted):
    page = shown(fitted)
    cell = page.rows[page.header["first"]]
    largest = fitted.obs["gsr"].value_counts().index[0]
    assert fitted.obs["gsr"].iloc[cell] == largest
    assert fitted.obs["gsr_confidence"].iloc[cell] == fitted.obs["gsr_confidence"][fitted.obs["gsr"] == largest].max()


def test_the_sheet_is_where_the_cells_are(fitted):
    page = shown(fitted)
    (view,) = page.header["places"]
    one, left, top = view["frame"]
    x, y = page.arrays["places 0"].astype(float) / 4095
    brightest = fitted.obsm["X_gsr"][page.rows].argmax(axis=1)
    lit = fitted.obsm["X_gsr"][page.rows].any(axis=1)
    away = np.hypot(
        (x - left) / one - page.arrays["positions"][brightest, 0],
        (y - top) / one - page.arrays["positions"][brightest, 1],
    )
    assert np.median(away[lit]) < 1
    assert away[lit].max() < 4


def test_any_graph_has_areas(cells):
    tl.fit(cells, graphs.ring(12), hidden=(16,), n_epochs=1, progress=False)
    page = shown(cells)
    assert len(page.arrays["starts"]) == 13
    assert page.arrays["corners"].min() >= -1e-5
    assert "(ring) of 12 neurons" in page.header["about"]


def test_colours_end_where_few_numbers_lie_beyond(fitted):
    fitted.obs["gsr_confidence"] = np.append(np.linspace(0, 1, 239), 50).astype(np.float32)
    low, high = shown(fitted).header["number"][0]["shown"]
    assert 0 < low < 0.05
    assert 0.9 < high < 1.1
    fitted.obs["gsr_confidence"] = np.append(np.zeros(239), 1).astype(np.float32)
    assert shown(fitted).header["number"][0]["shown"] == [0, 1]
