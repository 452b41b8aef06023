"""Sizes far beyond any memory are refused at once, by name, before anything is made."""

from __future__ import annotations

import time

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

from scgsr import datasets, graphs, tl

SIZES = [10**12, 10**20, 10**5000]
BUILT = {
    "height": graphs.grid,
    "width": lambda size: graphs.grid(3, size, diagonal=True, periodic=True),
    "n of a ring": graphs.ring,
    "n of a path": graphs.path,
    "n of a star": graphs.star,
    "depth": graphs.tree,
    "branching": lambda size: graphs.tree(2, branching=size),
    "n_stem": lambda size: graphs.wishbone(size, 2),
    "n_branch": lambda size: graphs.wishbone(2, size),
    "n_branches": lambda size: graphs.wishbone(2, 2, n_branches=size),
    "n_modules": lambda size: graphs.modules(size, 2),
    "size": lambda size: graphs.modules(2, size),
    "n_capsules": lambda size: graphs.capsules(size, 2),
    "size of a capsule": lambda size: graphs.capsules(2, size),
    "n_cells of a line": datasets.line,
    "n_features of a line": lambda size: datasets.line(n_features=size),
    "n_cells of a circle": datasets.circle,
    "n_features of a circle": lambda size: datasets.circle(n_features=size),
    "n_cells of bits": datasets.bit_patterns,
    "n_bits": lambda size: datasets.bit_patterns(n_bits=size),
    "n_features_per_bit": lambda size: datasets.bit_patterns(n_features_per_bit=size),
    "n_cells of a hub": datasets.hub_and_spoke,
    "n_modules of a hub": lambda size: datasets.hub_and_spoke(n_modules=size),
    "n_features_per_module": lambda size: datasets.hub_and_spoke(n_features_per_module=size),
    "n_cells of a tree": datasets.branching_tree,
    "depth of cells": lambda size: datasets.branching_tree(depth=size),
    "branching of cells": lambda size: datasets.branching_tree(branching=size),
    "n_features_per_branch": lambda size: datasets.branching_tree(n_features_per_branch=size),
    "n_cells": datasets.cytof_panel,
    "hidden": lambda size: tl.fit(ad.AnnData(np.eye(8, dtype=np.float32)), hidden=[3, size], n_epochs=1),
}


@pytest.mark.parametrize("size", SIZES, ids=["10^12", "10^20", "10^5000"])
@pytest.mark.parametrize("of", BUILT)
def test_a_size_beyond_memory_is_refused_at_once(of, size):
    argument = of.split(" ")[0]
    start = time.process_time()
    with pytest.raises(ValueError, match=rf"`{argument}`=[\d,*]+.* is too large: .* GB, and \d+ GB of memory are free"):
        BUILT[of](size)
    assert time.process_time() - start < 1


def test_many_deep_generations_are_many_neurons():
    with pytest.raises(ValueError, match="`depth`=60 is too large"):
        graphs.tree(60)
    with pytest.raises(ValueError, match="`depth`=40 is too large"):
        datasets.branching_tree(2, depth=40)


def test_a_graph_too_large_to_draw_is_taken_with_positions():
    n = 400_000
    adjacency = sparse.diags([np.ones(n - 1)] * 2, [-1, 1], format="csr")
    with pytest.raises(ValueError, match=r"`adjacency` ties 400,000 neurons together.*give their positions"):
        graphs.from_adjacency(adjacency)
    places = np.column_stack([np.arange(n), np.zeros(n)])
    assert graphs.from_adjacency(adjacency, positions=places).n_edges == n - 1


def test_many_components_are_drawn_without_trying_all_widths():
    start = time.process_time()
    graph = graphs.modules(4000, 2)
    assert graph.components[0] == 4000
    width, height = np.ptp(graph.positions, axis=0)
    assert 1 < width / height < 2.5
    assert time.process_time() - start < 20


@pytest.mark.parametrize("weight", [1e31, 1e308])
def test_weights_that_float32_cannot_sum_are_refused(weight):
    with pytest.raises(ValueError, match=r"`adjacency` must have weights up to 1e\+30, got .*: divide it by"):
        graphs.from_adjacency(np.array([[0, weight], [weight, 0]]))


def test_weights_that_have_no_inverse_are_none():
    adjacency = np.array([[0, 1, 0], [1, 0, 5e-324], [0, 5e-324, 0]])
    graph = graphs.from_adjacency(adjacency)
    assert graph.n_edges == 1
    assert np.isfinite(graph.laplacian("random_walk").toarray()).all()
