"""Ranks come together, tell each other what they have, and end together."""

from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from scgsr import _ranks
from scgsr._ranks._group import LostError, answered

LAUNCHED = {"RANK": "3", "WORLD_SIZE": "8", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}


def both(results, scenario):
    return [of_rank[scenario][0] for of_rank in results]


def test_a_group_of_the_user_is_used_and_left_as_it_is(results):
    assert both(results, "in_a_group_of_the_user") == [{"sums": [2.0, 2.0], "still there": True}] * 2


@pytest.mark.parametrize(
    ("scenario", "failed", "own", "others"),
    [
        ("one_fails", 1, "KeyError: 'planted'", "because rank 1 failed with KeyError: 'planted'"),
        ("one_fails_on_the_first", 0, "OSError: planted", "because rank 0 failed with OSError: planted"),
    ],
)
def test_an_error_on_one_rank_ends_the_other_which_says_why(results, scenario, failed, own, others):
    found = both(results, scenario)
    assert found[failed] == own
    assert f"RuntimeError: Rank {1 - failed} of 2 ends {others}" in found[1 - failed]
    assert max(of_rank[scenario][1] for of_rank in results) < 30  # seconds


def test_a_rank_that_does_not_answer_ends_both_in_time(results):
    assert all("did not answer" in found for found in both(results, "one_does_not_answer"))
    assert max(of_rank["one_does_not_answer"][1] for of_rank in results) < 30


def test_a_rank_that_was_killed_is_named(results):
    message, seconds = results[0]["one_is_killed"]
    assert "Rank 0 of 2 ends because rank 1 was killed" in message
    assert "`checkpoint`" in message
    assert seconds < 30


def test_who_waits_for_nobody_says_so(results):
    message, seconds = results[0]["one_is_not_there"]
    assert "could not join the others" in message
    assert seconds < 30


def test_a_single_process_joins_nobody():
    with _ranks.joined(torch.device("cpu")):
        assert not dist.is_initialized()
        assert _ranks.is_first()
        assert _ranks.how_many() == 1


def test_one_process_of_torchrun_is_a_single_process(monkeypatch):
    for name, value in {**LAUNCHED, "WORLD_SIZE": "1"}.items():
        monkeypatch.setenv(name, value)
    with _ranks.joined(torch.device("cpu")):
        assert not dist.is_initialized()
    assert _ranks.local_index() is None


@pytest.mark.parametrize(("variables", "expected"), [({}, 3), ({"LOCAL_RANK": "1"}, 1), ({"MASTER_PORT": ""}, None)])
def test_the_number_of_a_process_on_its_machine(monkeypatch, variables, expected):
    for name, value in {**LAUNCHED, **variables}.items():
        monkeypatch.setenv(name, value)
    assert _ranks.local_index() == expected


def test_processes_on_the_same_gpu_are_told_so():
    """NCCL refuses them, in lines that few read to the end."""
    msg = "NCCL error in: NCCLUtils.cpp:94, invalid usage\nLast error:\nDuplicate GPU detected : rank 1 and rank 0"
    with pytest.raises(ValueError, match=r"^`device`: several processes compute on the same GPU"), answered():
        raise RuntimeError(msg)
    with pytest.raises(LostError, match="invalid usage"), answered():
        raise RuntimeError(msg.replace("Duplicate GPU", "Connection closed"))


def test_what_cannot_be_joined_is_refused(monkeypatch):
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match="not on 'mps'"), _ranks.joined(torch.device("mps")):
        pass
    monkeypatch.setattr(dist, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match="no `distributed`"), _ranks.joined(torch.device("cpu")):
        pass
