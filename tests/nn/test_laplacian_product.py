"""Multiplication of a batch by the Laplacian of the neuron graph."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from scgsr import graphs
from scgsr.nn import GraphSpectralPenalty, _laplacian_product
from scgsr.nn._laplacian_product import LaplacianProduct

SPARSE, DENSE = graphs.grid(10), graphs.modules(2, 8)


def rows(n_neurons, dtype=torch.float32):
    return torch.randn(9, n_neurons, generator=torch.Generator().manual_seed(0), dtype=dtype)


def test_a_large_grid_is_multiplied_as_a_sparse_matrix_and_cliques_are_not():
    assert LaplacianProduct(SPARSE.laplacian())._entries is not None
    assert LaplacianProduct(DENSE.laplacian())._entries is None


@pytest.mark.parametrize("graph", [SPARSE, DENSE, graphs.from_adjacency(np.zeros((3, 3)))], ids=lambda g: g.name)
@pytest.mark.parametrize("kind", ["combinatorial", "symmetric"])
@pytest.mark.parametrize("diagonal", [True, False])
@pytest.mark.parametrize("share", [0.0, 1.0], ids=["as dense", "as sparse"])
def test_it_is_the_product_with_the_matrix(graph, kind, diagonal, share, monkeypatch):
    monkeypatch.setattr(_laplacian_product, "_SPARSE_UP_TO", share)
    laplacian = graph.laplacian(kind)
    expected = laplacian.toarray()
    product = LaplacianProduct(laplacian, diagonal=diagonal)
    assert product.trace == pytest.approx(np.trace(expected))  # of the Laplacian, with its diagonal
    if not diagonal:
        np.fill_diagonal(expected, 0)
    assert (product._entries is not None) == (share == 1 or not expected.any())
    x = rows(graph.n_neurons)
    np.testing.assert_allclose(product(x).numpy(), x.double().numpy() @ expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["as dense", "as sparse"])
@pytest.mark.parametrize("was_called", [False, True])
def test_it_goes_to_another_precision_and_back(share, was_called, monkeypatch):
    monkeypatch.setattr(_laplacian_product, "_SPARSE_UP_TO", share)
    product, x = LaplacianProduct(SPARSE.laplacian()), rows(100)
    expected = product(x) if was_called else x @ torch.as_tensor(SPARSE.laplacian().toarray(), dtype=torch.float32)
    in_double = product.to(torch.float64)(x.double())
    assert in_double.dtype == torch.float64
    torch.testing.assert_close(in_double.float(), expected)
    torch.testing.assert_close(product.to(torch.float32)(x), expected)


@pytest.mark.parametrize("graph", [SPARSE, DENSE], ids=lambda g: g.name)
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda part: pickle.loads(pickle.dumps(part))])
def test_a_copy_gives_the_same_bits(graph, duplicate):
    product, x = LaplacianProduct(graph.laplacian(), diagonal=False), rows(graph.n_neurons)
    expected = product(x)
    other = duplicate(product)
    assert torch.equal(other(x), expected)
    assert other.trace == product.trace
    assert (other._entries is not None) == (product._entries is not None)


def test_a_copy_in_another_precision_leaves_the_original():
    product, x = LaplacianProduct(SPARSE.laplacian()), rows(100)
    expected = product(x)
    copy.deepcopy(product).double()(x.double())
    assert product(x).dtype == torch.float32
    assert torch.equal(product(x), expected)


def test_the_matrix_is_not_saved():
    assert not LaplacianProduct(SPARSE.laplacian()).state_dict()


def test_the_laplacian_that_was_given_stays():
    laplacian = DENSE.laplacian()
    before = laplacian.copy()
    LaplacianProduct(laplacian, diagonal=False)
    assert (laplacian != before).nnz == 0


def test_a_penalty_that_is_built_without_values_gets_them_later():
    """Others build their networks under `torch.device("meta")` and fill them when they load weights."""
    with torch.device("meta"):
        penalty = GraphSpectralPenalty(graphs.grid(10))
    assert penalty.operator.matrix.device.type == "meta"
    assert penalty(torch.empty(5, 100, device="meta")).device.type == "meta"
    penalty = penalty.to_empty(device="cpu")
    penalty.running_var.zero_()
    penalty.set_graph(graphs.grid(10))
    x = torch.randn(50, 100, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(penalty(x), GraphSpectralPenalty(graphs.grid(10))(x))
