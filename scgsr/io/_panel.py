"""Which channels a file has, and which a folder of files has in common."""

from __future__ import annotations

import itertools
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from scgsr._checks import about, log


class Panel(NamedTuple):
    """The channels of one file, in its order."""

    channels: list[str]  # $PnN
    markers: list[str]  # $PnS, "" where not set

    @property
    def names(self) -> list[str]:
        """Return the marker, or the channel where there is none."""
        return [
            marker or channel or f"P{n}"
            for n, (channel, marker) in enumerate(zip(self.channels, self.markers, strict=True), start=1)
        ]

    @property
    def keys(self) -> list[str]:
        """Return names by which files are compared: a repeated one needs its channel to be told from the other."""
        names = self.names
        uses = Counter(names)
        return unique(
            name if uses[name] == 1 else f"{name} ({channel})"
            for name, channel in zip(names, self.channels, strict=True)
        )

    def columns(self, keys: Iterable[str]) -> list[int]:
        """Return the columns of `keys` in the values of the file."""
        column = {key: number for number, key in enumerate(self.keys)}
        return [column[key] for key in keys]

    def only(self, keys: Iterable[str]) -> Panel:
        """Return the panel of `keys` alone."""
        columns = self.columns(keys)
        return Panel([self.channels[c] for c in columns], [self.markers[c] for c in columns])


def shared_panel(panels: Mapping[Path, Panel], *, refuse: bool) -> list[str]:
    """Return the keys that all files have, in the order of the first; raise ValueError if some file has others."""
    (first, first_panel), *others = panels.items()
    keys = first_keys = first_panel.keys
    for file, panel in others:
        keys_of_file = set(panel.keys)
        missing = [key for key in first_keys if key not in keys_of_file]
        extra = sorted(keys_of_file.difference(first_keys))
        if refuse and (missing or extra):
            msg = (
                f"`panel`='same': {os.fspath(file)} has another panel than {first.name}: it lacks {missing} and adds "
                f"{extra}; rename its channels, or read only what all files have with `panel='shared'`."
            )
            raise about("panel", ValueError(msg))
        keys = [key for key in keys if key in keys_of_file]
        _warn_of_other_channels(first, first_panel.only(keys), file, panel.only(keys))
    if not keys:
        msg = f"`path`: the files in {first.parent} have no channel in common."
        raise about("path", ValueError(msg))
    if not refuse:
        log.info("reading the %d channels that all %d files have", len(keys), len(panels))
    return keys


def _warn_of_other_channels(first: Path, first_panel: Panel, file: Path, panel: Panel) -> None:
    """Log which markers were measured by another detector, whose scale may differ."""
    differing = [
        f"{name} ({first_channel} and {channel})"
        for name, first_channel, channel in zip(panel.names, first_panel.channels, panel.channels, strict=True)
        if first_channel != channel
    ]
    if differing:
        log.warning("%s and %s measure by different channels: %s.", first.name, file.name, ", ".join(differing))


def unique(names: Iterable[str]) -> list[str]:
    """Append "-1", "-2", ... to the second, third, ... use of a name, passing over names that exist."""
    names = list(names)
    taken, used, result = set(names), set(), []
    numbers: defaultdict[str, Iterator[int]] = defaultdict(lambda: itertools.count(1))
    for name in names:
        if name in used:
            name = next(new for i in numbers[name] if (new := f"{name}-{i}") not in taken)
        taken.add(name)
        used.add(name)
        result.append(name)
    return result


def clean(name: str) -> str:
    """Drop the blanks and zero bytes that some writers pad names with."""
    return name.replace("\x00", "").strip()
