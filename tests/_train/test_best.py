"""Which epoch's network is kept, and when to stop."""

from __future__ import annotations

import json

import pytest
import torch
from _fits import seeded_init

from scgsr._model import pack, unpack
from scgsr._train._best import BestNetwork

OBJECTIVES = [5.0, 3.0, 4.0, 2.0, 2.5, 2.0, 7.0]


@pytest.fixture
def network():
    with seeded_init(0):
        return torch.nn.Linear(3, 2)


def mark(network, epoch):
    """Give the network weights that tell the epoch."""
    with torch.no_grad():
        network.weight.fill_(epoch)


def watched(network, objectives, patience=3):
    best = BestNetwork(network, patience=patience)
    for epoch, objective in enumerate(objectives):
        mark(network, epoch)
        best.update(epoch, objective)
    return best


def through_a_file(state):
    tree, arrays = pack(state)
    return unpack(json.loads(json.dumps(tree)), arrays)


@pytest.mark.parametrize("n_epochs", range(1, 8))
def test_the_weights_of_the_lowest_objective_are_given_back(network, n_epochs):
    best = watched(network, OBJECTIVES[:n_epochs])
    lowest = min(range(n_epochs), key=OBJECTIVES.__getitem__)  # the first of equal ones
    assert (best.epoch, best.objective) == (lowest, OBJECTIVES[lowest])
    mark(network, 99)
    best.give_back()
    assert (network.weight == lowest).all()


def test_without_a_comparison_the_network_stays_as_it_is(network):
    best = BestNetwork(network, patience=3)
    assert best.epoch is None
    mark(network, 99)
    best.give_back()
    assert (network.weight == 99).all()


def test_what_is_stored_does_not_change_with_the_network(network):
    best = watched(network, [1.0])
    mark(network, 99)
    assert (best.weights["weight"] == 0).all()


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_patience_is_over_after_so_many_epochs_without_improvement(network, patience):
    best = BestNetwork(network, patience=patience)
    over = []
    for epoch, objective in enumerate(OBJECTIVES):
        best.update(epoch, objective)
        over.append(best.patience_is_over)
    since = [0, 0, 1, 0, 1, 2, 3]  # an objective as low as the lowest is no improvement
    assert over == [epochs >= patience for epochs in since]


def test_an_objective_that_is_no_number_is_never_the_best(network):
    best = watched(network, [float("nan"), 3.0, float("nan"), float("inf")])
    assert best.epoch == 1
    assert best.epochs_since == 2


@pytest.mark.parametrize("n_epochs", [0, 1, 4, 6])
def test_a_state_that_was_stored_goes_on_in_the_same_way(network, n_epochs):
    best = watched(network, OBJECTIVES[:n_epochs])
    with seeded_init(1):
        other_network = torch.nn.Linear(3, 2)
    other_network.load_state_dict(network.state_dict())
    other = BestNetwork(other_network, patience=3)
    other.load_state(through_a_file(best.state()))
    for epoch in range(n_epochs, len(OBJECTIVES)):
        for watcher, own in ((best, network), (other, other_network)):
            mark(own, epoch)
            watcher.update(epoch, OBJECTIVES[epoch])
        assert (other.objective, other.epoch, other.epochs_since) == (best.objective, best.epoch, best.epochs_since)
        assert other.patience_is_over == best.patience_is_over
    best.give_back()
    other.give_back()
    for name, value in network.state_dict().items():
        assert torch.equal(other_network.state_dict()[name], value), name
