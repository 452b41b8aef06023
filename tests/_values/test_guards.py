"""Warnings of data that the defaults are not made for, with what to do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from scgsr._values import Statistics, _matrix, warn_of_raw_values

WARNED = ["values up to", "whole numbers"]
NAMES = [f"feature_{i}" for i in range(12)]


def warn(matrix, names, *, embedding):
    warn_of_raw_values(Statistics.of(matrix), names, embedding=embedding)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x, ""),
        (lambda x: np.round(np.abs(x) * 10), "whole numbers, as raw counts are"),
        (lambda x: np.round(np.abs(x)), "call `sc.pp.normalize_total(adata)`"),
        (lambda x: np.round(np.abs(x)), "if this is cytometry, `scgsr.pp.arcsinh(adata, 5)`"),
        (lambda x: np.where(np.arange(240)[:, None] < 200, np.round(np.abs(x) * 10), x + 0.25), ""),
        (lambda x: np.round(x * 10), "some are negative"),
        (lambda x: np.exp(np.abs(x)) * 1000, "as untransformed intensities are"),
        (lambda x: np.where(np.arange(12) == 4, 1e6 + x * 1e4, x), "intensities are (feature_4): a few"),
    ],
    ids=["fine", "counts", "small counts", "intensities", "fractions", "negative counts", "linear", "one linear"],
)
def test_untransformed_values_are_warned_about(cells, caplog, kind, change, message):
    matrix = kind(change(np.asarray(cells.X)).astype(np.float32))
    warn(matrix, NAMES, embedding=False)
    assert any(text in caplog.text for text in WARNED) is bool(message)
    assert message in caplog.text
    caplog.clear()
    warn(matrix, NAMES, embedding=True)  # which may have any scale
    assert not caplog.records


@pytest.mark.parametrize("embedding", [True, False])
@pytest.mark.parametrize(("n_obs", "warned"), [(199, True), (200, False)])
def test_few_cells_are_warned_about(cells, caplog, n_obs, warned, embedding):
    warn(cells.X[:n_obs], NAMES, embedding=embedding)
    assert ("pool samples" in caplog.text) is warned
    assert (f"only {n_obs} cells" in caplog.text) is warned


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_one_fraction_anywhere_is_noticed(size, monkeypatch):
    monkeypatch.setattr(_matrix, "_ROWS_AT_ONCE", size)
    values = np.arange(60.0).reshape(12, 5)
    assert Statistics.of(values).whole.all()
    for index in (0, 31, 59):
        other = values.copy()
        other.flat[index] += 0.5
        assert not Statistics.of(other).whole.all()


def test_a_negative_intensity_is_as_large_as_a_positive_one(cells, caplog):
    matrix = np.asarray(cells.X).copy()
    matrix[3, 7] = -2000.5
    warn(matrix, NAMES, embedding=False)
    assert "(feature_7)" in caplog.text


def test_the_largest_features_come_first_and_the_others_are_counted(cells, caplog):
    matrix = np.abs(cells.X) * 1e4 * np.arange(1, 13) + 0.5
    matrix[0] = 1e6 * np.arange(1, 13) + 0.5
    warn(matrix, NAMES, embedding=False)
    assert "feature_11, feature_10, feature_9, feature_8, feature_7 and 7 more" in caplog.text


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, bool])
def test_whole_numbers_of_any_type(dtype, caplog):
    counts = np.random.default_rng(0).poisson(3.0, size=(300, 12)).astype(dtype)
    warn(counts, NAMES, embedding=False)
    assert ("whole numbers" in caplog.text) is (dtype is not bool)


def said_of(values, caplog, n_cells=300):
    """Return what is said of whole numbers or others of three features, the largest of which are given."""
    matrix = np.zeros((n_cells, 3))
    matrix[0] = values
    caplog.clear()
    warn(matrix, ["a", "b", "c"], embedding=False)
    return caplog.text


def test_small_whole_numbers_and_values_up_to_a_thousand_are_as_the_fit_wants_them(caplog):
    assert said_of([3, 1, 0], caplog) == ""
    assert "values up to 4 are whole numbers" in said_of([4, 1, 0], caplog)
    assert said_of([1000.0, 0.5, 0], caplog) == ""
    assert "(b)" in said_of([1000.0, 1000.5, 0], caplog)
    assert "(c, b)" in said_of([0.5, 1000.5, 1001.5], caplog)  # the largest first
    assert said_of([-1000.0, 0.5, 0], caplog) == ""
    assert "some are negative" in said_of([-1, 0, 0], caplog)
