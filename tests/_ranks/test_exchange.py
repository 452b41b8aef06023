"""What ranks hand each other, and how they share out work."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scgsr import _ranks


def both(results, scenario):
    return [of_rank[scenario][0] for of_rank in results]


def test_what_ranks_tell_each_other(results):
    first, second = both(results, "words")
    assert (first.pop("is first"), second.pop("is first")) == (True, False)
    assert (first.pop("own rows"), second.pop("own rows")) == ([0, 1, 2], [3, 4])
    assert (first.pop("own blocks"), second.pop("own blocks")) == ([0, 1, 2, 3], [4])
    assert (first.pop("one block"), second.pop("one block")) == ([0, 1, 2, 3, 4], [])
    assert (first.pop("own turns"), second.pop("own turns")) == (["a", "c", "e"], ["b", "d"])
    assert first == second
    assert first == {
        "weight": [0.0, 0.0],  # those of the first
        "gradient": [3.0, 20.0],
        "summed": [0.2, 1.0],
        "gathered": [[0, 0], [1, 1], [1, 1]],
        "gathered from one": [[0.5, 0.5]],
        "on first": {"rank": 0, "alone": [1.0]},
        "inner": [[2.0]],
    }


@pytest.mark.parametrize("scenario", ["other_cells", "other_arguments"])
def test_processes_that_do_not_call_fit_alike_are_refused_on_all(results, scenario):
    assert all(
        "ValueError: The processes have not called `fit` with the same" in found for found in both(results, scenario)
    )


def test_a_single_process_keeps_what_it_has():
    weight, rows = torch.nn.Parameter(torch.zeros(2)), np.arange(3.0)
    weight.grad = torch.ones(2)
    assert all(function(rows) is rows for function in (_ranks.summed, _ranks.gathered))
    assert _ranks.own_rows(3) == _ranks.own_rows(3, 2) == slice(0, 3)
    assert list(_ranks.own_turns("abc")) == ["a", "b", "c"]
    _ranks.check_equal("", rows)
    assert _ranks.on_first(lambda: rows) is rows
    _ranks.take_first([weight])
    _ranks.sum_gradients([weight])
    assert weight.tolist() == [0, 0]
    assert weight.grad.tolist() == [1, 1]
