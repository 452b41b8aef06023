"""Independent pieces of work, several at a time, each with one thread: so what one gives depends on no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from scgsr._checks import about

_Result = TypeVar("_Result")


def n_processors() -> int:
    """Return how many processors this process may use."""
    import joblib

    return int(joblib.cpu_count())


def in_processes(work: Callable[..., _Result], tasks: Iterable[tuple[Any, ...]], n_jobs: int) -> list[_Result]:
    """Return `work` of each task, `n_jobs` at a time; what one raises ends them all and is raised here.

    One at a time is done in this process. Several are done in new ones, which do not run the caller's script again;
    large arrays reach them as files in memory, once for all.

    Raises
    ------
    RuntimeError
        If a process was ended from outside, as where memory runs out.
    """
    import joblib

    with joblib.parallel_config("loky", inner_max_num_threads=1):
        try:
            return joblib.Parallel(n_jobs=n_jobs)(joblib.delayed(_alone)(work, task) for task in tasks)
        except BrokenProcessPool as error:
            msg = (
                f"`n_jobs`={n_jobs}: a process ended before its work was done, as where memory runs out; give fewer, "
                "such as `n_jobs=1`."
            )
            raise about("n_jobs", RuntimeError(msg)) from error


def _alone(work: Callable[..., _Result], task: tuple[Any, ...]) -> _Result:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # of BLAS and OpenMP, which torch uses, too
        return work(*task)
