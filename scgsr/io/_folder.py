"""The FCS files of a folder, one per sample."""

from __future__ import annotations

import re
from pathlib import Path

from scgsr._checks import about, listed

_DIGITS = re.compile(r"([0-9]+)")
_NUMBERED = re.compile(r"\.[0-9]+")  # as in Data.001, from old cytometers; other programs number files, too
_ENDINGS = (".fcs", ".lmd")
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".7z", ".zst", ".rar")


def files_of(folder: Path) -> dict[str, Path]:
    """Return the FCS files of a folder by sample, "donor_2" before "donor_10", without hidden ones.

    The sample is the name of the file without its ending, unless that is a number, which tells samples apart.
    """
    seen = [file for file in folder.iterdir() if not file.name.startswith(".") and file.is_file()]
    files = [file for file in seen if _is_fcs(file)]
    _check_packed(folder, seen, found=bool(files))
    if not files:
        msg = (
            f"`path` must be an FCS file or a folder of them, but there is no file ending in .fcs or .lmd, and no FCS "
            f"file ending in a number such as .001, in {folder}."
        )
        raise about("path", ValueError(msg))
    files.sort(key=lambda file: (natural(_sample(file)), file.name))
    samples = {_sample(file): file for file in files}
    if len(samples) < len(files):
        twice = sorted({file.name for file in files} - {file.name for file in samples.values()})
        msg = (
            f"`path` has several files of one sample, that is differing only in the ending: rename {twice} in {folder}."
        )
        raise about("path", ValueError(msg))
    return samples


def _is_fcs(file: Path) -> bool:
    """Return whether a file is meant to be an FCS file."""
    if _NUMBERED.fullmatch(file.suffix):
        with file.open("rb") as handle:
            return handle.read(3) == b"FCS"
    return file.suffix.lower() in _ENDINGS


def _check_packed(folder: Path, seen: list[Path], *, found: bool) -> None:
    """Refuse packed FCS files that are not there unpacked as well, because their cells would be missing."""
    packed = [file for file in seen if file.suffix.lower() in _PACKED]
    names = {file.name for file in seen}
    missing = sorted(file.name for file in packed if not found or (_is_named_fcs(file.stem) and file.stem not in names))
    if missing:
        msg = (
            f"`path`: {listed(missing)} in {folder} are packed, and FCS files are read as they are; unpack them first."
        )
        raise about("path", ValueError(msg))


def _is_named_fcs(name: str) -> bool:
    ending = Path(name).suffix
    return ending.lower() in _ENDINGS or _NUMBERED.fullmatch(ending) is not None


def _sample(file: Path) -> str:
    return file.name if _NUMBERED.fullmatch(file.suffix) else file.stem


def natural(name: str) -> list[str | int]:
    """Return a key by which "donor_2" comes before "donor_10"."""
    return [int(part) if i % 2 else part for i, part in enumerate(_DIGITS.split(name))]
