"""Draw the strip of the page on choices: what smoothness, threshold and noise do to the pictures of two gates.

SCGSR_DATA=<folder> python tests/benchmarks/knobs.py .github/images/knobs.png
"""

from __future__ import annotations

import sys

import matplotlib.pyplot as plt

import scgsr

GATES = ["CD4SP", "CD8SP"]
# Heading and what differs from the defaults.
SETTINGS = [
    ("defaults", {}),
    ("smoothness 0", {"smoothness": 0}),
    ("smoothness 1", {"smoothness": 1}),
    ("threshold 0", {"threshold": 0}),
    ("threshold 1.5", {"threshold": 1.5}),
    ("noise 0", {"noise": 0}),
    ("noise 1", {"noise": 1}),
]


def main() -> None:
    """Fit once for each setting and draw."""
    adata = scgsr.datasets.thymus_masscyt()
    figure, axes = plt.subplots(
        len(GATES), len(SETTINGS), figsize=(1.15 * len(SETTINGS), 1.2 * len(GATES) + 0.45), layout="constrained"
    )
    for column, (heading, changed) in zip(axes.T, SETTINGS, strict=True):
        scgsr.tl.fit(adata, (10, 10), progress=False, **changed)
        history = adata.uns["gsr"]["history"]
        r2 = history.loc[history["kept"].astype(bool), "validation_r2"].iloc[-1]
        images = scgsr.get.images(adata)
        for gate, axis in zip(GATES, column, strict=True):
            mean = images[(adata.obs["gate_cd4_cd8"] == gate).to_numpy()].mean(axis=0)
            axis.imshow(mean, cmap="viridis", vmin=0)
            axis.set(xticks=[], yticks=[])
        column[0].set_title(f"{heading}\nR² {r2:.3f}", fontsize=8)
    for gate, axis in zip(GATES, axes[:, 0], strict=True):
        axis.set_ylabel(gate, fontsize=8)
    figure.savefig(sys.argv[1], dpi=150)


if __name__ == "__main__":
    main()
