"""Colours that the user gives for groups: a colour map, a list, or a dict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from scgsr import _adata, _checks
from scgsr._adata import Keys
from scgsr._checks import about, listed

if TYPE_CHECKING:
    from anndata import AnnData

Palette = str | Sequence[Any] | Mapping[Any, Any]


def of_groups(adata: AnnData, column: str, groups: Sequence[Any], palette: Palette | None) -> list[str]:
    """Return the colours of groups: those of the user, else those that are stored, else Scanpy's."""
    return colors(palette, groups) or _known(_adata.group_colors(adata, column, groups), column)


def of_modules(adata: AnnData, key: str, palette: Palette | None) -> list[str]:
    """Return a colour for each module: those of the user, else those of the labels."""
    given = colors(palette, _adata.module_names(adata, key))
    return given or _known(_adata.module_colors(adata, key), Keys(key).labels)


def _known(stored: list[str], column: str) -> list[str]:
    """Return the colours that are stored for a column of `.obs`, refused if matplotlib does not know one."""
    from matplotlib.colors import is_color_like

    if unknown := [color for color in stored if not is_color_like(color)]:
        raise _adata.not_colors(_adata.colors_of(column), repr(unknown[0]))
    return stored


def colors(palette: Palette | None, groups: Sequence[Any]) -> list[str] | None:
    """Return the colour of each of the groups as hex, None if the user leaves the choice to us."""
    import matplotlib as mpl
    from matplotlib.colors import to_hex

    if palette is None:
        return None
    if isinstance(palette, str):
        _checks.one_of("palette", palette, mpl.colormaps)
        scale = mpl.colormaps[palette]
        # The colours of a qualitative map are taken as they come, those of a continuous one at equal distances.
        step = 1 if scale.N < 256 else 255 / max(len(groups) - 1, 1)
        given = {group: scale(round(number * step) % scale.N) for number, group in enumerate(groups)}
    elif isinstance(palette, Mapping):
        by_name = {str(name): color for name, color in palette.items()}
        if missing := [group for group in groups if str(group) not in by_name]:
            msg = f"`palette` must have a colour for each group, got none for {listed(missing)}."
            raise about("palette", ValueError(msg))
        given = {group: by_name[str(group)] for group in groups}
    else:
        listing = _checks.names("palette", palette)
        if len(listing) < len(groups):
            msg = f"`palette` must have a colour for each of the {len(groups)} groups, got {len(listing)}."
            raise about("palette", ValueError(msg))
        given = dict(zip(groups, listing, strict=False))
    try:
        return [to_hex(given[group], keep_alpha=True) for group in groups]
    except ValueError as error:
        msg = f"`palette` must hold colours that matplotlib knows, got {listed(list(given.values()))}."
        raise about("palette", ValueError(msg)) from error
