"""Every picture at the widths of journals and notebooks, of one group and of forty: all that is written can be read."""

from __future__ import annotations

from dataclasses import replace

import anndata as ad
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from scgsr import get, pl, tl
from scgsr._model import with_identity
from scgsr._modules import Modules, ModuleTree

N_CELLS, N_MOST = 400, 40
KINDS = ["CD4+ T", "Naive B", "CD14+ Monocyte", "CD8+ effector memory", "NK", "plasmacytoid dendritic cells", "$x_y"]
INCHES = {"85 mm": 85 / 25.4, "120 mm": 120 / 25.4, "180 mm": 180 / 25.4, "notebook": None}
# The numbers of groups, each at these widths.
WIDTHS = {1: ["85 mm", "notebook"], 4: list(INCHES), 12: ["85 mm", "180 mm"], 40: list(INCHES)}


@pytest.fixture(scope="module")
def fitted():
    """Cells of a small fit, with as many markers as there may be groups."""
    rng = np.random.default_rng(0)
    names = [f"CD{number}" if number % 3 else f"phospho-protein {number}" for number in range(N_MOST)]
    obs = pd.DataFrame(index=[f"cell_{i}" for i in range(N_CELLS)])
    values = rng.normal(size=(N_CELLS, N_MOST)).astype(np.float32)
    adata = ad.AnnData(values, obs=obs, var=pd.DataFrame(index=names))
    tl.fit(adata, (8, 8), hidden=(16,), n_epochs=2, progress=False)
    return adata


def of_groups(fitted, n):
    """Plant n groups and n modules, with what the verbs write about them."""
    adata = fitted.copy()
    kinds = [f"{KINDS[i % len(KINDS)]}{f' {i}' if n > len(KINDS) else ''}" for i in range(n)]
    codes = np.minimum(np.arange(N_CELLS) % (n + 3), n - 1)
    adata.obs["kind"] = pd.Categorical.from_codes(codes, kinds)
    adata.obs["condition"] = pd.Categorical(np.where(np.arange(N_CELLS) % 7 < 3, "control", "treated twice"))
    adata.obs["gsr"] = pd.Categorical.from_codes(codes, [str(i) for i in range(n)])
    steps = np.arange(n - 1)
    tree = ModuleTree(n, np.column_stack([np.where(steps, n + steps - 1, 0), steps + 1]), np.linspace(0, 1, n - 1))
    templates = np.eye(64, dtype=np.float32)[np.arange(n) % 64]
    modules = Modules.of(tree, templates, np.bincount(codes, minlength=n), np.arange(n))
    del adata.obs["gsr_fit"]  # the labels are planted, too
    record = replace(get.model(adata), modules=modules, names=()).to_record()
    record = with_identity({**adata.uns["gsr"], **record, "modules": np.arange(64) * n // 64})
    adata.uns["gsr"] = record | {"scores": scores(kinds), "consensus": consensus(n), "compare": compared(n)}
    adata.uns["gsr"]["silence"] = silenced(kinds)
    return adata


def scores(kinds):
    rows = [("segment_connectivity", kind, 0.7, 0.4, 0.1) for kind in kinds]
    rows += [
        (name, "", 0.8, 0.1, 0.05) for name in ("morans_i", "validation_r2", "low_frequency_share", "torn_neighbours")
    ]
    table = pd.DataFrame(rows, columns=["metric", "group", "value", "null_mean", "null_sd"])
    return {"table": table, "verdict": "structure real", "advice": "", "groupby": "kind"}


def consensus(n, n_fits=6):
    names = np.array([str(number) for number in range(n)], dtype=object)
    modules = {"module": names, "n_cells": 12_345 - np.arange(n), "stability": 0.5, "found": 0.5, "verdict": "vanishes"}
    fits = {
        "module": np.repeat(names, n_fits),
        "fit": np.tile(np.arange(n_fits), n),
        "overlap": 0.5,
        "outcome": "found",
    }
    fits["match"] = np.tile(np.arange(n_fits).astype(str).astype(object), n)
    return {"modules": pd.DataFrame(modules), "fits": pd.DataFrame(fits), "n_modules": np.full(n_fits, n)}


def compared(n, markers=6):
    rng = np.random.default_rng(0)

    def tests(size):
        drawn = {name: rng.normal(size=size) for name in ("effect", "low", "high", "t", "relative_effect")}
        return drawn | {"p": rng.random(size), "q": rng.random(size), "level": "treated twice"}

    names = np.array([str(i) for i in range(n)])
    return {
        "neurons": pd.DataFrame({"neuron": np.arange(64), **tests(64)}),
        "abundance": pd.DataFrame({"module": names, **tests(n)}),
        "state": pd.DataFrame(
            {
                "module": np.repeat(names, markers),
                "names": np.tile([f"phospho-protein {i}" for i in range(markers)], n),
                **tests(n * markers),
            }
        ),
        "params": {"reference": "control"},
    }


def silenced(kinds):
    names, rng = np.array([str(i) for i in range(len(kinds))], dtype=object), np.random.default_rng(0)
    tables = {name: rng.random((len(kinds), len(kinds))) for name in ("loss", "expected", "pvals")}
    return tables | {
        "n_neurons": np.full(len(kinds), 3),
        "regions": names,
        "labels": names,
        "groups": np.array(kinds, dtype=object),
        "groupby": "kind",
    }


PICTURES = {
    "activation_map": lambda adata, n, **more: pl.activation_map(adata, groupby="kind", **more),
    "two columns": lambda adata, n, **more: pl.activation_map(
        adata, groupby=["kind", "condition"], reference="control", **more
    ),
    "programs": lambda adata, n, **more: pl.programs(adata, list(adata.var_names[:n]), **more),
    "segmentation": lambda adata, n, **more: pl.segmentation(adata, "kind", **more),
    "neuron_graph": lambda adata, n, **more: pl.neuron_graph(adata, **more),
    "history": lambda adata, n, **more: pl.history(adata, **more),
    "score": lambda adata, n, **more: pl.score(adata, **more),
    "consensus": lambda adata, n, **more: pl.consensus(adata, **more),
    "compare": lambda adata, n, **more: pl.compare(adata, **more),
    "silence": lambda adata, n, **more: pl.silence(adata, **more),
    "module_tree": lambda adata, n, **more: pl.module_tree(adata, **more),
    "spectrum": lambda adata, n, **more: pl.spectrum(adata, groupby="kind", **more),
    "activation_heatmap": lambda adata, n, **more: pl.activation_heatmap(adata, groupby="kind", **more),
    "correlation_heatmap": lambda adata, n, **more: pl.correlation_heatmap(
        adata, "kind", names=list(adata.var_names[:8]), **more
    ),
}


@pytest.mark.parametrize("n", WIDTHS)
@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_what_is_written_keeps_apart_and_on_the_page(draw, n, fitted, unreadable_texts):
    adata = of_groups(fitted, n)
    for name in WIDTHS[n]:
        inches = INCHES[name]
        figsize = None if inches is None else (inches, None)
        figure = draw(adata, n, figsize=figsize, return_fig=True, show=False)
        assert unreadable_texts(figure) == [], name
        width, height = figure.get_size_inches()
        assert inches is None or width == pytest.approx(inches)
        assert height < 24
        plt.close(figure)


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_pages_grow_with_the_letters_of_the_user(draw, fitted, unreadable_texts):
    with plt.rc_context({"font.size": 14}):  # what Scanpy sets
        figure = draw(of_groups(fitted, 12), 12, return_fig=True, show=False)
        assert unreadable_texts(figure) == []


def test_a_text_that_overlaps_or_leaves_the_page_is_found(unreadable_texts):
    figure = plt.figure(figsize=(3, 2))
    figure.text(0.5, 0.5, "one")
    assert unreadable_texts(figure) == []
    figure.text(0.52, 0.52, "other")
    figure.text(0.9, 0.1, "far too long for the page")
    assert unreadable_texts(figure) == ["far too long for the page", ("one", "other")]
