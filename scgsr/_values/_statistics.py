"""What is known of a matrix once every value has been looked at: one pass, in float64, in memory or from disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from scgsr._checks import about, listed
from scgsr._values._matrix import Matrix, rows_at_once, slices
from scgsr._values._stored import Rows, Stored

# So many bytes of a matrix that is not in memory are read at once where its rows are read in order.
_BYTES_READ = 1 << 23
_OF_EACH_FEATURE = ("mean", "sd", "finite", "largest", "negative", "whole")


@dataclass(frozen=True, eq=False, kw_only=True)
class Statistics:
    """What all values of a matrix tell, feature by feature."""

    n_cells: int
    mean: np.ndarray  # (n_features,) float64
    sd: np.ndarray  # (n_features,) float64
    finite: np.ndarray  # (n_features,) bool: whether all values are
    largest: np.ndarray  # (n_features,) the largest absolute value
    negative: np.ndarray  # (n_features,) bool: whether there are values below 0
    whole: np.ndarray  # (n_features,) bool: whether all values are whole numbers
    digest: str  # of a matrix that is not in memory; empty for one that is

    @classmethod
    def of(cls, matrix: Rows) -> Statistics:
        """Look at all values; blocks are joined as Chan, Golub and LeVeque do.

        References
        ----------
        Chan, Golub, LeVeque, *Algorithms for computing the sample variance*, https://doi.org/10.2307/2683386
        """
        n_features, n_cells = matrix.shape[1], 0
        mean, squares, largest = np.zeros((3, n_features))
        finite, negative, whole = np.ones((3, n_features), dtype=bool) & [[True], [False], [True]]
        contents = [hashlib.sha256(f"{matrix.dtype}{matrix.shape}".encode()) for _ in range(3)]
        with np.errstate(over="ignore", invalid="ignore"):  # the features whose moments overflow are named later
            for rows in slices(matrix.shape[0], rows_read(matrix)):
                block = _canonical(matrix[rows])
                if isinstance(matrix, Stored):
                    _hash(contents, block)
                n_block, n_cells = block.shape[0], n_cells + block.shape[0]
                of_block, variance = _moments(block)
                step = of_block - mean
                mean = mean + step * (n_block / n_cells)
                squares = squares + n_block * variance + step**2 * (n_block * (n_cells - n_block) / n_cells)
                finite &= ~_any(block, lambda values: ~np.isfinite(values))
                whole &= ~_any(block, lambda values: values != np.round(values))
                negative |= _any(block, lambda values: values < 0)
                largest = np.maximum(largest, _largest(block))
        return cls(
            n_cells=n_cells,
            mean=mean,
            sd=np.sqrt(squares / max(1, n_cells)),
            finite=finite,
            largest=largest,
            negative=negative,
            whole=whole,
            digest="".join(sha.hexdigest()[:8] for sha in contents) if isinstance(matrix, Stored) else "",
        )

    def only(self, features: np.ndarray) -> Statistics:
        """Return what is known of some features, (n_features,) bool; the digest stays that of all."""
        of_each = {name: getattr(self, name)[features] for name in _OF_EACH_FEATURE}
        return replace(self, **of_each)

    def check(self, features: Sequence[str]) -> None:
        """Raise ValueError if there is nothing to learn from, or a value is not finite."""
        if 0 in (self.n_cells, len(self.mean)):
            msg = f"`adata` has no values to train on: {self.n_cells} cells x {len(self.mean)} features."
            raise about("adata", ValueError(msg))
        if self.n_cells == 1:
            msg = "`adata` has one cell; at least two are needed, and hundreds for a picture that means something."
            raise about("adata", ValueError(msg))
        refuse_infinite(self.finite, features)


def check_finite(matrix: Rows, features: Sequence[str]) -> None:
    """Raise ValueError, naming the features, if there are NaN or infinite values."""
    finite = np.ones(matrix.shape[1], dtype=bool)
    for rows in slices(matrix.shape[0], rows_read(matrix)):
        finite &= ~_any(matrix[rows], lambda values: ~np.isfinite(values))
    refuse_infinite(finite, features)


def refuse_infinite(finite: np.ndarray, features: Sequence[str]) -> None:
    """Raise ValueError, naming them, unless all features, (n_features,) bool, have finite values alone."""
    bad = np.flatnonzero(~finite)
    if len(bad):
        names = listed([features[column] for column in bad.tolist()])
        msg = f"`adata` has NaN or infinite values in {len(bad)} features ({names}); remove or impute them first."
        raise about("adata", ValueError(msg))


def rows_read(matrix: Rows) -> int:
    """Return how many rows are read at once where all are read in order."""
    if not isinstance(matrix, Stored):
        return rows_at_once(matrix.shape[1])
    of_row = max(1, matrix.n_bytes // max(1, matrix.shape[0]))
    n_rows = max(1, _BYTES_READ // of_row)
    return max(n_rows // matrix.block * matrix.block, min(matrix.block, n_rows))


def _canonical(block: Matrix) -> Matrix:
    """Return rows in which an entry that is stored in parts is one entry."""
    if not isinstance(block, np.ndarray) and not block.has_canonical_format:
        block = block.copy()
        block.sum_duplicates()
    return block


def _moments(block: Matrix) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of each feature in float64."""
    if not isinstance(block, np.ndarray):
        from sklearn.utils.sparsefuncs import mean_variance_axis

        data = block.data.astype(np.float64)
        return mean_variance_axis(sparse.csr_matrix((data, block.indices, block.indptr), shape=block.shape), axis=0)
    mean = block.mean(axis=0, dtype=np.float64)
    return mean, np.square(block - mean).mean(axis=0)


def _any(block: Matrix, test: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return in which features a test that zeros do not pass holds for any value, (n_features,) bool."""
    if isinstance(block, np.ndarray):
        return np.asarray(test(block).any(axis=0))
    found = np.zeros(block.shape[1], dtype=bool)
    found[block.indices[test(block.data)]] = True
    return found


def _largest(block: Matrix) -> np.ndarray:
    """Return the largest absolute value of each feature."""
    if isinstance(block, np.ndarray):
        return np.maximum(block.max(axis=0, initial=0), -block.min(axis=0, initial=0).astype(np.float64))
    largest = np.zeros(block.shape[1])
    np.maximum.at(largest, block.indices, np.abs(block.data))
    return largest


def _hash(contents: Sequence[Any], block: Matrix) -> None:
    """Feed a block into hashes of the values and, of a sparse one, of the columns and the lengths of its rows."""
    parts = [block] if isinstance(block, np.ndarray) else [block.data, block.indices.astype(np.int64)]
    parts += [] if isinstance(block, np.ndarray) else [np.diff(block.indptr).astype(np.int64)]
    for sha, part in zip(contents, parts, strict=False):
        sha.update(np.ascontiguousarray(part).data)
