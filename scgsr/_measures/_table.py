"""The table of measures of one fit, each with its null, taken on samples of the cells that keep it quick."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.sparse import csr_matrix

from scgsr._measures import _agreement, _halves, _mixing, _null, _pictures, _regions, _tears
from scgsr._measures._halves import Search
from scgsr._modules import Modules
from scgsr.graphs import diffusion, edge_jaccard
from scgsr.nn import unit_pictures

# Pictures are measured on at most so many cells, drawn at random.
_MOST_CELLS = 20_000
# A measure whose null needs all cells in every permutation is taken on at most so many.
_MOST_CELLS_PERMUTED = 1000
# Neighbours among the cells are sought among at most so many.
_MOST_CELLS_APART = 5000
# Directions that the layer damps to less than this are not restored when its diffusion is undone.
_DAMPED_AWAY = 1e-5

Statistic = Callable[[np.ndarray], Any]


@dataclass(frozen=True, eq=False)
class Fit:
    """What the measures of a fit are taken from."""

    activations: np.ndarray  # (n_cells, n_neurons)
    adjacency: csr_matrix  # (n_neurons, n_neurons)
    coactivation: csr_matrix  # (n_neurons, n_neurons)
    modules: Modules  # by whose responses cells are labelled
    labels: np.ndarray  # (n_cells,) of strings
    validation_r2: float  # NaN where none is known
    diffusion_steps: int = 0  # by which the layer spreads activation to neighbours by itself
    explainable_r2: float = float("nan")  # what components explain of held-out cells, NaN where it is not known
    search: Search | None = None  # how the modules were looked for; None: what needs it is not measured


class Table:
    """The measures of one fit, which the methods `add_...` take and add row by row."""

    def __init__(self, fit: Fit, *, n_permutations: int, rng: np.random.Generator) -> None:
        self.fit, self.n_permutations, self.rng = fit, n_permutations, rng
        # Of its own, so that what else is measured does not move whether labels hold.
        (self.rng_of_halves,) = rng.spawn(1)
        order = rng.permutation(len(fit.activations))
        self.sample, self.small_sample = np.sort(order[:_MOST_CELLS]), np.sort(order[:_MOST_CELLS_PERMUTED])
        self.rows: list[tuple[Any, ...]] = []
        if fit.diffusion_steps:
            spread = diffusion(fit.adjacency, fit.diffusion_steps)
            self.spread, self.undo = csr_matrix(spread), np.linalg.pinv(spread, rcond=_DAMPED_AWAY)

    def add(
        self, metric: str, value: float, *, group: str = "", null: np.ndarray | None = None, low: bool = False
    ) -> None:
        """Add one row; without a null its columns are NaN. The p-value is of values as high, or as `low`."""
        known = np.empty(0) if null is None else null[np.isfinite(null)]
        mean, sd = (float(known.mean()), float(known.std())) if len(known) else (np.nan, np.nan)
        z = (value - mean) / sd if sd > 1e-12 else np.nan
        p = _null.p_value(-known, -value) if low else _null.p_value(known, value)
        self.rows.append((metric, group, float(value), mean, sd, z, p))

    def null(self, statistic: Statistic, rows: np.ndarray) -> np.ndarray:
        """
        Return the statistic with neurons in other places, (n_permutations, ...).

        Where the layer diffuses activation over the graph, the diffusion is undone before neurons are permuted and done
        again afterwards, so that the null has the smoothness that the layer makes by itself. In the null of measures
        that are taken from second moments bright cells then count more, which makes their p-values a little too large.
        """
        through = statistic
        if self.fit.diffusion_steps:
            through, rows = lambda moved: statistic(moved @ self.spread), rows @ self.undo
        return _null.permutation_null(through, rows, n_permutations=self.n_permutations, rng=self.rng)

    def frame(self) -> pd.DataFrame:
        """Return the table; its index is of strings, as files want it."""
        columns = ["metric", "group", "value", "null_mean", "null_sd", "z", "p"]
        return pd.DataFrame(self.rows, columns=columns, index=[str(row) for row in range(len(self.rows))])

    def overall(self) -> dict[str, float]:
        """Return the values of the rows without a group."""
        return {metric: value for metric, group, value, *_ in self.rows if not group}

    def add_network(self) -> None:
        """Add whether the network carries anything."""
        activations = self.fit.activations
        self.add("validation_r2", self.fit.validation_r2)
        self.add("explainable_r2", self.fit.explainable_r2)
        self.add("dead_neurons", float((np.ptp(activations, axis=0) == 0).mean()))
        self.add("silent_cells", float((activations == 0).all(axis=1).mean()))

    def add_pictures(self) -> None:
        """Add how smooth and how local the pictures are, as means over cells."""
        activations, adjacency = self.fit.activations[self.sample], self.fit.adjacency
        # The mean over cells follows from second moments alone: a null is taken from few rows instead of all cells.
        pictures = _pictures.same_moments(_pictures.at_unit_contrast(activations))
        for metric, measure, form in (
            ("morans_i", _pictures.morans_i, _pictures.moran_form(adjacency)),
            ("low_frequency_share", _pictures.low_frequency_share, _pictures.low_pass(adjacency)),
        ):
            value = _mean_of_known(measure(activations, adjacency))
            self.add(metric, value, null=self.null(_quotient_of(form), pictures))

        neurons = _pictures.same_moments(_pictures.centred_neurons(activations))
        null = self.null(lambda rows: _pictures.edge_correlation(rows, adjacency), neurons)
        self.add("neighbour_correlation", _pictures.neighbour_correlation(activations, adjacency), null=null)

        cells = self.fit.activations[self.small_sample]
        value = _mean_of_known(_pictures.localisation(cells, adjacency))
        self.add("localisation", value, null=self.null(_local_on(adjacency), cells))

    def add_labels(self) -> None:
        """Add how many modules there are, from how many cells, and whether halves of the cells give the same labels."""
        activations, search = self.fit.activations, self.fit.search
        self.add("modules", self.fit.modules.n_modules)
        if search is not None:
            self.add("module_cells", len(search.lit_rows(activations)))
            self.add("label_halves_ari", _halves.label_halves_ari(activations, search, self.rng_of_halves))

    def add_shape(self) -> None:
        """Add whether the cells have the shape of the graph, if it has no branches: of a sheet nothing is added."""
        adjacency, search = self.fit.adjacency, self.fit.search
        if search is None or not _tears.has_no_branches(adjacency):
            return
        cells = self.fit.activations[self.sample[:_MOST_CELLS_APART]]
        found = _tears.borders(cells, search.coordinates(cells), adjacency)
        self.add("torn_neighbours", found.torn)
        self.add("ring_closure", found.closure)

    def add_regions(self, groups: pd.Categorical, *, own_labels: bool = False) -> None:
        """Add whether groups activate different regions, each in one piece, and whether modules tell them apart."""
        members = [groups.codes == code for code in range(len(groups.categories))]
        means = np.stack([self.fit.activations[cells].mean(axis=0, dtype=np.float64) for cells in members])
        # Of a linear code opposite signs activate the same place.
        self.add("mean_cosine", _regions.mean_cosine(np.abs(means)))
        if not own_labels:  # which differ by construction
            cosine, one, other = _regions.most_alike(np.abs(means))
            self.add("most_alike", cosine, group=" / ".join(str(groups.categories[code]) for code in (one, other)))
        labels = np.array([None if code < 0 else code for code in groups.codes], dtype=object)
        responses = self.fit.modules.responses(self.fit.activations)
        areas = _with_mean(_regions.module_auroc(responses, labels).to_numpy())
        pieces = _in_one_piece_on(self.fit.adjacency)
        connected, null = pieces(means), self.null(pieces, means)
        names = ["", *map(str, groups.categories)]
        for row, name in enumerate(names):
            self.add("segment_connectivity", connected[row], group=name, null=null[:, row])
        for row, name in enumerate(names):
            self.add("module_auroc", areas[row], group=name)
        silent = ~np.asarray(self.fit.activations.any(axis=1))
        for cells, name in zip(members, names[1:], strict=True):
            self.add("silent_cells", float(silent[cells].mean()), group=name)

    def add_batches(self, batches: pd.Categorical) -> None:
        """Add whether batches lie among each other inside modules, and what they explain of the activations.

        In the null batches change places among the cells of a label.
        """
        sample = self.sample[:_MOST_CELLS_APART]
        activations, labels, codes = self.fit.activations[sample], self.fit.labels[sample], batches.codes[sample]
        near = _mixing.neighbours(unit_pictures(torch.from_numpy(activations)).numpy())
        moved = list(_mixing.within(codes, labels, self.n_permutations, self.rng))
        null = np.array([_mixing.mixing(near, at_random) for at_random in moved])
        self.add("batch_mixing", _mixing.mixing(near, codes), null=null, low=True)
        null = np.array([_mixing.explained_by_batch(activations, at_random) for at_random in moved])
        self.add("batch_r2", _mixing.explained_by_batch(activations, codes), null=null)

    def add_angle(self, angle: np.ndarray) -> None:
        """Add how well cells go around the ring as their angle does."""
        cells, angle = self.fit.activations[self.small_sample], angle[self.small_sample]
        order = _agreement.ring_order(self.fit.adjacency)
        resultant: Statistic = lambda rows: _agreement.circular_agreement(rows[:, order], angle)[0]
        self.add("circular_resultant", resultant(cells), null=self.null(resultant, cells))
        self.add("winding", _agreement.circular_agreement(cells[:, order], angle)[1])

    def add_pseudotime(self, pseudotime: np.ndarray) -> None:
        """Add how well cells lie along the graph as their pseudotime says."""
        cells, pseudotime = self.fit.activations[self.small_sample], pseudotime[self.small_sample]
        coordinate = _agreement.direction(self.fit.adjacency)
        agreement: Statistic = lambda rows: _agreement.rank_agreement(rows, coordinate, pseudotime)
        self.add("rank_agreement", agreement(cells), null=self.null(agreement, cells))

    def add_baseline(self, control: Fit) -> None:
        """Add what the penalty costs in R2, and gains in smoothness over neurons that are put in order afterwards."""
        activations, adjacency = control.activations[self.sample], self.fit.adjacency
        order = _null.reorder(activations, adjacency, rng=self.rng)
        ordered = activations[:, order]
        # What the layer of this fit does by itself, the baseline may do too.
        if self.fit.diffusion_steps and not control.diffusion_steps:
            ordered = ordered @ self.spread
        reached = _mean_of_known(_pictures.morans_i(ordered, adjacency))
        smooth = self.overall()["morans_i"]
        self.add("r2_minus_baseline", self.fit.validation_r2 - control.validation_r2)
        self.add("baseline_morans_i", reached)
        self.add("morans_i_ratio", smooth / reached if reached > 0 else np.nan)

    def add_other(self, name: str, other: Fit) -> None:
        """Add how far a fit of another seed agrees: in the labels, and in which neurons fire together."""
        from sklearn.metrics import adjusted_rand_score

        self.add("label_ari", adjusted_rand_score(self.fit.labels, other.labels), group=name)
        partner = _agreement.match_neurons(self.fit.activations[self.sample], other.activations[self.sample])
        matched = other.coactivation[partner][:, partner]
        self.add("edge_jaccard", edge_jaccard(self.fit.coactivation, matched), group=name)


def _quotient_of(form: csr_matrix | np.ndarray) -> Statistic:
    return lambda pictures: _pictures.pooled_quotient(pictures, form)


def _local_on(adjacency: csr_matrix) -> Statistic:
    near = _pictures.within(adjacency)
    return lambda pictures: _mean_of_known(_pictures.share_within(pictures, near))


def _in_one_piece_on(adjacency: csr_matrix) -> Statistic:
    return lambda means: _with_mean(_regions.segment_connectivity(means, adjacency))


def _mean_of_known(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; NaN if all are."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")


def _with_mean(values: np.ndarray) -> np.ndarray:
    """Return the values behind the mean of those that are not NaN, (1 + n_values,)."""
    return np.array([_mean_of_known(values), *values])
