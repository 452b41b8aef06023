"""From values and the user's limits to one colour scale, and the greys of what has no value on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from scgsr import _checks
from scgsr._checks import about

if TYPE_CHECKING:
    from matplotlib.colors import Colormap, Normalize

# A neuron that never fires, wherever it is drawn.
DEAD = "0.7"
# A number that is not defined.
UNDEFINED = "0.8"


def norm(
    values: np.ndarray,
    *,
    vmin: float | str | None = None,
    vmax: float | str | None = None,
    vcenter: float | None = None,
) -> Normalize:
    """Return the colour scale for `values`; limits are numbers or percentiles such as ``"p99"``.

    Without `vcenter` the scale starts at 0, silence, or below if values are. With it the scale is symmetric about it,
    unless both limits are given: then each side has its own.
    """
    low, high = _limit("vmin", vmin, values), _limit("vmax", vmax, values)
    if vcenter is None:
        return _sequential(values, low, high, percentile=isinstance(vmax, str))
    return _diverging(values, low, high, _checks.number("vcenter", vcenter))


def colormap(cmap: str | Colormap) -> Colormap:
    """Return a colour map of matplotlib, which may be given by its name."""
    import matplotlib as mpl
    from matplotlib.colors import Colormap

    _checks.instance("cmap", cmap, (str, Colormap))
    if isinstance(cmap, str) and cmap not in mpl.colormaps:
        msg = f"`cmap`={cmap!r} is no colour map; `matplotlib.colormaps` lists them, such as 'viridis'."
        raise about("cmap", ValueError(msg))
    return mpl.colormaps[cmap] if isinstance(cmap, str) else cmap


def beyond(norm: Normalize, values: Sequence[np.ndarray]) -> str:
    """Return at which ends some of the values lie beyond the limits, in the words of a colour bar."""
    below = any(part.min() < norm.vmin for part in values)
    above = any(part.max() > norm.vmax for part in values)
    return "both" if below and above else "min" if below else "max" if above else "neither"


def with_grey(cmap: str | Colormap, grey: str = DEAD) -> Colormap:
    """Return the colour map with a grey, by default that of a dead neuron, for what has no value."""
    return colormap(cmap).with_extremes(bad=grey)


def _sequential(values: np.ndarray, low: float | None, high: float | None, *, percentile: bool) -> Normalize:
    from matplotlib.colors import Normalize

    low = min(0.0, float(values.min())) if low is None else low
    if high is None:
        largest = float(values.max())
        # Where all is silent any width will do.
        high = largest if largest > low else low + 1
    elif percentile and high == low:  # most is silent
        high = max(float(values.max()), low) if values.max() > low else low + 1
    if not low < high:
        msg = f"`vmin` must be below `vmax`, got {low:g} and {high:g}."
        raise about("vmin", ValueError(msg))
    return Normalize(low, high)


def _diverging(values: np.ndarray, low: float | None, high: float | None, centre: float) -> Normalize:
    from matplotlib.colors import TwoSlopeNorm

    if low is not None:
        reach = centre - low
    elif high is not None:
        reach = high - centre
    else:
        reach = float(np.abs(values - centre).max()) or 1.0
    low, high = centre - reach if low is None else low, centre + reach if high is None else high
    if not low < centre < high:
        msg = f"`vcenter` must lie between `vmin` and `vmax`, got {centre:g} for {low:g} and {high:g}."
        raise about("vcenter", ValueError(msg))
    return TwoSlopeNorm(centre, low, high)


def _limit(name: str, limit: float | str | None, values: np.ndarray) -> float | None:
    """Return a limit as a number."""
    if limit is None or not isinstance(limit, str):
        return None if limit is None else _checks.number(name, limit)
    try:
        return float(np.percentile(values, float(limit.removeprefix("p"))))
    except ValueError:
        msg = f"`{name}` must be a number or a percentile such as 'p99', got {limit!r}."
        raise about(name, ValueError(msg)) from None
