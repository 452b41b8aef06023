"""What ranks hand each other, and how they share out work: sums, values of the first, rows, turns."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from scgsr._ranks._group import GROUP, answered, set_to

_Result = TypeVar("_Result")
_Item = TypeVar("_Item")

# Ranks on different processors may round differently.
_ROUNDING = 1e-3
_BYTES_AT_ONCE = 1 << 28


def sum_gradients(weights: Iterable[Tensor]) -> None:
    """Replace the gradients of weights by their sums over ranks, in one message."""
    group = GROUP.get()
    if group is None:
        return
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    flat = group.sum_(torch.cat([gradient.flatten() for gradient in gradients]))
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


@torch.no_grad()
def take_first(values: Iterable[Tensor]) -> None:
    """Replace values by those of the first rank."""
    group = GROUP.get()
    if group is not None:
        for value in values:
            group.take_from_(0, value)


def on_first(make: Callable[[], _Result]) -> _Result:
    """Return what the first rank makes, alone: the others wait for it and get a copy."""
    group = GROUP.get()
    if group is None:
        return make()
    with set_to(GROUP, None):
        made = [make() if group.index == 0 else None]
    with answered():
        dist.broadcast_object_list(made, src=0, group=group.members, device=torch.device("cpu"))
    result: Any = made[0]
    return result


def own_rows(n_rows: int, together: int = 1) -> slice:
    """Return which of so many rows are this rank's: as many as the others have, or up to `together` more or less.

    Rows in blocks of `together` stay in one block, so that what is computed block by block keeps its bits.
    """
    group = GROUP.get()
    if group is None:
        return slice(0, n_rows)
    each, more = divmod(-(-n_rows // together), group.size)
    first = group.index * each + min(group.index, more)
    last = first + each + (group.index < more)
    return slice(min(first * together, n_rows), min(last * together, n_rows))


def own_turns(items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the items whose turn is this rank's: ranks take turns, and without others all items are its own."""
    group = GROUP.get()
    return itertools.islice(items, *((0, None) if group is None else (group.index, None, group.size)))


def check_equal(words: str, numbers: np.ndarray) -> None:
    """Raise ValueError on all ranks unless all have the same words, and the same numbers but for rounding."""
    first_words, first_numbers = on_first(lambda: (words, numbers))
    differs = words != first_words or not np.allclose(numbers, first_numbers, rtol=_ROUNDING, atol=0, equal_nan=True)
    if summed(np.array([differs], dtype=np.float64)).any():
        msg = "The processes have not called `fit` with the same cells and the same arguments, which all of them must."
        raise ValueError(msg)


def summed(values: np.ndarray) -> np.ndarray:
    """Return the sum of float64 values over ranks."""
    group = GROUP.get()
    return values if group is None else group.sum_(torch.tensor(values, dtype=torch.float64)).numpy()


def gathered(own: np.ndarray) -> np.ndarray:
    """Return the rows of all ranks, one below the other in order of ranks: (n_own, ...) -> (n, ...)."""
    group = GROUP.get()
    if group is None:
        return own
    sizes = torch.zeros(group.size, dtype=torch.int64)
    sizes[group.index] = len(own)
    gathered = np.empty((int(group.sum_(sizes).sum()), *own.shape[1:]), dtype=own.dtype)
    for rank, part in enumerate(np.split(gathered, np.cumsum(sizes.numpy())[:-1])):
        if rank == group.index:
            part[...] = own
        for some in torch.from_numpy(part.reshape(-1).view(np.uint8)).split(_BYTES_AT_ONCE):  # of any type of number
            group.take_from_(rank, some)
    return gathered
