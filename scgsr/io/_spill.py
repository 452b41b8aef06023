"""Spillover matrices: out of a keyword, and out of the values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from scgsr._checks import listed
from scgsr.io._damage import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Keywords for a spillover matrix: before FCS 3.1, since then, and in FCS 3.0, where it is only compared.
_SPILL, _SPILLOVER, _COMP = "spill", "spillover", "comp"
_MOST_CHANNELS = 1000  # that spill over into each other; no instrument has more
_IN_FILES = {_SPILL: "SPILL", _SPILLOVER: "$SPILLOVER", _COMP: "$COMP"}


class Spill(NamedTuple):
    """What the keywords of a file say of spillover."""

    keywords: dict[str, str]  # all, less "spill" if there is a matrix
    matrix: pd.DataFrame | None  # the first one that can be applied
    notes: list[str]  # what is wrong with others


def spill_of(keywords: dict[str, str]) -> Spill:
    """Return the first matrix that can be parsed and names each channel once."""
    found: dict[str, pd.DataFrame] = {}
    notes = []
    for name in (_SPILL, _SPILLOVER):
        try:
            matrix = parse_spill(keywords[name])
        except (KeyError, ValueError):
            continue
        if twice := sorted(set(matrix.index[matrix.index.duplicated()])):
            notes.append(f"the spillover matrix in {_IN_FILES[name]} names {listed(twice)} twice, and is not taken")
        else:
            found[name] = matrix
    if not found:
        return Spill(keywords, None, notes)
    (taken, matrix), *others = found.items()
    other = [name for name, other in others if not _equal(matrix, other)]
    if _COMP in keywords and _differs(keywords[_COMP], matrix):
        other.append(_COMP)
    if other:
        differing = listed([_IN_FILES[name] for name in other])
        notes.append(f"its spillover matrices differ: that in {_IN_FILES[taken]} is taken, and not that in {differing}")
    return Spill({k: v for k, v in keywords.items() if k != _SPILL}, matrix, notes)


def parse_spill(text: str) -> pd.DataFrame:
    """Parse "n, n names, n * n numbers", row by row."""
    n, parts = _parts(text, lambda n: n + n * n)
    numbers = np.reshape([float(part) for part in parts[n:]], (n, n))
    return pd.DataFrame(numbers, index=parts[:n], columns=parts[:n])


def _parts(text: str, length: Callable[[int], int]) -> tuple[int, list[str]]:
    """Return n, the first part of a text with commas, and the others, if they are as many as `length` says."""
    size, _, rest = text.partition(",")
    n, n_parts = int(size), rest.count(",") + 1
    if not 1 <= n <= _MOST_CHANNELS or n_parts != length(n):
        msg = f"a matrix of {shown(n)} channels with {n_parts} names and numbers"
        raise ValueError(msg)
    return n, [part.strip() for part in rest.split(",")]


def _differs(text: str, matrix: pd.DataFrame) -> bool:
    """Return whether $COMP is a matrix, with names of channels or without, and another one."""
    try:
        return not _equal(matrix, parse_spill(text))
    except ValueError:
        pass
    try:
        n, parts = _parts(text, lambda n: n * n)
        return not np.array_equal(np.array([float(part) for part in parts]).reshape(n, n), matrix)
    except ValueError:
        return False


def _equal(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether two matrices of different names are the same, whatever the order of their channels."""
    names = list(one.index)
    if sorted(names) != sorted(other.index):
        return False
    return np.array_equal(one, other.loc[names, names])


def compensate_in_place(values: NDArray[np.floating], channels: list[str], spill: pd.DataFrame) -> None:
    """Replace the measured values of the channels in `spill` by those of the dyes, in place.

    A dye emits into every detector, so that measured = emitted @ spill; this solves for what was emitted.
    """
    column = {name: number for number, name in enumerate(channels)}
    columns = [column[name] for name in spill.index]
    measured = values[:, columns].astype(np.float64)
    values[:, columns] = np.linalg.solve(spill.to_numpy(dtype=np.float64).T, measured.T).T


def check_spill(spill: Any, channels: list[str]) -> pd.DataFrame:
    """Return the matrix with its columns in the order of its rows; raise ValueError if it does not fit the channels."""
    names = [str(name) for name in spill.index]
    if not names:
        msg = "the spillover matrix is empty"
        raise ValueError(msg)
    uses = Counter(channels)
    unknown = [name for name in names if uses[name] != 1]
    if unknown:
        msg = f"the spillover matrix names {unknown}, which must each be exactly one of the channels {channels}"
        raise ValueError(msg)
    if len(set(names)) < len(names) or sorted(names) != sorted(str(name) for name in spill.columns):
        msg = f"the spillover matrix needs the same channels as rows and columns, not {names} and {list(spill.columns)}"
        raise ValueError(msg)
    matrix = spill.set_axis(names, axis=0).set_axis([str(name) for name in spill.columns], axis=1)[names]
    numbers = matrix.to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all() or np.linalg.matrix_rank(numbers) < len(names):
        msg = "the spillover matrix cannot be inverted"
        raise ValueError(msg)
    return matrix
