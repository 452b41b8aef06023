"""Digits through 32 neurons on a 4 x 8 torus: what do L1, L2 and graph penalties cost, and what do they buy?

    python tests/benchmarks/paper/f_regularizers.py [--seeds 0 1 2 3 4] [--figure f_regularizers.png]

1,797 images of 8 x 8 pixels (scikit-learn), a third held out as a test set, anew for each seed. Each penalty is
weighted by a constant 10^-5 to 10^5 on linear neurons (the published network), 10^-3 to 10^3 on selective ones (the
defaults of `fit`).

What must be seen, and how it is measured:

- GSR costs nothing at small weights: the test error, paired by seed with that of the same network without a penalty,
  rises by at most `FREE`. Errors are mean squared errors in units of the variance of the pixels: 1 is the mean image.
- It begins to hurt at no smaller a weight than L1 and L2 do.
- It buys structure that L1 and L2 do not: at weights that cost nothing, neighbours on the torus correlate more,
  by `GAIN`, than with L1 and L2 at weights that cost nothing, and more than without a penalty if neurons are
  put in order afterwards.

The default fit, whose weight comes down from 1 to 0.1 while it trains, must meet the first and the third claim too.
The published network trains by the one-cycle schedule of the defaults, 1,050 steps: Adam at a constant 1e-4 takes some
10,000 to come to the same error. Mean cosine is that between the mean pictures of the ten digits: 1 if all activate the
same place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from _common import asked, printed, published, verdict
from anndata import AnnData
from sklearn.datasets import load_digits

import scgsr
from scgsr import _measures
from scgsr.graphs import grid

TORUS = grid(4, 8, periodic=True)
PENALTIES = ("l1", "l2", "quadratic", "correlation")
DEFAULT = "default fit"
GSR = ("quadratic", "correlation")
# Arguments of `fit`; both train about 1,000 steps.
LAYERS: dict[str, dict[str, Any]] = {
    "linear": published(0, scale="common", learning_rate=5e-3, n_epochs=350),
    "selective": {},
}
WEIGHTS = {"linear": tuple(10.0**n for n in range(-5, 6, 2)), "selective": tuple(10.0**n for n in range(-3, 4, 2))}
# A rise of the test error, in units of the variance of the pixels, that counts as no cost.
FREE = 0.01
# By how much neighbours must correlate more.
GAIN = 0.1


def split(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the images to fit, those to test on, and the digits of the latter; pixels that never vary are left out."""
    pixels, digits = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(pixels))
    test, train = np.sort(order[: len(order) // 3]), np.sort(order[len(order) // 3 :])
    pixels = pixels[:, np.ptp(pixels[train], axis=0) > 0].astype(np.float32)
    return pixels[train], pixels[test], digits[test]


def fitted(train: np.ndarray, **arguments: Any) -> tuple[scgsr.FittedModel, np.ndarray]:
    """Fit; return the model and the activations of the images it was fitted to."""
    # As a representation, pixels are divided by one common scale: an image keeps its looks.
    adata = AnnData(train, obsm={"pixels": train})
    scgsr.tl.fit(adata, TORUS, use_rep="pixels", progress=False, **arguments)
    return scgsr.get.model(adata), adata.obsm["X_gsr"]


def structure(activations: np.ndarray, digits: np.ndarray) -> dict[str, float]:
    """Return how neurons at neighbouring places correlate, and how alike the mean pictures of the digits are."""
    means = np.stack([activations[digits == digit].mean(axis=0) for digit in range(10)])
    return {
        "neighbour correlation": _measures.neighbour_correlation(activations, TORUS.adjacency),
        "mean cosine": _measures.mean_cosine(means),
    }


def run(seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row per layer, penalty and weight."""
    train, test, digits = split(seed)

    def errors(model: scgsr.FittedModel) -> dict[str, float]:
        mean = train.mean(axis=0)
        of = {"train error": train, "test error": test}
        return {name: _error(model, images, mean) for name, images in of.items()}

    for layer, arguments in LAYERS.items():
        arguments = {**arguments, "smoothness": 0, "rng": seed}
        model, activations = fitted(train, **arguments)
        none, pictures = errors(model), model.activations(test)
        order = _measures.reorder(activations, TORUS.adjacency, rng=seed)
        for name, placed in (("none", pictures), ("none, re-ordered", pictures[:, order])):
            yield _row(layer, name, 0.0, seed, none, none, structure(placed, digits))
        for penalty in PENALTIES:
            for weight in WEIGHTS[layer]:
                constant = {"penalty": penalty, "smoothness": weight, "start": "random", "anneal": 1}
                model, _ = fitted(train, **{**arguments, **constant})
                found = structure(model.activations(test), digits)
                yield _row(layer, penalty, weight, seed, errors(model), none, found)
    model, _ = fitted(train, rng=seed)
    yield _row(layer, DEFAULT, 0.1, seed, errors(model), none, structure(model.activations(test), digits))


def verdicts(table: pd.DataFrame) -> None:
    """Print, for each layer, what was claimed, what was measured and whether it was seen."""
    for layer, rows in table.groupby("layer", sort=False):
        middle = rows.groupby(["penalty", "weight"], sort=False)[["rise", "neighbour correlation"]].median()
        upto = {penalty: _free_up_to(middle["rise"][penalty]) for penalty in PENALTIES}
        bought = {name: _bought(middle.loc[name], upto[name]) for name in PENALTIES}
        rivals = {name: bought[name] for name in ("l1", "l2")}
        rivals["re-ordered"] = float(middle.loc[("none, re-ordered", 0.0), "neighbour correlation"])
        plain = max(upto["l1"], upto["l2"])
        best, value = max(rivals.items(), key=lambda item: item[1])
        for penalty in GSR:
            about, free = f"{layer}, {penalty}", upto[penalty]
            verdict(f"{about}: costs nothing at small weights", f"rise <= {FREE} up to {free:g}", free > 0)
            verdict(
                f"{about}: hurts at no smaller a weight than L1 and L2",
                f"free up to {free:g}; L1 {upto['l1']:g}, L2 {upto['l2']:g}",
                free >= plain,
            )
            verdict(
                f"{about}: buys structure at no cost",
                f"neighbour correlation {bought[penalty]:.2f}; best of L1, L2, re-ordered {value:.2f} ({best})",
                bought[penalty] >= value + GAIN,
            )
    rise, smooth = middle.loc[(DEFAULT, 0.1)]
    verdict(DEFAULT + ": costs nothing", f"rise {rise:.3f}", rise <= FREE)
    verdict(
        f"{DEFAULT}: buys structure",
        f"neighbour correlation {smooth:.2f}; best of L1, L2, re-ordered {value:.2f} ({best})",
        smooth >= value + GAIN,
    )


def draw(table: pd.DataFrame, file: str) -> None:
    """Draw test error and neighbour correlation against the weight, one line per penalty."""
    figure, axes = plt.subplots(2, len(LAYERS), figsize=(9, 6), layout="constrained", sharex=True, sharey="row")
    for column, (layer, rows) in zip(axes.T, table.groupby("layer", sort=False), strict=True):
        middle = rows.groupby(["penalty", "weight"], sort=False).median(numeric_only=True)
        for axis, measure in zip(column, ("test error", "neighbour correlation"), strict=True):
            for penalty in PENALTIES:
                axis.plot(middle.loc[penalty].index, middle.loc[penalty, measure], "o-", ms=4, label=penalty)
            if DEFAULT in rows["penalty"].to_numpy():
                axis.plot(0.1, middle.loc[(DEFAULT, 0.1), measure], "k*", ms=11, label=DEFAULT)
            axis.axhline(middle.loc[("none", 0.0), measure], color="0.2", ls=":", label="none")
            if measure == "neighbour correlation":
                axis.axhline(
                    middle.loc[("none, re-ordered", 0.0), measure], color="0.2", ls="--", label="none, re-ordered"
                )
            axis.set(xscale="log", ylabel=measure if axis in axes[:, 0] else "")
        column[0].set_title(f"{layer} neurons ({'published' if layer == 'linear' else 'defaults'})")
        column[1].set_xlabel("weight of the penalty")
    axes[1, 1].legend(fontsize="small")
    figure.suptitle("Digits on a 4 x 8 torus: what penalties cost (above) and buy (below)")
    figure.savefig(file, dpi=110)


def main() -> None:
    """Print the table and the verdicts; draw."""
    options = asked(__doc__, seeds=5)
    table = printed([row for seed in options.seeds for row in run(seed)], ["layer", "penalty", "weight"])
    verdicts(table)
    if options.figure:
        draw(table, options.figure)


def _error(model: scgsr.FittedModel, images: np.ndarray, mean: np.ndarray) -> float:
    return float(np.square(model.reconstruct(images) - images).sum() / np.square(images - mean).sum())


def _row(
    layer: str,
    penalty: str,
    weight: float,
    seed: int,
    errors: dict[str, float],
    none: dict[str, float],
    found: dict[str, float],
) -> dict[str, Any]:
    about = {"layer": layer, "penalty": penalty, "weight": weight, "seed": seed}
    return {**about, **errors, "rise": errors["test error"] - none["test error"], **found}


def _free_up_to(rises: pd.Series) -> float:
    """Return the largest weight up to which no weight costs anything; 0 if the smallest does."""
    free = rises.index[np.cumprod(rises.to_numpy() <= FREE).astype(bool)]
    return float(free.max()) if len(free) else 0.0


def _bought(of_weight: pd.DataFrame, upto: float) -> float:
    """Return the largest neighbour correlation at a weight that costs nothing."""
    free = of_weight.loc[of_weight.index <= upto, "neighbour correlation"]
    return float(free.max()) if len(free) else float("nan")


if __name__ == "__main__":
    main()
