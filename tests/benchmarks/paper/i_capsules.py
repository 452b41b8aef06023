"""Ten capsules of 16 neurons on digits: does neuron i code the same transformation in every capsule?

    python tests/benchmarks/paper/i_capsules.py [--seeds 0 1 2 3 4] [--figure i_capsules.png]

1,797 images of 8 x 8 pixels (scikit-learn), two thirds to train on and a third to test, anew for each seed. The network
is plain torch: 64 - 128 - 160 linear neurons, ten capsules of 16. The length of a capsule is the score of its digit; a
decoder 160 - 128 - 64 sees the capsule of the true digit only. The loss is the cross-entropy and ten times the mean
squared error, over 60 epochs of Adam at 1e-3. `GraphSpectralPenalty` ties neuron i of each capsule to neuron i of all
others.

What must be seen, for the settings of `JUDGED`, and how it is measured:

- accuracy unharmed: no more than `HARM` below that of the same network and seed with smoothness 0;
- neuron i does the same everywhere: it is raised by its standard deviation in the capsule of the true digit, and the
  mean change of the decoded image is correlated between two capsules. The mean over neurons and pairs of capsules is at
  least `SAME`, above all of `N_PERMUTATIONS` random orders of the neurons within capsules, and by `GAIN` above
  smoothness 0 with the neurons of each capsule matched to those of the first afterwards, by their activations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from _common import SMOOTHNESS, asked, printed, verdict
from sklearn.datasets import load_digits
from torch import Tensor, nn

import scgsr
from scgsr import _measures
from scgsr.graphs import capsules

N_DIGITS, SIZE = 10, 16
GRAPH = capsules(N_DIGITS, SIZE)
EPOCHS, BATCH = 60, 100
SETTINGS = [
    ("none", 0.0),
    *(("quadratic", value) for value in SMOOTHNESS if value),
    *(("correlation", v) for v in (0.1, 1.0)),
]
JUDGED = [("quadratic", 0.1), ("correlation", 0.1), ("correlation", 1.0)]
N_PERMUTATIONS = 99
HARM, SAME, GAIN = 0.01, 0.3, 0.1


class Capsules(nn.Module):
    """A classifier by the lengths of capsules, and a decoder of the true one."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, N_DIGITS * SIZE))
        self.decoder = nn.Sequential(nn.Linear(N_DIGITS * SIZE, 128), nn.ReLU(), nn.Linear(128, 64))

    def forward(self, images: Tensor, digits: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores, (batch, 10), and the images decoded, (batch, 64)."""
        poses = self.encoder(images)
        return poses.unflatten(1, (N_DIGITS, SIZE)).norm(dim=2), self.decoder(self.masked(poses, digits))

    @staticmethod
    def masked(poses: Tensor, digits: Tensor) -> Tensor:
        """Return the poses with all but the capsule of the digit at zero, (batch, 160)."""
        return poses * nn.functional.one_hot(digits, N_DIGITS).repeat_interleave(SIZE, dim=1)


def trained(penalty: str, smoothness: float, seed: int) -> tuple[Capsules, Tensor, Tensor]:
    """Train; return the network, and images and digits to test on."""
    pixels, labels = load_digits(return_X_y=True)
    x, y = torch.as_tensor(pixels / 16, dtype=torch.float32), torch.as_tensor(labels)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        order = torch.randperm(len(x))
        test, train = order[: len(x) // 3], order[len(x) // 3 :]
        network = Capsules()
        same = scgsr.nn.GraphSpectralPenalty(GRAPH, penalty="quadratic" if penalty == "none" else penalty)
        same.watch(network.encoder)
        optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
        for _ in range(EPOCHS):
            for rows in train[torch.randperm(len(train))].split(BATCH):
                scores, decoded = network(x[rows], y[rows])
                task = nn.functional.cross_entropy(scores, y[rows]) + 10 * (decoded - x[rows]).square().mean()
                optimiser.zero_grad()
                (task + smoothness * same.value).backward()
                optimiser.step()
    return network.eval(), x[test], y[test]


@torch.no_grad()
def effects(network: Capsules, images: Tensor, digits: Tensor) -> np.ndarray:
    """Return how each neuron of each capsule changes the image of its digit, (10, 16, 64)."""
    changes = torch.empty(N_DIGITS, SIZE, images.shape[1])
    for digit in range(N_DIGITS):
        own = digits == digit
        poses = network.masked(network.encoder(images[own]), digits[own])
        before = network.decoder(poses)
        for node in range(SIZE):
            place = digit * SIZE + node
            raised = poses.clone()
            raised[:, place] += poses[:, place].std()
            changes[digit, node] = (network.decoder(raised) - before).mean(dim=0)
    return changes.numpy()


def agreement(changes: np.ndarray) -> float:
    """Return the correlation of the changes by neuron i between two capsules, the mean over neurons and pairs."""
    centred = changes - changes.mean(axis=2, keepdims=True)
    units = centred / np.linalg.norm(centred, axis=2, keepdims=True).clip(1e-12)
    correlations = np.einsum("cip,dip->cd", units, units) / SIZE
    return float(correlations[np.triu_indices(N_DIGITS, k=1)].mean())


def permuted(changes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the changes with the neurons of each capsule in a random order."""
    return np.stack([capsule[rng.permutation(SIZE)] for capsule in changes])


def matched(changes: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Return the changes with the neurons of each capsule in the order of those of the first that they fire with."""
    each = poses.reshape(len(poses), N_DIGITS, SIZE)
    return np.stack([of[_measures.match_neurons(each[:, 0], each[:, n])] for n, of in enumerate(changes)])


def run(seed: int, drawn: dict[tuple[str, float], np.ndarray]) -> Iterator[dict[str, Any]]:
    """Yield one row per setting; the changes of the images go into `drawn`."""
    for penalty, smoothness in SETTINGS:
        network, images, digits = trained(penalty, smoothness, seed)
        with torch.no_grad():
            scores, decoded = network(images, digits)
            poses = network.encoder(images).numpy()
        accuracy = float((scores.argmax(dim=1) == digits).float().mean())
        r2 = 1 - float((decoded - images).square().sum() / (images - images.mean(dim=0)).square().sum())
        changes = drawn[penalty, smoothness] = effects(network, images, digits)
        rows = {penalty: changes}
        if smoothness == 0:
            unharmed = accuracy
            rows["none, matched"] = matched(changes, poses)
        for name, placed in rows.items():
            rng = np.random.default_rng(seed)
            null = [agreement(permuted(placed, rng)) for _ in range(N_PERMUTATIONS)]
            yield {
                "penalty": name,
                "smoothness": smoothness,
                "seed": seed,
                "accuracy": accuracy,
                "difference": accuracy - unharmed,
                "R2": r2,
                "agreement": agreement(placed),
                "null, median": float(np.median(null)),
                "null, largest": max(null),
            }


def verdicts(table: pd.DataFrame) -> None:
    """Print what was claimed of each judged setting, what was measured, and whether it was seen."""
    middle = table.groupby(["penalty", "smoothness"], sort=False).median(numeric_only=True)
    plain = middle.loc[("none, matched", 0.0), "agreement"]
    for penalty, smoothness in JUDGED:
        found = middle.loc[(penalty, smoothness)]
        about, lost, same = f"{penalty}, {smoothness:g}", found["difference"], found["agreement"]
        verdict(f"{about}: accuracy unharmed", f"difference {lost:+.3f}", lost >= -HARM)
        verdict(
            f"{about}: neuron i does the same in every capsule",
            f"agreement {same:.2f}, largest of the null {found['null, largest']:.2f}, matched afterwards {plain:.2f}",
            same >= max(SAME, plain + GAIN) and same > found["null, largest"],
        )


def draw(drawn: dict[tuple[str, float], np.ndarray], file: str) -> None:
    """Draw what three neurons do to the image of each digit, without and with a penalty."""
    shown = [("none", 0.0), ("quadratic", 0.1), ("correlation", 1.0)]
    n_nodes = 3
    figure, axes = plt.subplots(n_nodes * len(shown), N_DIGITS, figsize=(9, 8.2), layout="constrained")
    for block, setting in enumerate(shown):
        changes = drawn[setting]
        strongest = np.argsort(-np.linalg.norm(changes, axis=2).mean(axis=0))[:n_nodes]
        for row, node in zip(axes[block * n_nodes :], strongest, strict=False):
            for axis, change in zip(row, changes[:, node], strict=True):
                limit = np.abs(change).max()
                axis.imshow(change.reshape(8, 8), cmap="RdBu_r", vmin=-limit, vmax=limit)
                axis.set(xticks=[], yticks=[])
            name = "smoothness 0" if setting[1] == 0 else f"{setting[0]}, {setting[1]:g}"
            row[0].set_ylabel(f"{name}\nneuron {node}", rotation=0, ha="right", va="center", fontsize=9)
    for digit, axis in enumerate(axes[0]):
        axis.set_title(f"capsule {digit}", fontsize=8)
    figure.suptitle(
        "Change of the decoded digit if one neuron of its capsule is raised (one scale per image)", fontsize=11
    )
    figure.savefig(file, dpi=110)


def main() -> None:
    """Print the table and the verdicts; draw."""
    options = asked(__doc__, seeds=5)
    drawn: dict[int, dict[tuple[str, float], np.ndarray]] = {seed: {} for seed in options.seeds}
    verdicts(printed([row for seed in options.seeds for row in run(seed, drawn[seed])], ["penalty", "smoothness"]))
    if options.figure:
        draw(drawn[options.seeds[0]], options.figure)


if __name__ == "__main__":
    main()
