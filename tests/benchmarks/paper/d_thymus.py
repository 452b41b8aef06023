"""T cells of a mouse thymus: do the branches of their development activate regions of their own?

    SCGSR_DATA=folder python tests/benchmarks/paper/d_thymus.py [--seeds 0 1 2] [--figure d_thymus.png]

25,000 cells, 13 markers (CyTOF, arcsinh). A trajectory runs from the trunk into a CD4 and a CD8 branch; `late` cells
are the later half of a branch. 100 neurons on a learned graph: the defaults, and the setting released with the paper;
ten neurons on a path: the defaults, and the published network (by a one-cycle schedule of 2,000 steps instead of Adam
at 1e-4). Each stands beside the same network with smoothness 0, which on a learned graph still has one.
Three were added after a first run, in which no network told the branches apart better than smoothness 0 did:
`balanced`, the default fit of as many cells of the trunk and of each branch, 828, because nine in ten cells are of the
trunk; 100 neurons on a sheet; and, once `fit` had learned to prefer rare kinds, the sheet with `balance=0`, to tell
what that does.

What must be seen, of the regularised network, and how it is measured:

- the branches activate different regions: the cosine of the mean pictures of late CD4 and late CD8 cells is at most
  `ALIKE`, and of the fifth of the neurons that each activates most at most `OVERLAP` are common (Jaccard);
- those regions hang together: largest connected share of a group's segment at least that of smoothness 0;
- activation is ordered along the path with the trajectory: rank agreement at least `ORDERED`, and above that of
  smoothness 0 with neurons re-ordered afterwards;
- correlation of markers with neurons in one shared order of neurons, over the cells of a branch and as many of the
  trunk: profiles of CD4 and CD8 differ between the branches, those of shared markers agree. Measured is the
  correlation of a marker's two profiles, shared less CD4 and CD8, at least `APART`. Moran's I of the profiles says
  whether the shared order can be read; smoothness 0 has to stay below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import RELEASED, asked, fitted, printed, published, released_graph, reordered, shared_data, verdict
from anndata import AnnData
from PIL import Image

import scgsr
from scgsr import _measures
from scgsr.graphs import grid, learned, path
from scgsr.graphs._order import in_row

PATH = path(10)
FALLS_APART = released_graph(5000)
LONG: dict[str, Any] = {**RELEASED, "n_epochs": 12}
CYCLE: dict[str, Any] = {"learning_rate": 5e-3, "n_epochs": 45}
# Name, graph, smoothness, arguments; the judged one of each name is its largest smoothness.
FITS: list[tuple[str, Any, float, dict[str, Any]]] = [
    *(
        ("learned, released", FALLS_APART, value, {**RELEASED, "n_epochs": 12, "smoothness": value})
        for value in (0.0, 1e-3)
    ),
    *(("learned, defaults", learned(), value, {"smoothness": value}) for value in (0.0, 0.1)),
    *(("sheet, defaults", grid(10), value, {"smoothness": value}) for value in (0.0, 0.1)),
    *(("sheet, balance 0", grid(10), value, {"balance": 0, "smoothness": value}) for value in (0.0, 0.1)),
    *(("path, published", PATH, value, published(value, **CYCLE)) for value in (0.0, 1e-3, 1e-1)),
    *(("path, defaults", PATH, value, {"smoothness": value}) for value in (0.0, 0.1)),
]
BALANCED = [("balanced, learned, defaults", *fit) for name, *fit in FITS if name == "learned, defaults"]
SPECIFIC = ("CD4", "CD8")
# They rise, or fall (CD24), in either branch.
SHARED = ("CD3", "TCRb", "CD5", "CD27", "CD62L", "CD24")
BRANCHES = ("CD4_branch", "CD8_branch")
ALIKE, OVERLAP, ORDERED, APART = 0.5, 0.25, 0.5, 0.3


@dataclass(frozen=True)
class Cells:
    """Which cells are where on the trajectory."""

    trajectory: np.ndarray
    groups: dict[str, np.ndarray]  # rows of the trunk, of late CD4 and of late CD8 cells
    branches: dict[str, np.ndarray]  # rows of each branch and of as many cells of the trunk
    markers: pd.DataFrame

    @classmethod
    def of(cls, adata: AnnData) -> Cells:
        """Return those of the data set."""
        trajectory = adata.obs["wishbone_trajectory"].to_numpy(dtype=float)
        branch = adata.obs["wishbone_branch"].to_numpy()
        rows = {name: np.flatnonzero(branch == name) for name in ("trunk", *BRANCHES)}
        late = {name: rows[name][trajectory[rows[name]] >= np.median(trajectory[rows[name]])] for name in BRANCHES}
        trunk = np.random.default_rng(0).permutation(rows["trunk"])
        paths = {name: np.append(rows[name], trunk[: len(rows[name])]) for name in BRANCHES}
        groups = {"trunk": rows["trunk"], "late CD4": late["CD4_branch"], "late CD8": late["CD8_branch"]}
        return cls(trajectory, groups, paths, adata.to_df())

    def means(self, activations: np.ndarray) -> np.ndarray:
        """Return the mean picture of the trunk and of the late cells of each branch, (3, n_neurons)."""
        return np.stack([activations[rows].mean(axis=0) for rows in self.groups.values()])

    def profiles(self, activations: np.ndarray) -> list[np.ndarray]:
        """Return the correlation of each marker with each neuron in each branch, (n_markers, n_neurons)."""
        markers = self.markers.to_numpy()
        return [_measures.feature_correlation(markers[rows], activations[rows]) for rows in self.branches.values()]


def structure(activations: np.ndarray, adjacency: Any, cells: Cells) -> dict[str, float]:
    """Return how different, whole and ordered the pictures are, and how the markers' profiles compare."""
    means = cells.means(activations)
    top = np.argsort(-means[1:], axis=1)[:, : means.shape[1] // 5]
    common = len(np.intersect1d(*top))
    is_path = adjacency.shape[0] == PATH.n_neurons
    profiles = cells.profiles(activations)
    agree = pd.Series([_correlation(one, two) for one, two in zip(*profiles, strict=True)], cells.markers.columns)
    readable = [_measures.morans_i(np.nan_to_num(profile), adjacency).mean() for profile in profiles]
    return {
        "CD4-CD8 cosine": _measures.mean_cosine(means[1:]),
        "overlap": common / (top.size - common),
        "connected share": float(np.nanmean(_measures.segment_connectivity(means, adjacency))),
        "order": _measures.rank_agreement(activations, np.arange(10), cells.trajectory) if is_path else np.nan,
        "profiles: CD4, CD8": float(agree[list(SPECIFIC)].mean()),
        "profiles: shared": float(agree[list(SHARED)].mean()),
        "profiles: Moran's I": float(np.mean(readable)),
    }


def balanced(adata: AnnData, seed: int) -> AnnData:
    """Return as many cells of the trunk and of each branch as there are of the smallest."""
    branch = adata.obs["wishbone_branch"]
    chosen = branch.to_frame().groupby(branch, observed=True).sample(branch.value_counts().min(), random_state=seed)
    return adata[adata.obs_names.isin(chosen.index)].copy()


def run(
    adata: AnnData,
    fits: list[tuple[str, Any, float, dict[str, Any]]],
    seed: int,
    drawn: dict[tuple[str, float], AnnData],
) -> Iterator[dict[str, Any]]:
    """Yield one row per fit; the AnnData of each goes into `drawn`."""
    cells = Cells.of(adata)
    for name, graph, smoothness, arguments in fits:
        fit = drawn[name, smoothness] = adata.copy()
        activations, r2 = fitted(fit, graph, rng=seed, **arguments)
        adjacency = scgsr.get.model(fit).graph.adjacency
        pictures = {name: activations}
        if smoothness == 0 and graph is PATH:
            pictures[f"{name}, re-ordered"] = fit.obsm["re-ordered"] = reordered(activations, PATH, seed)
        for label, placed in pictures.items():
            about = {"network": label, "smoothness": smoothness, "seed": seed, "held-out R2": r2}
            yield {**about, **structure(placed, adjacency, cells)}


def verdicts(table: pd.DataFrame) -> None:
    """Print what was claimed of each regularised network, what was measured, and whether it was seen."""
    middle = table.groupby(["network", "smoothness"], sort=False).median(numeric_only=True)
    for name in dict.fromkeys(name for name, *_ in [*FITS, *BALANCED]):
        found, plain = middle.loc[name].iloc[-1], middle.loc[name].iloc[0]
        cosine, overlap, whole = found["CD4-CD8 cosine"], found["overlap"], found["connected share"]
        verdict(
            f"{name}: branches activate different regions",
            f"cosine {cosine:.2f}, overlap {overlap:.2f}; smoothness 0 {plain['CD4-CD8 cosine']:.2f}, "
            f"{plain['overlap']:.2f}",
            cosine <= ALIKE and overlap <= OVERLAP,
        )
        before = plain["connected share"]
        verdict(f"{name}: regions hang together", f"{whole:.2f}; smoothness 0 {before:.2f}", whole >= before)
        if np.isfinite(found["order"]):
            order, placed = found["order"], middle.loc[(f"{name}, re-ordered", 0.0), "order"]
            verdict(
                f"{name}: ordered along the path",
                f"rank agreement {order:.2f}; re-ordered {placed:.2f}",
                order >= ORDERED and order > placed,
            )
        shared, specific = found["profiles: shared"], found["profiles: CD4, CD8"]
        verdict(
            f"{name}: profiles differ for CD4 and CD8, agree for shared markers",
            f"shared {shared:.2f}, CD4 and CD8 {specific:.2f}",
            shared - specific >= APART,
        )
        readable, noise = found["profiles: Moran's I"], plain["profiles: Moran's I"]
        verdict(f"{name}: shared order can be read", f"Moran's I {readable:.2f}; 0: {noise:.2f}", readable > noise)


def draw(drawn: dict[tuple[str, float], AnnData], file: str) -> None:
    """Draw the branches on the learned graph, the trajectory on the path, and markers against neurons."""
    figure = plt.figure(figsize=(9, 8.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(2.2, 1))
    left, right = above.subfigures(1, 2, width_ratios=(2.2, 1))
    shown = [("learned, defaults", 0.0), ("learned, defaults", 0.1), ("sheet, defaults", 0.1)]
    for row, setting in zip(left.subplots(3, 3), shown, strict=True):
        fit = drawn[setting]
        cells, positions = Cells.of(fit), scgsr.get.model(fit).graph.positions
        about = f"{setting[0].split(',')[0]}, smoothness {setting[1]:g}"
        for axis, name, mean in zip(row, cells.groups, cells.means(fit.obsm["X_gsr"]), strict=True):
            # Nodes only: 1,000 edges would hide them, and the layout has already put neighbours together.
            axis.scatter(*positions.T, c=mean, s=18, vmin=0)
            axis.set_title(f"{name}\n{about}", fontsize=9)
            axis.set_aspect("equal")
            axis.set_axis_off()
    left.suptitle(
        "100 neurons on a learned graph and on a sheet:\nmean activation, bright is high (one scale per picture)",
        fontsize=10,
    )
    for axis, smoothness in zip(right.subplots(2, 1), (0.0, 0.1), strict=True):
        fit = drawn["path, defaults", smoothness]
        order = np.argsort(Cells.of(fit).trajectory, kind="stable")
        activations = fit.obsm["X_gsr" if smoothness else "re-ordered"]
        bins = np.stack([activations[rows].mean(axis=0) for rows in np.array_split(order, 100)])
        bins /= bins.max(axis=0).clip(1e-9)  # the trunk is faintly active
        axis.imshow(bins.T, aspect="auto", cmap="viridis")
        axis.set_title("smoothness " + (f"{smoothness:g}" if smoothness else "0, re-ordered"), fontsize=9)
        axis.set(xlabel="rank on the trajectory (%)", ylabel="neuron", yticks=range(0, 10, 3))
    right.suptitle("Path of ten neurons, each\nby its maximum", fontsize=10)
    fit = drawn["learned, defaults", 0.1]
    cells = Cells.of(fit)
    model = scgsr.get.model(fit)
    neurons = in_row(model.graph.adjacency, model.modules.labels)
    panels = below.subplots(1, 2, sharey=True)
    rows = [*SPECIFIC, *(name for name in cells.markers.columns if name not in SPECIFIC)]
    places = [cells.markers.columns.get_loc(name) for name in rows]
    for axis, name, profile in zip(panels, BRANCHES, cells.profiles(fit.obsm["X_gsr"]), strict=True):
        image = axis.imshow(profile[places][:, neurons], aspect="auto", cmap="RdBu_r", vmin=-1, vmax=1)
        axis.set_title(f"trunk and {name.replace('_', ' ')}", fontsize=9)
        axis.set(xlabel="neurons, one order", yticks=range(len(rows)), yticklabels=rows)
        axis.tick_params(labelsize=8)
    below.colorbar(image, ax=panels, label="correlation over cells")
    below.suptitle("Markers and neurons of the learned graph, smoothness 0.1", fontsize=10)
    figure.savefig(file, dpi=110)
    # Half as large, and the eye sees no difference.
    Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    """Print the table and the verdicts; draw."""
    options = asked(__doc__, seeds=3)
    adata = shared_data("thymus_masscyt.h5ad")
    drawn: dict[int, dict[tuple[str, float], AnnData]] = {seed: {} for seed in options.seeds}
    rows = [row for seed in options.seeds for row in run(adata, FITS, seed, drawn[seed])]
    rows += [row for seed in options.seeds for row in run(balanced(adata, seed), BALANCED, seed, drawn[seed])]
    verdicts(printed(rows, ["network", "smoothness"]))
    if options.figure:
        draw(drawn[options.seeds[0]], options.figure)


def _correlation(one: np.ndarray, two: np.ndarray) -> float:
    """Return the correlation of two profiles over the neurons that both have."""
    known = np.isfinite(one) & np.isfinite(two)
    return float(np.corrcoef(one[known], two[known])[0, 1])


if __name__ == "__main__":
    main()
