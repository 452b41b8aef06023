"""Correlation of features with neurons."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._measures import feature_correlation


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.gamma(1.0, size=(50, 4)).astype(np.float32), rng.gamma(1.0, size=(50, 3)).astype(np.float32)


def test_it_is_that_of_numpy(numbers):
    features, neurons = numbers
    expected = np.corrcoef(features.T.astype(float), neurons.T.astype(float))[:4, 4:]
    assert feature_correlation(features, neurons) == pytest.approx(expected)


def test_what_is_constant_has_no_correlation(numbers):
    features, neurons = numbers
    features[:, 1], neurons[:, 2] = 0.1, 1 / 3  # whose means are rounded
    undefined = np.isnan(feature_correlation(features, neurons))
    assert undefined[1].all()
    assert undefined[:, 2].all()
    assert undefined.sum() == 3 + 4 - 1


def test_scale_and_offset_do_not_matter_and_a_copy_has_one(numbers):
    features, neurons = numbers
    found = feature_correlation(features.astype(float), neurons)
    assert np.allclose(feature_correlation(1e3 - 2 * features.astype(float), neurons), -found)
    assert feature_correlation(features, features).diagonal() == pytest.approx(np.ones(4))
    assert np.abs(feature_correlation(features, features)).max() <= 1
    assert feature_correlation(features, -features).min() >= -1


def test_two_cells_have_none(numbers):
    features, neurons = numbers
    assert np.isnan(feature_correlation(features[:2], neurons[:2])).all()
    assert not np.isnan(feature_correlation(features[:3], neurons[:3])).any()
