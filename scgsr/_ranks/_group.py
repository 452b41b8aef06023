"""The ranks that fit together: how they come together and part, and what they tell each other."""

from __future__ import annotations

import functools
import itertools
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from scgsr._checks import about, log

# A rank that has not answered for so long counts as lost.
_PATIENCE = timedelta(minutes=10)
# So long a rank that has lost another one waits for the reasons of all.
_PATIENCE_FOR_REASONS = timedelta(seconds=5)
# What NCCL says where two processes have the same GPU.
_ON_ONE_GPU = "Duplicate GPU detected"
_LAUNCHED_WITH = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# Counts the groups of this process: in the store, where ranks look for each other, the addresses of the last one stay.
_number = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Group:
    """The ranks that fit together, as this one sees them."""

    members: dist.ProcessGroup
    index: int
    size: int
    store: Any  # where ranks leave why they ended; None in a group that the user has made
    patience: timedelta

    def sum_(self, values: Tensor) -> Tensor:
        """Replace values by their sum over ranks, which has the same bits on all of them."""
        with answered():
            dist.all_reduce(values, group=self.members)
        return values

    def take_from_(self, rank: int, values: Tensor) -> Tensor:
        """Replace values by those of one rank."""
        with answered():
            dist.broadcast(values, group=self.members, src=rank)
        return values


GROUP: ContextVar[Group | None] = ContextVar("GROUP", default=None)


class LostError(RuntimeError):
    """Another rank did not answer."""


@contextmanager
def joined(device: torch.device, patience: timedelta = _PATIENCE) -> Iterator[None]:
    """Let this process compute together with the others that `torchrun`, or the user's own process group, has started.

    All of them must enter it. With a single process nothing happens. A group that is made here ends with the block;
    one that the user has made stays as it is. If one rank fails, the others raise a RuntimeError that says which, and
    why if that is known; if one does not answer, they do so after `patience`.
    """
    several = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
    if GROUP.get() is not None or not (several or _is_launched()):
        yield
        return
    if device.type not in {"cpu", "cuda"} or not dist.is_available():
        where = f"on {device.type!r}" if dist.is_available() else "with this build of torch, which has no `distributed`"
        msg = f"Several processes fit together on 'cpu' or 'cuda', and not {where}; start one process."
        raise RuntimeError(msg)
    with _made(device, patience) as group, set_to(GROUP, group), _only_one_speaks(group):
        log.info("%d processes fit together, each with its share of the cells of every batch", group.size)
        try:
            yield
            group.sum_(torch.zeros(1))  # none ends well unless all have come so far
        except LostError as error:
            raise RuntimeError(_why(group, error)) from error
        except BaseException as error:
            _tell(group, f"failed with {type(error).__name__}: {error}")
            raise


def local_index() -> int | None:
    """Return which of the processes on this machine this one is, from 0; None unless `torchrun` has started several."""
    return int(os.environ.get("LOCAL_RANK", os.environ["RANK"])) if _is_launched() else None


def is_first() -> bool:
    """Whether this is the rank that speaks and writes; a single process is."""
    group = GROUP.get()
    return group is None or group.index == 0


def how_many() -> int:
    """Return how many ranks there are."""
    group = GROUP.get()
    return 1 if group is None else group.size


def _is_launched() -> bool:
    """Whether `torchrun`, or what sets the same variables of the environment, has started several processes."""
    return all(os.environ.get(name) for name in _LAUNCHED_WITH) and int(os.environ["WORLD_SIZE"]) > 1


@functools.cache
def _shared_store() -> Any:
    """Return the store of all ranks, which lives as long as the process: another rank may need it for its next fit."""
    return next(dist.rendezvous("env://", timeout=_PATIENCE))[0]  # type: ignore[attr-defined]


@contextmanager
def _made(device: torch.device, patience: timedelta) -> Iterator[Group]:
    """Yield the group of all ranks: over the connection of the user, or over one that is made here and ends here."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    number = next(_number)
    users = dist.is_initialized()
    try:
        if users:
            store, members = None, dist.new_group(backend=backend, timeout=patience)
        else:
            rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
            store = dist.PrefixStore(f"scgsr/{number}", _shared_store())  # type: ignore[attr-defined]
            dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=patience)
            members = dist.group.WORLD
    except RuntimeError as error:
        msg = f"This process could not join the others that fit with it ({_in_short(error)}); did all call `fit`?"
        raise RuntimeError(msg) from error
    try:
        index, size = dist.get_rank(), dist.get_world_size()
        yield Group(members=members, index=index, size=size, store=store, patience=patience)
    finally:
        with suppress(RuntimeError):  # of a connection that is broken already
            dist.destroy_process_group(members)


@contextmanager
def _only_one_speaks(group: Group) -> Iterator[None]:
    """Keep all ranks but the first from writing to the log: they have the same to say."""

    def passes(_record: logging.LogRecord) -> bool:
        return group.index == 0

    log.logger.addFilter(passes)
    try:
        yield
    finally:
        log.logger.removeFilter(passes)


@contextmanager
def answered() -> Iterator[None]:
    """Tell errors of the connection from all others."""
    try:
        yield
    except RuntimeError as error:
        if _ON_ONE_GPU in str(error):
            msg = (
                "`device`: several processes compute on the same GPU, which they cannot; start as many as there are "
                "GPUs (`--nproc_per_node`), or give 'cpu'."
            )
            raise about("device", ValueError(msg)) from error
        raise LostError(_in_short(error)) from error


def _tell(group: Group, reason: str) -> None:
    """Leave for the other ranks why this one ends; an empty reason: because of another."""
    with suppress(RuntimeError):  # a store that is gone
        if group.store is not None:
            group.store.set(f"end/{group.index}", reason)


def _why(group: Group, lost: LostError) -> str:
    """Return, in words, which ranks failed, and why if they could say so."""
    _tell(group, "")
    until = time.monotonic() + _PATIENCE_FOR_REASONS.total_seconds()
    said = []
    for rank in range(group.size) if group.store is not None else ():
        try:
            left = max(until - time.monotonic(), 0.1)
            group.store.wait([f"end/{rank}"], timedelta(seconds=left))
            reason = group.store.get(f"end/{rank}").decode()
        except RuntimeError:
            reason = f"was killed, or did not answer for {group.patience}"
        if reason:
            said.append(f"rank {rank} {reason}")
    others = "; ".join(said) or f"another rank failed, or did not answer ({lost})"
    return (
        f"Rank {group.index} of {group.size} ends because {others}\n"
        "With `checkpoint`, the same call resumes from the last state."
    )


def _in_short(error: BaseException) -> str:
    """Return the first sentence of an error of torch, without the place in its source."""
    first, *_ = str(error).strip().splitlines() or [type(error).__name__]
    return re.sub(r"^\[[^]]*\] ", "", first).split(". ")[0].rstrip(".")


@contextmanager
def set_to(variable: ContextVar[Any], value: object) -> Iterator[None]:
    """Give a variable another value for a while."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
