"""Labels of two halves of the cells: planted populations hold, cuts through one population do not."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._measures import _halves
from scgsr._measures._halves import Search, label_halves_ari


def pictures(n_populations, *, n_cells=600, rng=0):
    """Return activations of cells of so many populations, or of one without valleys."""
    rng = np.random.default_rng(rng)
    centres = 8 * np.eye(12)[:n_populations]
    return np.abs(centres[np.arange(n_cells) % n_populations] + rng.normal(size=(n_cells, 12))).astype(np.float32)


def search(n_cells=600, **known):
    return Search(rows=np.arange(n_cells), coordinates=lambda some: some, features=False, **known)


def ari(activations, how, seed=0):
    return label_halves_ari(activations, how, np.random.default_rng(seed))


def test_populations_hold():
    assert ari(pictures(4), search()) > 0.95


def test_one_population_has_one_label_and_cuts_through_it_do_not_hold():
    assert ari(pictures(1), search()) == 1
    assert ari(pictures(1), search(n_clusters=6)) < 0.5


def test_the_cut_of_the_fit_is_the_one_that_is_judged():
    assert ari(pictures(4), search(resolution=20.0)) < ari(pictures(4), search())


def test_the_same_seed_gives_the_same_number_and_activations_stay():
    activations = pictures(3)
    before = activations.copy()
    assert ari(activations, search(resolution=3.0), 1) == ari(activations, search(resolution=3.0), 1)
    assert np.array_equal(activations, before)


def test_cells_that_were_held_out_or_are_silent_are_not_looked_at():
    activations = pictures(4)
    activations[:30] = 0
    how = Search(rows=np.arange(20, 300), coordinates=lambda some: some, features=False)
    assert np.array_equal(how.lit_rows(activations), np.arange(30, 300))
    assert ari(activations, how) > 0.9


@pytest.mark.parametrize("n_lit", [0, 1, 2])
def test_with_hardly_a_cell_nothing_fails(n_lit):
    activations = pictures(2)
    activations[n_lit:] = 0
    assert np.isnan(ari(activations, search())) == (n_lit < 2)


def test_halves_are_disjoint_of_at_most_two_thousand_cells_and_there_are_two_halvings(monkeypatch):
    seen = []
    labels = lambda activations, rows, search: seen.append(activations[rows, 0]) or np.zeros(len(activations), int)
    monkeypatch.setattr(_halves, "_labels", labels)
    activations = 1 + np.arange(5001.0)[:, None]
    assert ari(activations, search(5001)) == 1
    assert [len(half) for half in seen] == [2000] * 4
    for one, other in (seen[:2], seen[2:]):
        assert not np.intersect1d(one, other).size
        assert (np.diff(one) > 0).all()
    seen.clear()
    ari(activations[:31], search(31))
    assert [len(half) for half in seen] == [15, 16] * 2
    np.testing.assert_array_equal(np.sort(np.concatenate(seen[:2])), activations[:31, 0])


def test_labels_are_compared_on_ten_thousand_cells(monkeypatch):
    n_compared = []
    labels = lambda activations, rows, search: n_compared.append(len(activations)) or np.zeros(len(activations), int)
    monkeypatch.setattr(_halves, "_labels", labels)
    ari(np.ones((30_000, 1)), search(30))
    assert all(10_000 <= n <= 10_030 for n in n_compared)


def test_equality_is_identity():
    one, other = search(5), search(5)
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2
