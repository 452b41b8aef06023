"""How the values of a channel relate to intensities: its gain ($PnG) and logarithmic amplification ($PnE)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any


def decades(keywords: Mapping[str, Any], n: int) -> float:
    """Return how many decades the logarithmic amplifier of channel `n` spans, 0 where values are linear."""
    return _number(re.split("[,;]", str(keywords.get(f"p{n}e", "")))[0]) or 0.0


def gain(keywords: Mapping[str, Any], n: int) -> float | None:
    """Return by what the intensities of channel `n` were multiplied, None where the file does not say."""
    return _number(str(keywords.get(f"p{n}g", "")))


def _number(text: str) -> float | None:
    """Return a positive number; anything else, often a blank, says nothing."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
