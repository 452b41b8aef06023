"""What is rounded comes back within a step."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._page import Bins, Steps, picture_codes, place_codes, place_of

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("signed", [False, True])
def test_activations_come_back_within_half_a_step(signed):
    values = RNG.gamma(1.0, size=(500, 7)).astype(np.float32)
    values[RNG.random(values.shape) < 0.6] = 0
    values[:, 3] = 0
    if signed:
        values[:, 2] *= -1
    codes, steps, zero = picture_codes(values)
    assert codes.shape == (7, 500)
    assert zero == (128 if signed else 0)
    back = (codes.astype(float).T - zero) * steps
    faint = (values != 0) & (np.abs(values) < steps / 2)
    assert (np.abs(back - values)[~faint] <= 0.5001 * np.broadcast_to(steps, values.shape)[~faint]).all()
    assert np.array_equal(back == 0, values == 0)
    assert (np.abs(back - values) <= steps).all()


def test_places_keep_their_proportions_and_y_points_down():
    places = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 5.0], [np.nan, 1.0]])
    codes = place_codes(places).astype(int)
    assert codes[:, 3].tolist() == [65535, 65535]
    assert codes[0, :3].tolist() == [0, 4095, 4095]
    assert codes[1, 0] - codes[1, 2] == pytest.approx(4095 / 2, abs=1)


def test_a_point_and_the_codes_agree():
    places = RNG.normal(size=(40, 2)) * (3, 1)
    low, high = places.min(axis=0), places.max(axis=0)
    codes = place_codes(places, low, high)
    for place, code in zip(places, codes.T, strict=True):
        assert np.allclose(place_of(tuple(place), low, high)[1:], code / 4095, atol=1e-3)


@pytest.mark.parametrize("places", [np.full((2, 2), np.nan), np.ones((3, 2))])
def test_places_that_do_not_differ_are_no_trouble(places):
    assert place_codes(places).shape == places.T.shape


def test_numbers_come_back_and_missing_ones_are_known():
    values = np.append(RNG.normal(size=100), np.nan)
    steps = Steps.of(values)
    assert steps.codes[-1] == 65535
    assert np.allclose(steps.low + steps.step * steps.codes[:-1], values[:-1], atol=steps.step)
    assert Steps.of(np.array([np.nan])).codes.tolist() == [65535]
    assert Steps.of(np.full(3, 2.0)).codes.tolist() == [0, 0, 0]


def test_bins_hold_alike_many_cells_their_mean_and_the_share_below():
    values = RNG.normal(size=10_000).astype(np.float32)
    bins = Bins.of(values)
    codes = bins.codes(values)
    assert np.bincount(codes).tolist() == [200] * 50
    for code in (0, 17, 49):
        assert bins.means[code] == pytest.approx(values[codes == code].mean(), rel=1e-4)
        assert bins.below[code] == (values < values[codes == code].min()).mean()


def test_values_that_are_the_same_are_in_one_bin():
    values = np.append(np.zeros(900), np.arange(1, 101)).astype(np.float32)
    bins = Bins.of(values)
    assert len(set(bins.codes(values[:900]).tolist())) == 1
    assert (bins.means[0], bins.below[0]) == (0, 0)
    assert len(Bins.of(np.full(7, 3.0)).means) == 1
