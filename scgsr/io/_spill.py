"""Spillover matrices: out of a keyword, and out of the values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPILL_KEYWORDS = ("spill", "spillover")  # before FCS 3.1, and since then


def spill_of(keywords: dict[str, str]) -> tuple[dict[str, str], pd.DataFrame | None]:
    """Return the keywords, less "spill" if there is a matrix, and the first matrix that can be parsed."""
    for name in _SPILL_KEYWORDS:
        try:
            spill = parse_spill(keywords[name])
        except (KeyError, ValueError):
            continue
        return {k: v for k, v in keywords.items() if k != "spill"}, spill
    return keywords, None


def parse_spill(text: str) -> pd.DataFrame:
    """Parse "n, n names, n * n numbers", row by row."""
    size, *rest = (part.strip() for part in text.split(","))
    n = int(size)
    if n < 1 or len(rest) != n + n * n:
        msg = f"a matrix of {size} channels with {len(rest)} names and numbers"
        raise ValueError(msg)
    names, numbers = rest[:n], rest[n:]
    return pd.DataFrame(np.reshape([float(number) for number in numbers], (n, n)), index=names, columns=names)


def compensate_in_place(values: NDArray[np.floating], channels: list[str], spill: pd.DataFrame) -> None:
    """Replace the measured values of the channels in `spill` by those of the dyes, in place.

    A dye emits into every detector, so that measured = emitted @ spill; this solves for what was emitted.
    """
    columns = [channels.index(name) for name in spill.index]
    measured = values[:, columns].astype(np.float64)
    values[:, columns] = np.linalg.solve(spill.to_numpy(dtype=np.float64).T, measured.T).T


def check_spill(spill: Any, channels: list[str]) -> pd.DataFrame:
    """Return the matrix with its columns in the order of its rows; raise ValueError if it does not fit the channels."""
    names = [str(name) for name in spill.index]
    if not names:
        msg = "the spillover matrix is empty"
        raise ValueError(msg)
    unknown = [name for name in names if channels.count(name) != 1]
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
