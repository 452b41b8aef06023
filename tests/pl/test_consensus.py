"""The picture of a consensus: what the artists hold."""

from __future__ import annotations

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from scgsr import pl


def planted(adata, n_modules, n_fits):
    """Put a consensus into the record of a fit: overlaps fall, the second module is split, the third is lost."""
    names = np.array([str(number) for number in range(n_modules)], dtype=object)
    outcome = np.full((n_modules, n_fits), "found", dtype=object)
    outcome[1, 1:], outcome[2, 1:] = "split", "lost"
    modules = {
        "module": names,
        "n_cells": 12_345 - np.arange(n_modules),
        "stability": np.linspace(1, 0.5, n_modules),
        "found": (outcome == "found").mean(axis=1),
        "verdict": np.array(["stable", "splits", "vanishes"] + ["stable"] * (n_modules - 3), dtype=object),
    }
    fits = {
        "module": np.repeat(names, n_fits),
        "fit": np.tile(np.arange(n_fits), n_modules),
        "match": np.tile(np.arange(n_fits).astype(str).astype(object), n_modules),
        "overlap": np.linspace(1, 0, n_modules * n_fits),
        "outcome": outcome.ravel(),
    }
    found = {"modules": pd.DataFrame(modules), "fits": pd.DataFrame(fits), "n_modules": np.full(n_fits, n_modules)}
    adata.uns["gsr"]["consensus"] = found
    return adata


def test_rows_are_modules_and_columns_are_fits(on_grid):
    ax = pl.consensus(planted(on_grid, 4, 5))
    np.testing.assert_allclose(ax.images[0].get_array(), np.linspace(1, 0, 20).reshape(4, 5))
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "0 (12,345)",
        "1 (12,344)",
        "2 (12,343)",
        "3 (12,342)",
    ]
    written = np.array([text.get_text() for text in ax.texts]).reshape(4, 5)
    assert written[0].tolist() == ["0", "1", "2", "3", "4"]
    assert written[1].tolist() == ["0", "/", "/", "/", "/"]
    assert written[2].tolist() == ["0", "×", "×", "×", "×"]
    (right,) = ax.child_axes
    assert [label.get_text() for label in right.get_yticklabels()][:3] == [
        "stable 1.00",
        "splits 0.83",
        "vanishes 0.67",
    ]


@pytest.mark.parametrize("millimetres", [85, 120, 180])
@pytest.mark.parametrize(("n_modules", "n_fits"), [(3, 3), (12, 5), (30, 10)])
def test_all_is_on_the_page_and_apart(on_grid, millimetres, n_modules, n_fits):
    ax = pl.consensus(planted(on_grid, n_modules, n_fits))
    ax.figure.set_figwidth(millimetres / 25.4)
    ax.figure.canvas.draw()
    renderer, page = ax.figure.canvas.get_renderer(), ax.figure.bbox.padded(2)
    for panel in ax.figure.axes:
        box = panel.get_tightbbox(renderer)
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert page.y0 <= box.y0 <= box.y1 <= page.y1
    boxes = [text.get_window_extent(renderer) for text in ax.texts]
    assert not any(one.overlaps(other) for one, other in itertools.pairwise(boxes))


def test_own_axes_are_drawn_into_and_what_is_shown_is_not_returned(on_grid, monkeypatch):
    ax = plt.figure().add_subplot()
    assert pl.consensus(planted(on_grid, 3, 3), ax=ax) is ax
    assert len(plt.get_fignums()) == 1
    monkeypatch.setattr(plt, "show", lambda: None)
    assert pl.consensus(on_grid, show=True) is None


def test_without_a_consensus_the_error_names_the_call(on_grid):
    with pytest.raises(KeyError, match=r"scgsr\.tl\.consensus"):
        pl.consensus(on_grid)
