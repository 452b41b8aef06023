"""Ownership: who owns a neuron, and that chance owns nothing."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._measures import _ownership, ownership


def noise(n_cells, shares, *, seed=0, n_neurons=60):
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(len(shares)), rng.choice(len(shares), n_cells - len(shares), p=shares)])
    return rng.gamma(1.0, size=(n_cells, n_neurons)), codes


def localised(n_cells=1200, n_groups=6):
    activations, codes = noise(n_cells, np.full(n_groups, 1 / n_groups))
    home = np.arange(n_groups) * 10 + 5
    distance = np.abs(np.arange(60) - home[codes][:, None])
    return activations * np.exp(-distance / 3), codes, home


@pytest.mark.parametrize("shares", [[0.5, 0.5], [0.9, 0.09, 0.01], [0.2] * 5])
def test_chance_owns_nothing_however_rare_a_group_is(shares):
    found = [ownership(*noise(300, shares, seed=seed)).clear.any() for seed in range(20)]
    assert sum(found) <= 3  # one in twenty is expected


def test_groups_own_the_neurons_at_their_home():
    activations, codes, home = localised()
    found = ownership(activations, codes)
    assert np.array_equal(found.owner[home], np.arange(6))
    assert found.clear[home].all()
    assert (found.lead[home] > 0.5).all()
    assert found.clear.mean() > 0.7


def test_a_rare_group_takes_no_land():
    activations, codes, _ = localised()
    codes[:3] = 6  # cells of three other groups
    found = ownership(activations, codes)
    assert not np.any(found.owner[found.clear] == 6)
    assert found.clear.mean() > 0.6


def test_a_bright_group_hides_no_other():
    activations, codes, home = localised()
    activations[codes == 2] *= 1e3
    found = ownership(activations, codes)
    assert found.clear[home].all()
    assert np.array_equal(found.owner[home], np.arange(6))


def test_groups_without_noise_own_what_they_alone_activate():
    codes = np.arange(60) % 3
    found = ownership(np.eye(3)[codes][:, [0, 1, 2, 2]], codes)
    assert found.owner.tolist() == [0, 1, 2, 2]
    assert found.clear.all()


def test_a_dim_group_owns_its_neurons_only_relative_to_its_maximum():
    activations, codes, home = localised()
    activations[codes == 2] *= 1e-3
    assert ownership(activations, codes).owner[home[2]] == 2
    assert ownership(activations, codes, relative=False).owner[home[2]] != 2


def test_cells_without_a_group_do_not_count():
    activations, codes, _ = localised()
    kept = np.arange(len(codes)) % 3 > 0
    some = ownership(activations, np.where(kept, codes, -1))
    alone = ownership(activations[kept], codes[kept])
    assert np.array_equal(some.owner, alone.owner)
    assert np.allclose(some.lead, alone.lead)


def test_silent_neurons_single_groups_and_negative_means_have_no_owner():
    activations, codes, _ = localised()
    activations[:, 7] = 0
    activations[:, 8] = -1 - activations[:, 8]
    assert not ownership(activations, codes).clear[[7, 8]].any()
    assert not ownership(activations, np.zeros(len(codes), dtype=int)).clear.any()


def test_of_many_cells_a_part_is_tested_with_all_of_small_groups(monkeypatch):
    codes = np.repeat([0, 1, -1], [50_000, 150, 10])
    rows = _ownership._chosen(codes, np.random.default_rng(0))
    counts = np.bincount(codes[rows])
    assert counts[1] == 150
    assert 19_000 < counts[0] <= 20_000
    monkeypatch.setattr(_ownership, "_MOST_CELLS", 300)
    monkeypatch.setattr(_ownership, "_FEWEST_OF_GROUP", 20)
    activations, codes, home = localised()
    assert ownership(activations, codes).clear[home].all()


@pytest.mark.parametrize("unit", [1e-4, 1e4])
@pytest.mark.parametrize("relative", [True, False])
def test_the_unit_of_activations_does_not_matter(unit, relative):
    activations, codes, _ = localised(300)
    one, other = (ownership(x, codes, relative=relative, n_permutations=50) for x in (activations, unit * activations))
    assert np.array_equal(one.owner, other.owner)
    assert np.allclose(one.lead, other.lead)
    assert np.array_equal(one.clear, other.clear)


def test_a_lead_is_one_less_the_share_of_the_runner_up():
    activations = np.array([[4.0, 1, 0], [2, 3, 0], [1, 6, 0]])
    found = ownership(activations, np.arange(3), relative=False, n_permutations=5)
    assert found.owner.tolist()[:2] == [0, 2]
    assert found.lead.tolist() == [0.5, 0.5, 0]


def test_the_least_lead_is_in_standard_errors_of_both_groups():
    values, codes = np.random.default_rng(0).gamma(1.0, size=(40, 3)), np.arange(40) % 3
    counts = np.bincount(codes)[:, None]
    sums = np.stack([np.hstack([values[codes == c], values[codes == c] ** 2]).sum(axis=0) for c in range(3)])
    found = _ownership._least_lead(sums, counts, False)
    means = np.stack([values[codes == c].mean(axis=0) for c in range(3)])
    # Own squared deviations, and as if of five more cells the variance of all; over n, of n - 1 + 5.
    within = np.stack([((values[codes == c] - means[c]) ** 2).sum(axis=0) for c in range(3)])
    error = (within + 5 * values.var(axis=0)) / (counts - 1 + 5) / counts
    for neuron in range(3):
        own = means[:, neuron].argmax()
        leads = [
            (means[own, neuron] - means[c, neuron]) / np.sqrt(error[own, neuron] + error[c, neuron])
            for c in range(3)
            if c != own
        ]
        assert found[neuron] == pytest.approx(min(leads))


def test_neurons_that_never_change_make_chance_no_more_likely():
    found = []
    for seed in range(10):
        activations, codes = noise(300, [0.5, 0.5], seed=seed)
        constant = np.ones((300, 600))
        found.append(ownership(np.hstack([activations, constant]), codes, n_permutations=50).clear.any())
    assert sum(found) <= 2


def test_two_groups_of_one_cell_each_have_owners():
    found = ownership(np.array([[1.0, 0], [0, 1]]), np.arange(2), n_permutations=10)
    assert found.owner.tolist() == [0, 1]
    assert found.lead.tolist() == [1, 1]


def test_equality_is_identity():
    one, other = (
        ownership(np.eye(2), np.arange(2), n_permutations=1),
        ownership(np.eye(2), np.arange(2), n_permutations=1),
    )
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2
