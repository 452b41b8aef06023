"""What users of `scanpy.pl` try first, and what every picture checks of the arguments that all pictures share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from scgsr import _checks
from scgsr._checks import about
from scgsr.pl import _scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_P = ParamSpec("_P")
_R = TypeVar("_R")
# What a string in the second place is likely to mean, the likeliest first.
_MEANT = ("groupby", "color")

Figsize = tuple[float, float | None]


def picture(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Answer `save=` and a string in the second place with what to write instead."""
    names = inspect.signature(function).parameters
    by_place = [name for name, one in names.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    meant = next((name for name in _MEANT if name in names), None)
    # Pictures of several panels take axes for each, and look at them once they know how many there are.
    one_panel = "ax" in names and "Sequence" not in str(names["ax"].annotation)

    @functools.wraps(function)
    def draw(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if "save" in kwargs:
            msg = (
                f"`save` is no argument of `{function.__name__}`: take the figure and write it with `fig.savefig`, as "
            )
            msg += f"in `fig = scgsr.pl.{function.__name__}(..., return_fig=True); fig.savefig('picture.pdf')`."
            raise about("save", TypeError(msg))
        if len(args) > len(by_place) and isinstance(args[len(by_place)], str) and meant:
            given = args[len(by_place)]
            msg = f"`{meant}` must be given by name, got {given!r} by place; did you mean {meant}={given!r}?"
            raise about(meant, TypeError(msg))
        _checks.refuse_foreign(function, names, kwargs)
        _check_shared(kwargs, one_panel=one_panel)
        return function(*args, **kwargs)

    return draw


def _check_shared(given: Mapping[str, Any], *, one_panel: bool) -> None:
    """Refuse, before anything is drawn, what has the wrong type among the arguments that pictures share."""
    from matplotlib.axes import Axes

    if one_panel:
        hint = "`matplotlib.pyplot.subplots()[1]` makes some."
        _checks.instance("ax", given.get("ax"), (Axes, type(None)), hint=hint)
    _checks.instance("show", given.get("show"), (bool, type(None)))
    _checks.instance("key", given.get("key", ""), str)
    for name in ("return_fig", "center"):
        _checks.instance(name, given.get(name, False), bool)
    if given.get("cmap") is not None:
        _scale.colormap(given["cmap"])


def as_array(values: Any) -> np.ndarray:
    """Return what the user gives as an array; lists of several lengths are objects, which no check of numbers takes."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.asarray(values, dtype=object)


def checked_figsize(figsize: Any, ax: Axes | Sequence[Axes] | None = None) -> tuple[float | None, float | None]:
    """Return width and height in inches, None where they follow from what is drawn."""
    if figsize is None:
        return None, None
    if ax is not None:
        msg = f"`figsize` sets the size of a new figure, got {figsize!r} with `ax`; leave one of them out."
        raise about("figsize", ValueError(msg))
    if not isinstance(figsize, Sequence) or isinstance(figsize, str) or len(figsize) != 2:
        msg = f"`figsize` must be a width and a height in inches, as in (7.1, None), got {figsize!r}."
        raise about("figsize", TypeError(msg))
    width, height = (
        None if side is None else _checks.number("figsize", side, minimum=0, exclusive=True) for side in figsize
    )
    return width, height


def checked_heading(title: Any, ax: Any) -> str | None:
    """Return what stands above all panels, which a figure that the user has made does not get."""
    _checks.instance("title", title, (str, type(None)))
    if title is not None and ax is not None:
        msg = f"`title` stands above all panels of a new figure, got {title!r} with `ax`; call `fig.suptitle` yourself."
        raise about("title", ValueError(msg))
    return title


def checked_titles(title: Any, titles: list[str]) -> tuple[str, list[str]]:
    """Return what stands above all pictures, and the titles of each, as the user wants them."""
    if title is None:
        return "", titles
    if isinstance(title, str):
        return ("", [title]) if len(titles) == 1 else (title, titles)
    given = _checks.names("title", title)
    if len(given) != len(titles):
        msg = f"`title` must be one string or {len(titles)}, one for each panel, got {len(given)}."
        raise about("title", ValueError(msg))
    return "", [str(one) for one in given]
