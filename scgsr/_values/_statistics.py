"""What is known of a matrix once every value has been looked at: one pass, in float64, in memory or from disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from scgsr import _ranks
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
        """Look at all values; what is not in memory is read once, and several ranks take turns."""
        on_disk = isinstance(matrix, Stored)
        found = _Sums(matrix.shape[1], f"{matrix.dtype}{matrix.shape}" if on_disk else "")
        blocks = slices(matrix.shape[0], rows_read(matrix))
        with np.errstate(over="ignore", invalid="ignore"):  # the features whose moments overflow are named later
            for rows in _ranks.own_turns(blocks) if on_disk else blocks:
                found.add(_canonical(matrix[rows]))
            if on_disk:
                found.join_ranks()
        return cls(
            n_cells=found.n_cells,
            mean=found.mean,
            sd=np.sqrt(found.squares / max(1, found.n_cells)),
            finite=found.finite,
            largest=found.largest,
            negative=found.negative,
            whole=found.whole,
            digest=found.digest,
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
        _refuse_infinite(self.finite, features)


class _Sums:
    """What the blocks that were looked at so far tell.

    References
    ----------
    Chan, Golub, LeVeque, *Algorithms for computing the sample variance*, https://doi.org/10.2307/2683386
    """

    def __init__(self, n_features: int, title: str) -> None:
        self.n_cells = 0
        self.mean, self.squares, self.largest = np.zeros((3, n_features))
        self.finite, self.whole = np.ones((2, n_features), dtype=bool)
        self.negative = np.zeros(n_features, dtype=bool)
        # Of the values and, of sparse blocks, the columns and the lengths of rows; empty: the digest is not asked for.
        self._contents = [hashlib.sha256(title.encode()) for _ in range(3 if title else 0)]
        self.digest = ""

    def add(self, block: Matrix) -> None:
        """Take a block of rows into account."""
        mean, variance = _moments(block)
        self._join(block.shape[0], mean, block.shape[0] * variance)
        self.finite &= ~_any(block, lambda values: ~np.isfinite(values))
        self.whole &= ~_any(block, lambda values: values != np.round(values))
        self.negative |= _any(block, lambda values: values < 0)
        self.largest = np.maximum(self.largest, _largest(block))
        for sha, part in zip(self._contents, _parts(block), strict=False):
            sha.update(np.ascontiguousarray(part).data)

    def join_ranks(self) -> None:
        """Take into account what the other ranks have looked at, and make the digest of all."""
        self.digest = "".join(sha.hexdigest()[:8] for sha in self._contents)
        own = [self.mean, self.squares, self.largest, self.finite, self.whole, self.negative]
        of_ranks = zip(_ranks.gathered(np.array([self.n_cells])), _ranks.gathered(np.stack([own])), strict=True)
        digests = _ranks.gathered(np.frombuffer(self.digest.encode().ljust(24), dtype=np.uint8)[None])
        if len(digests) == 1:
            return
        self.n_cells, (self.mean, self.squares) = 0, np.zeros((2, len(self.mean)))
        for n_cells, (mean, squares, largest, finite, whole, negative) in of_ranks:
            self._join(int(n_cells), mean, squares)
            self.largest = np.maximum(self.largest, largest)
            self.finite, self.whole = self.finite & (finite > 0), self.whole & (whole > 0)
            self.negative = self.negative | (negative > 0)
        self.digest = hashlib.sha256(digests.tobytes()).hexdigest()[:24]

    def _join(self, n_cells: int, mean: np.ndarray, squares: np.ndarray) -> None:
        """Add cells of this mean and of these sums of squared deviations from it."""
        if n_cells == 0:
            return
        step, before = mean - self.mean, self.n_cells
        self.n_cells += n_cells
        self.mean = self.mean + step * (n_cells / self.n_cells)
        self.squares = self.squares + squares + step**2 * (n_cells * before / self.n_cells)


def check_finite(matrix: Rows, features: Sequence[str]) -> None:
    """Raise ValueError, naming the features, if there are NaN or infinite values."""
    finite = np.ones(matrix.shape[1], dtype=bool)
    for rows in slices(matrix.shape[0], rows_read(matrix)):
        finite &= ~_any(matrix[rows], lambda values: ~np.isfinite(values))
    _refuse_infinite(finite, features)


def _refuse_infinite(finite: np.ndarray, features: Sequence[str]) -> None:
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


def _parts(block: Matrix) -> list[np.ndarray]:
    """Return the values of a block and, of a sparse one, their columns and the lengths of the rows."""
    if isinstance(block, np.ndarray):
        return [block]
    return [block.data, block.indices.astype(np.int64), np.diff(block.indptr).astype(np.int64)]
