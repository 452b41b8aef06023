"""Digits on an 8 x 8 sheet of neurons, in a classifier and in an autoencoder: can the sheet be read, and at what cost?

    python tests/benchmarks/paper/e_digits.py [--seeds 0 1 2 3 4] [--figure e_digits.png]

1,797 images of 8 x 8 pixels (scikit-learn). The classifier is plain torch, 64 - 128 - 64 - 10 with ReLU: the 64 are
the sheet, by three lines of `GraphSpectralPenalty`, or by a `StructuredLayer` in their place; 60 epochs of Adam at 1e-3
on two thirds of the images, drawn anew for each seed, all else on the other third. The autoencoder is `fit` on all
images, in the published network (by the one-cycle schedule: Adam at a constant 1e-4 takes about ten times as long, see
f_regularizers.py) and with its defaults.

What must be seen, at the smoothness of `JUDGED`, and how it is measured:

- accuracy (of the autoencoder, R2 on held-out images) unharmed: no more than `HARM` below that of the same network
  and seed with smoothness 0;
- a sheet that is smooth: neighbour correlation above that of smoothness 0 with neurons re-ordered afterwards by `GAIN`;
- a sheet that falls into segments of the digits, each in one piece: the largest connected share of a digit's segment,
  mean over digits, not below that of the re-ordered one, and every digit with a segment;
- pictures that differ: the mean cosine between the mean pictures of the digits does not rise by more than `ALIKE`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _common import SMOOTHNESS, asked, fitted, printed, published, reordered, verdict
from anndata import AnnData
from sklearn.datasets import load_digits
from torch import nn

import scgsr
from scgsr import _measures
from scgsr.graphs import grid

SHEET = grid(8)
N_DIGITS = 10
EPOCHS, BATCH = 60, 100
# Layer, penalty and smoothness of the classifiers; each layer's first is the network without a penalty.
CLASSIFIERS = [
    *(("ReLU", "quadratic", smoothness) for smoothness in SMOOTHNESS),
    *(("ReLU", "correlation", smoothness) for smoothness in (0.1, 1.0)),
    *(("StructuredLayer", "correlation", smoothness) for smoothness in (0.0, 0.1, 1.0)),
]
# Name, smoothness and arguments of the autoencoders.
AUTOENCODERS: list[tuple[str, float, dict[str, Any]]] = [
    *(("published", value, published(value, scale="common", learning_rate=5e-3, n_epochs=400)) for value in SMOOTHNESS),
    *(("defaults", value, {"smoothness": value}) for value in (0.0, 0.1)),
]
# The end of the published range, which is also the default of `fit`, was set before the first run; 1.0, from where the
# default comes down while it trains, was added after it, for the correlation penalty.
JUDGED = (0.1, 1.0)
HARM, GAIN, ALIKE = 0.01, 0.1, 0.1


def classifier(layer: str) -> tuple[nn.Sequential, nn.Module]:
    """Return a network and the module whose output is the sheet."""
    if layer == "ReLU":
        network = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, N_DIGITS))
        return network, network[3]
    sheet = scgsr.nn.StructuredLayer(128, SHEET, threshold=0.5, diffusion=0)
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), sheet, nn.Linear(64, N_DIGITS)), sheet


def classified(layer: str, penalty: str, smoothness: float, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Train; return the sheet's activations of the test images, (n_images, 64), their digits, and the accuracy."""
    pixels, digits = load_digits(return_X_y=True)
    x, y = torch.as_tensor(pixels / 16, dtype=torch.float32), torch.as_tensor(digits)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        order = torch.randperm(len(x))
        test, train = order[: len(x) // 3], order[len(x) // 3 :]
        network, sheet = classifier(layer)
        smooth = scgsr.nn.GraphSpectralPenalty(SHEET, penalty=penalty)  # the three lines: this,
        smooth.watch(sheet)  # this,
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
        for _ in range(EPOCHS):
            for rows in train[torch.randperm(len(train))].split(BATCH):
                loss = nn.functional.cross_entropy(network(x[rows]), y[rows])
                loss = loss + smoothness * smooth.value  # and this
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    seen: list[torch.Tensor] = []
    handle = sheet.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    network.eval()
    with torch.no_grad():
        right = network(x[test]).argmax(dim=1) == y[test]
    handle.remove()
    return seen[0].numpy(), digits[test.numpy()], float(right.float().mean())


def means_of(activations: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Return the mean picture of each digit, (10, 64)."""
    return np.stack([activations[digits == digit].mean(axis=0) for digit in range(N_DIGITS)])


def structure(activations: np.ndarray, digits: np.ndarray) -> dict[str, float]:
    """Return how smooth the sheet is, how it falls into segments, and how alike the digits' pictures are."""
    means = means_of(activations, digits)
    return {
        "neighbour correlation": _measures.neighbour_correlation(activations, SHEET.adjacency),
        "connected share": float(np.nanmean(_measures.segment_connectivity(means, SHEET.adjacency))),
        "digits with a segment": len(np.setdiff1d(_measures.segments(means), [-1])),
        "mean cosine": _measures.mean_cosine(means),
    }


def classifiers(seed: int, drawn: dict[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """Yield one row per classifier; what a figure shows goes into `drawn`."""
    for layer, penalty, smoothness in CLASSIFIERS:
        activations, digits, accuracy = classified(layer, penalty, smoothness, seed)
        if smoothness == 0:
            unharmed = accuracy
        pictures = {f"{layer}, {penalty}": activations}
        if smoothness == 0:
            pictures = {f"{layer}": activations, f"{layer}, re-ordered": reordered(activations, SHEET, seed)}
        for name, placed in pictures.items():
            drawn[f"{name}, {smoothness:g}"] = means_of(placed, digits)
            about = {"network": name, "smoothness": smoothness, "seed": seed, "accuracy": accuracy}
            yield {**about, "difference": accuracy - unharmed, **structure(placed, digits)}


def autoencoders(seed: int) -> Iterator[dict[str, Any]]:
    """Yield one row per autoencoder."""
    pixels, digits = load_digits(return_X_y=True)
    for name, smoothness, arguments in AUTOENCODERS:
        # As a representation, pixels are divided by one common scale: an image keeps its looks.
        adata = AnnData(pixels.astype(np.float32), obsm={"pixels": pixels.astype(np.float32)})
        activations, r2 = fitted(adata, SHEET, use_rep="pixels", rng=seed, **arguments)
        if smoothness == 0:
            unharmed = r2
        pictures = {name: activations}
        if smoothness == 0:
            pictures[f"{name}, re-ordered"] = reordered(activations, SHEET, seed)
        for label, placed in pictures.items():
            about = {"network": label, "smoothness": smoothness, "seed": seed, "held-out R2": r2}
            yield {**about, "difference": r2 - unharmed, **structure(placed, digits)}


def verdicts(table: pd.DataFrame) -> None:
    """Print what was claimed of each network that is judged, what was measured, and whether it was seen."""
    middle = table.groupby(["network", "smoothness"], sort=False).median(numeric_only=True)
    for (name, smoothness), found in middle.iterrows():
        if smoothness not in JUDGED:
            continue
        about, kind = f"{name}, {smoothness:g}", name.split(",")[0]
        plain, placed = middle.loc[(kind, 0.0)], middle.loc[(f"{kind}, re-ordered", 0.0)]
        lost, alike = found["difference"], found["mean cosine"] - plain["mean cosine"]
        smooth, order = found["neighbour correlation"], placed["neighbour correlation"]
        whole, before, owners = found["connected share"], placed["connected share"], found["digits with a segment"]
        verdict(f"{about}: unharmed", f"difference {lost:+.3f}", lost >= -HARM)
        verdict(
            f"{about}: smooth", f"neighbour correlation {smooth:.2f}, re-ordered {order:.2f}", smooth >= order + GAIN
        )
        verdict(
            f"{about}: segments in one piece",
            f"connected share {whole:.2f}, re-ordered {before:.2f}, {owners:.0f} digits",
            whole >= before and owners == N_DIGITS,
        )
        verdict(f"{about}: pictures differ", f"mean cosine {alike:+.2f} against smoothness 0", alike <= ALIKE)


def draw(drawn: dict[str, np.ndarray], file: str) -> None:
    """Draw the mean pictures of the digits and the segments, one row per network."""
    shown = [
        ("ReLU, 0", "ReLU, smoothness 0", False),
        ("ReLU, re-ordered, 0", "the same, re-ordered", False),
        ("ReLU, quadratic, 0.1", "ReLU, quadratic 0.1", False),
        ("ReLU, quadratic, 0.1", "the same, less\nthe grand mean", True),
        ("ReLU, correlation, 1", "ReLU, correlation 1", False),
        ("StructuredLayer, 0", "StructuredLayer,\nsmoothness 0", False),
        ("StructuredLayer, correlation, 1", "StructuredLayer,\ncorrelation 1", False),
    ]
    figure, axes = plt.subplots(len(shown), N_DIGITS + 1, figsize=(10, 0.82 * len(shown) + 0.5), layout="constrained")
    for row, (key, label, centred) in zip(axes, shown, strict=True):
        means = drawn[key]
        segments = _measures.segments(means).reshape(8, 8).astype(float)
        means = means - means.mean(axis=0) if centred else means
        limit = np.abs(means).max()
        for axis, mean in zip(row, means, strict=False):
            axis.imshow(
                mean.reshape(8, 8), cmap="RdBu_r" if centred else "viridis", vmin=-limit if centred else 0, vmax=limit
            )
        row[-1].imshow(np.where(segments < 0, np.nan, segments), cmap="tab10", vmin=-0.5, vmax=9.5)
        row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for digit, axis in enumerate(axes[0, :-1]):
        axis.set_title(str(digit), fontsize=12, fontweight="bold", color=plt.get_cmap("tab10")(digit))
    axes[0, -1].set_title("segments", fontsize=10)
    figure.suptitle(
        "Classifier: mean picture of each digit on the 8 x 8 sheet (one scale per row), and its segment", fontsize=11
    )
    figure.savefig(file, dpi=110)


def main() -> None:
    """Print both tables and the verdicts; draw."""
    options = asked(__doc__, seeds=5)
    drawn: dict[int, dict[str, np.ndarray]] = {seed: {} for seed in options.seeds}
    tables = []
    for title, rows in (
        ("Classifier", [row for seed in options.seeds for row in classifiers(seed, drawn[seed])]),
        ("Autoencoder", [row for seed in options.seeds for row in autoencoders(seed)]),
    ):
        sys.stdout.write(f"{title}\n\n")
        tables.append(printed(rows, ["network", "smoothness"]))
        sys.stdout.write("\n")
    for table in tables:
        verdicts(table)
    if options.figure:
        draw(drawn[options.seeds[0]], options.figure)


if __name__ == "__main__":
    main()
