"""By how much batches shift like cells, whatever populations they have."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._train._shifts import shifts_of

N_DIMS = 10


def cells(shares, shift, *, seed=0, n_cells=600):
    """Draw cells of three far populations in each batch, by the shares of the batch, and add its shift."""
    rng = np.random.default_rng(seed)
    centres = 6 * np.eye(3, N_DIMS)
    codes = np.repeat(np.arange(len(shares)), n_cells)
    kinds = np.concatenate([rng.choice(3, n_cells, p=share) for share in shares])
    return centres[kinds] + rng.normal(size=(len(codes), N_DIMS)) + shift[codes], codes


ALIKE, ALONE = [[0.3, 0.3, 0.4]] * 2, [[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]]


@pytest.mark.parametrize("shares", [ALIKE, ALONE, [*ALIKE, [0.1, 0.9, 0.0]]], ids=["alike", "one alone", "three"])
def test_the_shift_between_like_cells_is_found(shares):
    shift = np.random.default_rng(1).normal(size=(len(shares), N_DIMS))
    shift -= shift.mean(axis=0)
    points, codes = cells(shares, shift)
    found = shifts_of(points, codes, len(shares))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-9)
    assert np.linalg.norm(found - shift) < 0.4 * np.linalg.norm(shift)
    # The means of batches know it as well only where all have the same populations.
    means = np.stack([points[codes == code].mean(axis=0) for code in range(len(shares))])
    if shares is not ALIKE:
        assert np.linalg.norm(found - shift) < 0.5 * np.linalg.norm(means - means.mean(axis=0) - shift)


def test_batches_that_do_not_differ_are_hardly_shifted():
    points, codes = cells(ALIKE, np.zeros((2, N_DIMS)))
    assert np.abs(shifts_of(points, codes, 2)).max() < 0.1


def test_the_order_of_cells_and_the_numbers_of_batches_do_not_matter():
    points, codes = cells([*ALIKE, [0.1, 0.9, 0.0]], np.random.default_rng(1).normal(size=(3, N_DIMS)))
    order, number = np.random.default_rng(0).permutation(len(points)), np.array([2, 0, 1])
    found = shifts_of(points, codes, 3)
    np.testing.assert_allclose(shifts_of(points[order], codes[order], 3), found, atol=1e-9)
    np.testing.assert_allclose(shifts_of(points, number[codes], 3)[number], found, atol=1e-9)


def test_a_batch_without_cells_or_partners_is_not_moved():
    points, codes = cells(ALIKE, np.ones((2, 1)) * [[1.0] * N_DIMS])
    found = shifts_of(points, 2 * codes, 3)  # nobody is of the batch in the middle
    np.testing.assert_allclose(found[1] - found.mean(axis=0), found[1])
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(shifts_of(points, np.zeros_like(codes), 1), np.zeros((1, N_DIMS)))
    np.testing.assert_array_equal(shifts_of(points[:1], np.zeros(1, dtype=int), 2), np.zeros((2, N_DIMS)))
