"""Two processes, each with its own rows of every batch, train as one process with all of them does."""

from __future__ import annotations

import json

import pytest

# In units of the largest value. The seventh digit of float32 differs where sums are taken in another order.
FLOAT64, FLOAT32 = 1e-10, 1e-5


@pytest.fixture(scope="module")
def results(ran):
    """For each rank, by fault, split and case: the largest differences from one process, and a digest of all bits."""
    return [json.loads(output.splitlines()[-1]) for output in ran("steps.py")]


def largest(result):
    return max(result["weights"], result["activations"], result["losses"])


def test_every_penalty_threshold_and_graph_is_there(results):
    for of_rank in results:
        assert of_rank["nothing"].keys() == {"even", "uneven"}
        for found in of_rank["nothing"].values():
            assert len(found) == 45
            assert "penalty=weight_cosine, threshold=None, exchanged=True" in found


@pytest.mark.parametrize("split", ["even", "uneven"])
def test_twenty_steps_are_those_of_one_process(results, split):
    found = results[0]["nothing"][split]
    bars = {name: FLOAT32 if "dtype=32" in name else FLOAT64 for name in found}
    assert {name: result for name, result in found.items() if largest(result) > bars[name]} == {}


@pytest.mark.parametrize("split", ["even", "uneven"])
def test_ranks_are_equal_to_the_bit(results, split):
    one, two = ({name: found["bits"] for name, found in of["nothing"][split].items()} for of in results)
    assert one == two
    assert len(set(one.values())) > 40


@pytest.mark.parametrize("split", ["even", "uneven"])
def test_statistics_of_ones_own_rows_are_found_out(results, split):
    assert min(largest(result) for result in results[0]["own statistics"][split].values()) > 1e-2


def test_a_wrong_number_of_rows_is_found_out_by_uneven_rows_alone(results):
    found = results[0]["number of an even split"]
    assert max(largest(result) for result in found["even"].values()) < FLOAT64
    assert min(largest(result) for result in found["uneven"].values()) > 1e-3
