"""One batch whose rows lie on several ranks: its statistics, its noise, and their gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from scgsr._ranks._group import GROUP, Group, set_to


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """How many rows of one batch each rank has."""

    group: Group
    sizes: tuple[int, ...]
    places: np.ndarray | slice | None  # which rows of the batch are this rank's; None: ranks have theirs in turn

    @property
    def n_rows(self) -> int:
        return sum(self.sizes)

    @property
    def own(self) -> slice | Tensor:
        """Which rows of the batch are this rank's."""
        if self.places is not None:
            return torch.from_numpy(self.places) if isinstance(self.places, np.ndarray) else self.places
        start = sum(self.sizes[: self.group.index])
        return slice(start, start + self.sizes[self.group.index])

    @property
    def share(self) -> float:
        """Which share of the rows this rank has."""
        return self.sizes[self.group.index] / self.n_rows


_BATCH: ContextVar[_Batch | None] = ContextVar("_BATCH", default=None)


def _shared() -> _Batch | None:
    """Return the batch that ranks share now; None for one's own alone, as where `torch.compile` reads the code."""
    # The compiler cannot look into a context variable. Users may compile a network of their own around our layer.
    return None if torch.compiler.is_compiling() else _BATCH.get()


@contextmanager
def one_batch(n_own: int, places: np.ndarray | slice | None = None) -> Iterator[None]:
    """Let statistics be those of one batch, of which this rank has `n_own` rows, maybe none, and the others the rest.

    `places`, (n_own,) int or a slice, says which rows of the batch they are. None: ranks have theirs one after the
    other.
    """
    group = GROUP.get()
    if group is None:
        yield
        return
    sizes = torch.zeros(group.size, dtype=torch.int64)
    sizes[group.index] = n_own
    batch = _Batch(group=group, sizes=tuple(group.sum_(sizes).tolist()), places=places)
    with set_to(_BATCH, batch):
        yield


def n_rows(rows: Tensor) -> int:
    """Return how many rows the batch has of which these are one's own."""
    batch = _shared()
    return len(rows) if batch is None else batch.n_rows


def pooled(own_mean: Tensor) -> Tensor:
    """Return the mean over the rows of all ranks from the mean over one's own rows.

    Its gradient is that with respect to one's own rows: right for a loss, and for what a loss is computed from on each
    rank alike; not for what is then applied to rows, as in `centred`. What is equal on all ranks, such as a loss of the
    weights, stays as it is, and each rank takes a share of its gradient.
    """
    batch = _shared()
    if batch is None:
        return own_mean
    result: Tensor = _Pooled.apply(own_mean, batch)  # type: ignore[no-untyped-call]
    return result


def centred(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows less their mean, (batch, n), and their variance, (n,), by the number of rows."""
    deviations, variance, _ = _centred(rows)
    return deviations, variance


def normalised(rows: Tensor, norm: nn.Module) -> Tensor:
    """Return what a normalisation, without weights if it is one of batches, makes of rows: (batch, n) -> (batch, n)."""
    if not (norm.training and isinstance(norm, nn.BatchNorm1d)) or _is_left_to_torch(rows):
        result: Tensor = norm(rows)
        return result
    deviations, variance, mean = _centred(rows)
    n, running = n_rows(rows), cast("Any", norm)  # to mypy, its moments may be None
    with torch.no_grad():
        running.num_batches_tracked += 1
        running.running_mean.lerp_(mean, norm.momentum)
        running.running_var.lerp_(variance * (n / (n - 1)), norm.momentum)
    return deviations * (variance + norm.eps).rsqrt()


def _is_left_to_torch(rows: Tensor) -> bool:
    """Whether torch normalises a batch of one's own.

    On a processor its sums are rounded in another way for each number of threads, which no other operation of a step
    does with one thread and with two: a last digit that decides how training ends. It refuses a single row.
    """
    return _shared() is None and (rows.device.type != "cpu" or len(rows) < 2)


def _centred(rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return rows less their mean, their variance by the number of rows, and the mean: (batch, n), (n,) and (n,)."""
    batch = _shared()
    if batch is not None:
        parts: tuple[Tensor, Tensor, Tensor] = _Centred.apply(rows, batch)  # type: ignore[no-untyped-call]
        return parts
    mean = rows.mean(dim=0)
    deviations = rows - mean
    return deviations, deviations.square().mean(dim=0), mean


def normal_like(rows: Tensor, rng: torch.Generator) -> Tensor:
    """Return standard normal numbers, (batch, n), as one process would draw them for the whole batch."""
    batch = _shared()
    if batch is None:
        return torch.empty_like(rows).normal_(generator=rng)
    return rows.new_empty(batch.n_rows, *rows.shape[1:]).normal_(generator=rng)[batch.own]


def _weighed(own_mean: Tensor, share: float) -> Tensor:
    """Return what a rank adds to a mean: nothing where it has no rows, of which no mean is a number."""
    return own_mean * share if share else torch.zeros_like(own_mean)


class _Pooled(torch.autograd.Function):
    """Means over one's own rows -> means over the rows of all ranks."""

    @staticmethod
    def forward(ctx: Any, own_mean: Tensor, batch: _Batch) -> Tensor:
        ctx.share = batch.share
        return batch.group.sum_(_weighed(own_mean, batch.share))

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return upstream * ctx.share, None


class _Centred(torch.autograd.Function):
    """Rows -> rows less the mean of all ranks, variance, and the mean, through which no gradient goes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, batch: _Batch) -> tuple[Tensor, Tensor, Tensor]:
        own_mean = rows.mean(dim=0)
        own_variance = (rows - own_mean).square_().mean(dim=0).double()
        # Mean and mean square are sent together; in float64 the difference of the squares loses nothing.
        own = torch.stack([own_mean.double(), own_variance + own_mean.double().square()])
        mean, square = batch.group.sum_(_weighed(own, batch.share))
        variance = (square - mean.square()).clamp_min_(0).to(rows.dtype)
        deviations, mean = rows - mean.to(rows.dtype), mean.to(rows.dtype)
        ctx.save_for_backward(deviations)
        ctx.batch = batch
        ctx.mark_non_differentiable(mean)
        return deviations, variance, mean

    @staticmethod
    def backward(ctx: Any, of_rows: Tensor, of_variance: Tensor, _of_mean: Tensor) -> tuple[Tensor, None]:
        (deviations,) = ctx.saved_tensors
        # What all ranks make of the mean and of the variance comes back to every row.
        through_mean, through_variance = ctx.batch.group.sum_(torch.stack([of_rows.sum(dim=0), of_variance]))
        n = ctx.batch.n_rows
        return of_rows - through_mean / n + deviations * (2 / n * through_variance), None
