"""The pictures of an activation map: of single cells, of groups, of the combinations of two columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scgsr import _adata, _checks
from scgsr._checks import about, listed
from scgsr.pl import _groups

if TYPE_CHECKING:
    from anndata import AnnData


@dataclass(frozen=True, eq=False)
class Pictures:
    """What is drawn, panel by panel; where two columns give rows and columns, row by row."""

    names: list[str]
    images: np.ndarray  # (n_panels, n_neurons), NaN where there are no cells
    what: str
    counts: np.ndarray | None = None  # the cells of each panel, if it is a mean
    rows: tuple[str, ...] = ()  # the names of the rows, if each is a level of the first of two columns
    reference: int | None = None  # which column holds the reference, the others show the difference to it

    @property
    def ncols(self) -> int | None:
        """The columns of two-way pictures."""
        return len(self.names) // len(self.rows) if self.rows else None

    @property
    def titles(self) -> list[str]:
        """Name and number of cells of each panel; in rows the names stand above the first row only."""
        if self.counts is None:
            return self.names
        shown = self.ncols or len(self.names)
        names = [name if number < shown else "" for number, name in enumerate(self.names)]
        return [_groups.title(name, count) for name, count in zip(names, self.counts.tolist(), strict=True)]

    @property
    def has_cells(self) -> np.ndarray:
        """Which panels have cells, (n_panels,)."""
        return np.ones(len(self.names), dtype=bool) if self.counts is None else self.counts > 0

    @property
    def few(self) -> np.ndarray:
        """Which panels are the mean of few cells, (n_panels,)."""
        counts = np.full(len(self.names), _groups.FEW) if self.counts is None else self.counts
        return (counts > 0) & (counts < _groups.FEW)

    @property
    def is_reference(self) -> np.ndarray:
        """Which panels show the reference, (n_panels,)."""
        columns = np.arange(len(self.names)) % (self.ncols or 1)
        return columns == self.reference if self.reference is not None else np.zeros(len(columns), dtype=bool)

    def drawn(self, normalize: str | None, centre: np.ndarray | None = None) -> Pictures:
        """Return the pictures less a centre (n_neurons,) in the unit that they are drawn in, with what it is."""
        if centre is not None:
            what = f"{self.what} - mean of all cells"
            return replace(self, images=self.images - centre, what=what).drawn(normalize)
        if self.reference is not None:
            return self._differences(normalize)
        if normalize is None:
            return self
        return replace(self, images=relative(self.images), what=f"{self.what} / panel maximum")

    def for_scale(self) -> np.ndarray:
        """Return the images that set a scale which panels share."""
        known = np.isfinite(self.images[:, 0]) & ~self.is_reference
        many = known & ~self.few
        values = self.images[many if many.any() else known]
        return values if len(values) else np.zeros((1, 1))

    def _differences(self, normalize: str | None) -> Pictures:
        """Return the differences to the reference of each row, and each reference as a share of its maximum."""
        images = self.images.reshape(len(self.rows), -1, self.images.shape[1])
        at = int(self.reference or 0)
        reference = images[:, at : at + 1]
        differences = images - reference
        what = f"{self.what}, difference to {self.names[at]}"
        if normalize is not None:
            peak = np.abs(reference).max(axis=2, keepdims=True)
            differences = np.divide(differences, peak, out=np.zeros_like(differences), where=~(peak <= 0))
            what += " / its maximum"
        drawn = differences.reshape(self.images.shape)
        drawn[self.is_reference] = relative(self.images[self.is_reference])
        return replace(self, images=drawn, what=what)


def relative(images: np.ndarray) -> np.ndarray:
    """Return images divided by their largest absolute value; what is silent or unknown stays so."""
    peak = np.max(np.abs(images), axis=1, keepdims=True, where=np.isfinite(images), initial=0.0)
    return np.divide(images, peak, out=images.copy(), where=peak > 0)


def of_cells(adata: AnnData, key: str, cells: Any) -> Pictures:
    """Return a panel for each cell."""
    activations = _adata.read_activations(adata, key)
    rows = _rows(adata, cells)
    names = [str(name) for name in adata.obs_names[rows]]
    return Pictures(names=names, images=activations[rows].astype(np.float64), what="activation")


def of_groups(adata: AnnData, key: str, groupby: str | Sequence[str], groups: Any, reference: Any) -> Pictures:
    """Return a panel for each group of a column, or for each combination of two."""
    activations = _adata.read_activations(adata, key)
    columns = _checks.names("groupby", groupby)
    if not 1 <= len(columns) <= 2:
        msg = f"`groupby` must name one column of `adata.obs` or two, got {len(columns)}."
        raise about("groupby", ValueError(msg))
    if reference is not None and len(columns) == 1:
        msg = f"`reference` is a level of the second of two columns, got {reference!r} with `groupby`={groupby!r}."
        raise about("reference", ValueError(msg))
    labels = _groups.grouping(adata, columns[0], groups)
    if len(columns) == 2:
        return _of_two(activations, labels, _groups.grouping(adata, columns[1], None), reference)
    counts, images = _groups.means(activations, labels)
    return Pictures(names=list(map(str, labels.categories)), images=images, what="mean activation", counts=counts)


def _of_two(activations: np.ndarray, down: pd.Categorical, across: pd.Categorical, reference: Any) -> Pictures:
    """Return a panel for each combination of the levels of two columns, row by row."""
    rows, columns = list(map(str, down.categories)), list(map(str, across.categories))
    if reference is not None and str(reference) not in columns:
        msg = f"`reference` must be one of the levels {columns} of the second column, got {reference!r}."
        raise about("reference", ValueError(msg))
    if len(rows) * len(columns) > _groups.MOST_GROUPS:
        msg = f"`groupby` must give at most {_groups.MOST_GROUPS} panels, got {len(rows)} x {len(columns)} levels."
        raise about("groupby", ValueError(msg))
    both = (down.codes >= 0) & (across.codes >= 0)
    codes = np.where(both, down.codes.astype(int) * len(columns) + across.codes, -1)
    counts, images = _groups.means(activations, pd.Categorical.from_codes(codes, list(range(len(rows) * len(columns)))))
    at = None if reference is None else columns.index(str(reference))
    names = columns * len(rows)
    what = "mean activation"
    return Pictures(names=names, images=images, what=what, counts=counts, rows=tuple(rows), reference=at)


def _rows(adata: AnnData, cells: Any) -> np.ndarray:
    """Return the positions of the cells that names, positions or a mask stand for."""
    chosen = np.atleast_1d(np.asarray(cells))
    if chosen.dtype == bool:
        if chosen.shape != (adata.n_obs,):
            msg = f"`cells` as a mask needs one value for each of the {adata.n_obs} cells, got {chosen.size}."
            raise about("cells", ValueError(msg))
        return np.flatnonzero(chosen)
    if np.issubdtype(chosen.dtype, np.integer):
        outside = [row for row in chosen.tolist() if not -adata.n_obs <= row < adata.n_obs]
        if outside:
            msg = f"`cells` as positions must be below the number of cells, {adata.n_obs}, got {listed(outside)}."
            raise about("cells", ValueError(msg))
        return chosen
    unknown = [name for name in chosen.tolist() if name not in adata.obs_names]
    if unknown:
        hint = f" For a column of `adata.obs`: did you mean groupby={cells!r}?" if isinstance(cells, str) else ""
        msg = f"`cells` must be names from `adata.obs_names`, positions or a boolean mask, got {listed(unknown)}.{hint}"
        raise about("cells", KeyError(msg))
    return np.array([row for name in chosen.tolist() for row in np.flatnonzero(adata.obs_names == name)], dtype=int)
