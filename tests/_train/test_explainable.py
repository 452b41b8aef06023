"""What components explain of held-out cells: planted factors, single features, noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.decomposition import PCA

from scgsr._train import carries_nothing
from scgsr._train._explainable import explainable_r2
from scgsr._values import Batches

NAN = float("nan")


def factors(n_cells=600, n_features=40, *, strength=1.0, rng=0):
    """Return features that share three factors, beside noise of their own."""
    rng = np.random.default_rng(rng)
    shared = rng.normal(size=(n_cells, 3)) @ rng.normal(size=(3, n_features))
    return (strength * shared + rng.normal(size=(n_cells, n_features)) + 2).astype(np.float32)


def explained(matrix, *, scale=None, n_held_out=100, seed=0):
    scale = np.ones(matrix.shape[1]) if scale is None else scale
    mean = np.asarray(matrix.mean(axis=0)).ravel()
    batches = Batches(matrix, mean, scale, torch.device("cpu"))
    rows = np.random.default_rng(1).permutation(matrix.shape[0])
    return explainable_r2(batches.part(np.sort(rows[n_held_out:])), batches.part(np.sort(rows[:n_held_out])), seed=seed)


@pytest.mark.parametrize("n_features", [40, 300])
def test_it_is_the_r2_of_principal_components_on_held_out_cells(n_features):
    matrix = factors(n_features=n_features)
    rows = np.random.default_rng(1).permutation(600)
    training, judged = matrix[rows[100:]], matrix[rows[:100]]
    pca = PCA(10).fit(training)
    error = np.square(judged - pca.inverse_transform(pca.transform(judged))).mean(axis=0).sum()
    assert explained(matrix) == pytest.approx(1 - error / judged.var(axis=0).sum(), abs=0.005)


def test_it_is_on_the_scale_of_the_input():
    matrix = factors()
    units = np.where(np.arange(40) < 20, 10.0, 1.0)
    assert explained(matrix * units.astype(np.float32), scale=units) == pytest.approx(
        explained_of(matrix, units), abs=1e-4
    )


def explained_of(matrix, units):
    """Return the R2 of components of the features as the network sees them, with errors in other units."""
    rows = np.random.default_rng(1).permutation(600)
    training, judged = matrix[rows[100:]], matrix[rows[:100]]
    pca = PCA(10).fit(training)
    error = np.square(judged - pca.inverse_transform(pca.transform(judged))).mean(axis=0)
    return 1 - (units**2 @ error) / (units**2 @ judged.var(axis=0))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", [(600, 15), (600, 300), (2000, 40)])
def test_features_that_have_nothing_in_common_give_zero(shape, seed):
    rng = np.random.default_rng(seed)
    assert explained(rng.normal(size=shape).astype(np.float32)) == 0
    assert explained(np.log1p(rng.negative_binomial(1, 0.5, size=shape)).astype(np.float32)) == 0
    assert explained(rng.standard_t(3, size=shape).astype(np.float32)) == 0
    # Nor do features of very different spread.
    assert explained((rng.normal(size=shape) * rng.gamma(0.3, size=shape[1])).astype(np.float32)) == 0


def test_components_are_uncorrelated_and_yet_tell_of_populations():
    rng = np.random.default_rng(0)
    populations = 4 * rng.normal(size=(5, 30))[np.arange(800) % 5] + rng.normal(size=(800, 30))
    scores = PCA(20, svd_solver="full").fit_transform(populations).astype(np.float32)
    assert explained(scores) > 0.5
    assert explained(scores / scores.std(axis=0)) > 0.3
    line = np.sqrt(2) * np.cos(
        np.pi * np.arange(1, 16) * rng.random((800, 1))
    )  # of which even squares are uncorrelated
    assert explained(line.astype(np.float32)) > 0.3


def test_faint_factors_among_many_features_are_seen():
    assert 0 < explained(factors(n_features=1000, strength=0.1)) < 0.1


def test_sparse_and_dense_values_agree_and_a_seed_is_enough():
    matrix = np.where(factors() > 2, factors(), 0)
    assert explained(sparse.csr_matrix(matrix)) == pytest.approx(explained(matrix), rel=1e-6)
    assert explained(matrix, seed=3) == explained(matrix, seed=3)


@pytest.mark.parametrize(
    ("matrix", "settings"),
    [
        (factors(n_features=10), {}),
        (factors(), {"n_held_out": 0}),
        (factors(), {"n_held_out": 19}),
        (factors(), {"n_held_out": 590}),
        (np.ones((600, 40), dtype=np.float32), {}),
    ],
    ids=["ten features", "none held out", "too few held out", "too few to train", "constant"],
)
def test_where_it_cannot_be_told_it_is_nan_or_nothing(matrix, settings):
    assert not explained(matrix, **settings) > 0


def test_few_training_cells_are_not_called_noise():
    assert explained(factors(n_cells=110), n_held_out=20) > 0.3


@pytest.mark.parametrize(
    ("r2", "explainable", "nothing"),
    [
        (0.03, 0.04, False),
        (0.03, 0.9, True),
        (-0.1, 0.2, True),
        (0.9, 0.0, True),
        (0.9, -0.1, True),
        (NAN, 0.5, False),
        (NAN, NAN, False),
        (0.005, NAN, True),
        (0.03, NAN, False),
    ],
)
def test_a_code_is_judged_by_what_can_be_explained(r2, explainable, nothing):
    assert bool(carries_nothing(r2, explainable)) == nothing
