"""Several processes that fit together: which of how many this one is, and what they compute over the rows of all.

`torchrun` starts the same script several times; each process is a rank. All ranks hold the same weights, and each has
its own rows of every batch. The rules by which the result is that of one process with the whole batch:

- A mean over the rows of a batch is the mean over the rows of all ranks (`pooled`, `centred`, `normalised`), and the
  number of rows is that of all (`n_rows`): ranks may have different numbers of rows.
- Every rank computes the loss of the whole batch, but differentiates it with respect to its own rows alone. The
  gradients of the weights are summed over ranks (`sum_gradients`).

Only what runs inside `joined` ever communicates, and statistics are those of all ranks only inside `one_batch`.
Everywhere else, and with a single process, each function is the plain operation on one's own rows, to the bit.
"""

from scgsr._ranks._batch import centred, n_rows, normal_like, normalised, one_batch, pooled
from scgsr._ranks._exchange import (
    check_equal,
    gathered,
    on_first,
    own_rows,
    own_turns,
    sum_gradients,
    summed,
    take_first,
)
from scgsr._ranks._group import how_many, is_first, joined, local_index

__all__ = [
    "centred",
    "check_equal",
    "gathered",
    "how_many",
    "is_first",
    "joined",
    "local_index",
    "n_rows",
    "normal_like",
    "normalised",
    "on_first",
    "one_batch",
    "own_rows",
    "own_turns",
    "pooled",
    "sum_gradients",
    "summed",
    "take_first",
]
