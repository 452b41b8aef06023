"""`rng` -> NumPy and torch generators; the only file that seeds anything.

Global random state is never touched, as all threads of a process share it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn

from scgsr._checks import about

Rng = int | np.integer | np.random.SeedSequence | np.random.Generator


def seed_from(rng: Rng) -> int:
    """Return one non-negative 63-bit seed: `rng` itself if it is an integer, else one derived from it.

    A Generator is advanced by one draw, as any consumer would.
    """
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**63 - 1))
    if isinstance(rng, np.random.SeedSequence):
        return int(rng.generate_state(1, np.uint64)[0] >> np.uint64(1))
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer):
        msg = f"`rng` must be an integer, a SeedSequence or a Generator of NumPy, got {rng!r} of {type(rng).__name__}."
        raise about("rng", TypeError(msg))
    if not 0 <= rng < 2**63:
        msg = f"`rng` must be an integer from 0 to 2**63 - 1, got {rng}."
        raise about("rng", ValueError(msg))
    return int(rng)


def generator(rng: Rng) -> np.random.Generator:
    """Return a NumPy Generator; one that is given is used as it is, so that it advances."""
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(seed_from(rng))


def torch_generator(rng: Rng, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a torch Generator on `device`."""
    return torch.Generator(device=device).manual_seed(seed_from(rng))


def spawn(seed: int, n: int) -> list[int]:
    """Return `n` independent seeds: what one draws leaves the others unchanged."""
    return [seed_from(child) for child in np.random.SeedSequence(seed).spawn(n)]


def draw_weights(module: nn.Module, seed: int) -> None:
    """Draw the weights of all linear layers anew, from the distribution and in the order in which torch does."""
    rng = torch_generator(seed)
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, a=math.sqrt(5), generator=rng)
            if layer.bias is not None:
                bound = 1 / math.sqrt(layer.in_features)
                nn.init.uniform_(layer.bias, -bound, bound, generator=rng)
