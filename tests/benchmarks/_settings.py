"""The training whose single steps are timed."""

from __future__ import annotations

from scgsr._train import TrainConfig


def settings_of_a_step(batch_size: int, precision: str | None, *, anneal: float) -> TrainConfig:
    """Return how to train for single steps, from random weights, with one penalty."""
    return TrainConfig(
        smoothness=0.1,
        start="random",
        anneal=anneal,
        balance=0.0,
        penalty="correlation",
        laplacian="combinatorial",
        n_epochs=1,
        batch_size=batch_size,
        learning_rate=5e-3,
        validation_fraction=0.0,
        early_stopping=False,
        precision=precision,
    )
