"""Work in processes of its own: results in order, errors, an end from outside."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch

from scgsr._checks import about
from scgsr._train import in_processes, n_processors


def _sum(matrix, factor):
    return float(matrix.sum()) * factor, os.getpid()


def _threads():
    return torch.get_num_threads()


def _refuse(name):
    raise about(name, ValueError(f"`{name}` is bad"))


def _end():
    os.kill(os.getpid(), signal.SIGKILL)


def test_results_come_in_order_from_other_processes():
    matrix = np.ones((600, 600))  # more than a megabyte, which is shared
    results = in_processes(_sum, [(matrix, factor) for factor in (1, 2, 3)], 2)
    assert [total for total, _ in results] == [360_000, 720_000, 1_080_000]
    assert os.getpid() not in {process for _, process in results}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_each_has_one_thread_and_afterwards_there_are_as_many_as_before(n_jobs):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert in_processes(_threads, [(), ()], n_jobs) == [1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_one_at_a_time_is_done_here():
    assert in_processes(_sum, [(np.ones(1), 1)], 1) == [(1, os.getpid())]


def test_an_error_is_raised_here_with_its_argument():
    with pytest.raises(ValueError, match="`scale` is bad") as caught:
        in_processes(_refuse, [("scale",)], 1)
    assert caught.value.argument == "scale"


def test_a_process_that_was_ended_is_told_with_a_cure():
    with pytest.raises(RuntimeError, match=r"`n_jobs`=2.*memory") as caught:
        in_processes(_end, [(), ()], 2)
    assert caught.value.argument == "n_jobs"


def test_there_is_a_processor():
    assert 1 <= n_processors() <= (os.cpu_count() or 1)
