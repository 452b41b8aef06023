"""Which channels a file has, and which a folder of files has in common."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from scgsr._checks import log

_DIGITS = re.compile(r"([0-9]+)")


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
        """Return where `keys` are."""
        place = {key: column for column, key in enumerate(self.keys)}
        return [place[key] for key in keys]

    def only(self, keys: Iterable[str]) -> Panel:
        """Return the panel of `keys` alone."""
        columns = self.columns(keys)
        return Panel([self.channels[c] for c in columns], [self.markers[c] for c in columns])


def files_of(folder: Path) -> dict[str, Path]:
    """Return the FCS files of a folder by sample, "donor_2" before "donor_10", without hidden ones."""
    files = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() == ".fcs" and not file.name.startswith(".") and file.is_file()
    ]
    if not files:
        msg = f"`path` must be an FCS file or a folder of them, but there is no file ending in .fcs in {folder}."
        raise ValueError(msg)
    files.sort(key=lambda file: (_natural(file.stem), file.name))
    samples = {file.stem: file for file in files}
    if len(samples) < len(files):
        twice = sorted({file.name for file in files} - {file.name for file in samples.values()})
        msg = f"`path`: {folder} has several files of one sample, that is differing only in the ending: rename {twice}."
        raise ValueError(msg)
    return samples


def _natural(name: str) -> list[str | int]:
    return [int(part) if i % 2 else part for i, part in enumerate(_DIGITS.split(name))]


def shared_panel(panels: Mapping[Path, Panel], *, refuse: bool) -> list[str]:
    """Return the keys that all files have, in the order of the first; raise ValueError if some file has others."""
    (first, panel), *others = panels.items()
    keys = wanted = panel.keys
    for file, other in others:
        found = set(other.keys)
        missing, extra = [key for key in wanted if key not in found], sorted(found.difference(wanted))
        if refuse and (missing or extra):
            msg = (
                f"`path`: {os.fspath(file)} has another panel than {first.name}: it lacks {missing} and adds {extra}; "
                "rename its channels, or read only what all files have with `panel='shared'`."
            )
            raise ValueError(msg)
        keys = [key for key in keys if key in found]
        _warn_of_other_channels(first, panel.only(keys), file, other.only(keys))
    if not keys:
        msg = f"`path`: the files in {first.parent} have no channel in common."
        raise ValueError(msg)
    if not refuse:
        log.info("reading the %d channels that all %d files have", len(keys), len(panels))
    return keys


def _warn_of_other_channels(first: Path, panel: Panel, file: Path, other: Panel) -> None:
    """Say where a marker was measured by another detector, whose scale may differ."""
    moved = [
        f"{name} ({here} and {there})"
        for name, here, there in zip(panel.names, panel.channels, other.channels, strict=True)
        if here != there
    ]
    if moved:
        log.warning("%s and %s measure by different channels: %s.", first.name, file.name, ", ".join(moved))


def unique(names: Iterable[str]) -> list[str]:
    """Append "-1", "-2", ... to the second, third, ... use of a name, passing over names that exist."""
    names = list(names)
    taken, used, result = set(names), set(), []
    for name in names:
        if name in used:
            name = next(new for i in itertools.count(1) if (new := f"{name}-{i}") not in taken)
        taken.add(name)
        used.add(name)
        result.append(name)
    return result


def clean(name: str) -> str:
    """Drop the blanks and zero bytes that some writers pad names with."""
    return name.replace("\x00", "").strip()
