"""The tree of modules: what the artists hold."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from scgsr import get, pl, tl
from scgsr._modules import Modules, ModuleTree
from scgsr.pl import _axes

# Pieces 0 and 1 merge first, though the valley between 2 and 3 is shallower.
MERGES = np.array([[0, 1], [2, 3], [4, 5], [6, 7]])
SEPARATIONS = np.array([0.45, 0.2, 0.7, 0.9])
PIECE_SIZES = np.array([40, 80, 30, 10, 80])
COLORS = ["#aa0000", "#00bb00", "#0000cc", "#dddd00", "#00dddd"]


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (3, 4), n_epochs=2, hidden=8, progress=False)
    return cells


def with_tree(adata, pieces, merges=MERGES, separations=SEPARATIONS, sizes=PIECE_SIZES):
    """Plant a tree that is cut into these modules; each of its cells is a cell of `adata`."""
    templates = np.eye(12, dtype=np.float32)[np.arange(len(sizes)) % 12]
    modules = Modules.of(ModuleTree(len(sizes), merges, separations), templates, sizes, np.array(pieces))
    adata.uns["gsr"] = replace(get.model(adata), modules=modules, names=()).to_record()
    codes = np.repeat(np.arange(modules.n_modules), np.bincount(pieces, weights=sizes).astype(int))
    adata.obs["gsr"] = pd.Categorical.from_codes(codes, [str(module) for module in range(modules.n_modules)])
    del adata.obs["gsr_fit"]  # the labels are planted, too
    adata.uns["gsr_colors"] = np.array([COLORS[i % 5] for i in range(modules.n_modules)], dtype=object)
    return adata


def names(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def merges(ax):
    """Return how many modules each merge leaves, its height and the depth of its valley."""
    marks = ax.collections[-1]
    (left, height), depth = marks.get_offsets().T, marks.get_array()
    return list(zip(left.astype(int).tolist(), height.tolist(), np.round(depth, 2).tolist(), strict=True))


def texts(ax):
    return [text.get_text() for text in ax.texts]


def fork(ax):
    """Return the height and the colour of the dashed fork; None if there is none."""
    dashed = [line for line in ax.lines if len(line.get_xdata()) == 4]
    return (dashed[0].get_ydata().mean(), dashed[0].get_color()) if dashed else None


THREE = [0, 0, 2, 2, 1]  # pieces 0, 1 | 4 | 2, 3


def test_rows_are_modules_in_the_order_of_the_tree_with_the_number_of_their_cells(fitted):
    ax = pl.module_tree(with_tree(fitted, THREE))
    assert names(ax) == ["0 (120)", "1 (80)", "2 (40)"]
    leaves = ax.collections[2]
    assert same_color(leaves.get_facecolor(), COLORS[:3])
    assert leaves.get_offsets()[:, 1].tolist() == [0, 1, 2]


def test_each_merge_says_how_many_clusters_are_left_and_how_deep_its_valley_is(fitted):
    ax = pl.module_tree(with_tree(fitted, THREE))
    # The first mark is the merge that made module 2, the last that was carried out.
    assert merges(ax) == [(3, 2, 0.2), (2, 0.5, 0.7), (1, 1.25, 0.9)]
    assert texts(ax) == ["3", "0.20", "2", "0.70", "1", "0.90"]
    bars = sorted((x, *sorted((low, high))) for (x, low), (_, high) in ax.collections[0].get_segments())
    assert bars == [(1, 0.5, 2), (2, 0, 1)]
    ends = [(start[1], end[0]) for start, end in ax.collections[1].get_segments()]
    assert ends == [(0, 2), (1, 2), (2, 1), (0.5, 1), (1.25, 0.5)]
    assert "n_clusters of tl.cluster)" in ax.get_xlabel()


def test_the_module_that_splits_next_has_a_dashed_fork_and_stands_in_the_title(fitted):
    ax = pl.module_tree(with_tree(fitted, THREE))
    assert fork(ax) == (2, COLORS[2])
    assert ax.get_title().replace("\n", " ") == "3 modules; n_clusters=4 splits 2 into 75% and 25%"


def test_branches_do_not_cross_and_the_largest_module_comes_first(fitted):
    ax = pl.module_tree(with_tree(fitted, [2, 0, 3, 4, 1]))
    assert names(ax) == ["0 (80)", "2 (40)", "1 (80)", "3 (30)", "4 (10)"]
    assert fork(ax) is None, "pieces cannot be split"
    assert ax.get_title() == "5 modules"


def test_modules_that_no_number_of_clusters_gives_are_told_from_those_that_one_gives(fitted):
    """At resolution 1.5 pieces 2 and 3 are one module and 0 and 1 are two, though these merge first."""
    tree = ModuleTree(5, MERGES, SEPARATIONS)
    pieces = tree.cut_at(1.5)
    assert pieces[2] == pieces[3] != pieces[0] != pieces[1]
    ax = pl.module_tree(with_tree(fitted, pieces))
    assert [left for left, *_ in merges(ax)] == [3, 2, 1]
    assert texts(ax) == ["3", "0.45", "2", "0.70", "1", "0.90"], "three clusters are the same in both orders"
    assert fork(ax) is None
    assert ax.get_title() == "4 modules"
    assert ax.get_xlabel() == "modules left after a merge\n(n_clusters of tl.cluster from 3 down)"
    line = next(line for line in ax.lines if len(line.get_xdata()) == 2)
    assert set(line.get_xdata()) == {3}


def test_merges_that_no_number_of_clusters_gives_have_no_number(fitted):
    shallow_after_deep = np.array([[0, 1], [5, 4], [2, 3], [6, 7]]), np.array([0.9, 0.8, 0.1, 0.95])
    ax = pl.module_tree(with_tree(fitted, [0, 1, 2, 2, 3], *shallow_after_deep))
    assert [left for left, *_ in merges(ax)] == [3, 2, 1]
    assert texts(ax) == ["0.90", "2", "0.80", "1", "0.95"]
    assert "from 2 down" in ax.get_xlabel()


def test_one_module_is_drawn_with_what_it_splits_into(fitted):
    ax = pl.module_tree(with_tree(fitted, [0] * 5))
    assert names(ax) == ["0 (240)"]
    assert merges(ax) == [(1, 0, 0.9)]
    assert fork(ax) == (0, COLORS[0])
    assert ax.get_title().replace("\n", " ") == "1 module; n_clusters=2 splits 0 into 83% and 17%"


def test_a_single_piece_is_one_row(fitted):
    ax = pl.module_tree(with_tree(fitted, [0], np.empty((0, 2), dtype=int), np.empty(0), np.array([240])))
    assert names(ax) == ["0 (240)"]
    assert texts(ax) == []


def test_a_tree_that_ends_before_one_module_stays_in_parts(fitted):
    ax = pl.module_tree(with_tree(fitted, THREE, MERGES[:3], SEPARATIONS[:3]))
    assert [left for left, *_ in merges(ax)] == [3, 2]
    assert ax.get_xticks().tolist() == [2, 3]


def test_what_is_drawn_is_what_cluster_gives(fitted):
    with_tree(fitted, THREE)
    fitted.obsm["X_gsr"][:] = 0
    fitted.obsm["X_gsr"][np.arange(240), np.repeat(np.arange(5), PIECE_SIZES)] = 1
    for n_clusters in range(1, 5):
        tl.cluster(fitted, n_clusters=n_clusters, key_added="cut")
        tl.cluster(fitted, n_clusters=n_clusters + 1, key_added="finer")
        ax = pl.module_tree(fitted, key="cut")
        assert len(names(ax)) == n_clusters
        split = names(ax)[round(fork(ax)[0])].split()[0]
        parted = fitted.obs["finer"][fitted.obs["cut"] == split].nunique()
        assert parted == 2
        counts = fitted.obs["cut"].value_counts()
        assert set(names(ax)) == {f"{label} ({count})" for label, count in counts.items()}


def chain(n):
    """Return a tree of n pieces that merge one after the other."""
    steps = np.arange(n - 1)
    return np.column_stack([np.where(steps, n + steps - 1, 0), steps + 1]), np.linspace(0, 1, n - 1)


@pytest.mark.parametrize("n", [2, 12, 25, 45, 100])
def test_names_and_numbers_are_on_the_page_and_keep_clear_of_each_other(fitted, n):
    sizes = np.diff(np.linspace(0, 240, n + 1).astype(int))
    ax = pl.module_tree(with_tree(fitted, np.arange(n), *chain(n), sizes))
    figure = ax.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    for panel in figure.axes:
        box, page = panel.get_tightbbox(renderer), figure.bbox.padded(1)
        assert page.x0 <= box.x0 <= box.x1 <= page.x1
        assert page.y0 <= box.y0 <= box.y1 <= page.y1
    for written in (ax.get_yticklabels(), ax.texts):
        boxes = [text.get_window_extent(renderer).padded(-1) for text in written]
        assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[i + 1 :])
    assert ax.get_yticklabels()[0].get_fontsize() > 5
    assert figure.get_size_inches()[0] <= 7.1  # inches: a page's width


def test_own_axes_are_used(fitted):
    ax = plt.figure().add_subplot()
    assert pl.module_tree(with_tree(fitted, THREE), ax=ax) is ax
    assert len(plt.get_fignums()) == 1


def test_in_small_axes_merges_have_no_numbers(fitted):
    ax = plt.figure(figsize=(0.7, 2)).add_subplot()
    pl.module_tree(with_tree(fitted, THREE), ax=ax)
    assert texts(ax) == []
    assert [left for left, *_ in merges(ax)] == [3, 2, 1]


def test_what_is_shown_is_not_returned(fitted, monkeypatch):
    monkeypatch.setattr(plt, "show", lambda: None)
    assert pl.module_tree(fitted, show=True) is None
    monkeypatch.setattr(_axes, "_autoshow", lambda: True)
    assert pl.module_tree(fitted) is None


def test_a_picture_writes_nothing(fitted):
    before = fitted.copy()
    params = dict(plt.rcParams)
    pl.module_tree(fitted)
    assert dict(plt.rcParams) == params
    assert list(fitted.uns) == list(before.uns)
    pd.testing.assert_frame_equal(fitted.obs, before.obs)
    assert list(fitted.uns["gsr_colors"]) == list(before.uns["gsr_colors"])


def test_without_a_fit_or_its_labels_the_error_names_the_call(fitted):
    with pytest.raises(KeyError, match=r"scgsr\.tl\.fit"):
        pl.module_tree(fitted, key="other")
    del fitted.obs["gsr"]
    with pytest.raises(KeyError, match=r"scgsr\.tl\.cluster"):
        pl.module_tree(fitted)


def test_a_fit_without_modules_is_refused(fitted):
    fitted.uns["gsr"] = replace(get.model(fitted), modules=Modules.none(12), names=()).to_record()
    with pytest.raises(ValueError, match="no modules"):
        pl.module_tree(fitted)
