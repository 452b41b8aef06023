"""`datasets.yaml` -> files on this machine, each with the checksum it must have."""

from __future__ import annotations

import functools
import os
from importlib.resources import files
from pathlib import Path
from typing import Any, cast


@functools.cache
def registry() -> dict[str, Any]:
    """Return the content of `datasets.yaml`: data set -> source, licence, citation, files."""
    import yaml  # slow to import

    text = files("scgsr.datasets").joinpath("datasets.yaml").read_text(encoding="utf-8")
    return cast("dict[str, Any]", yaml.safe_load(text))


def provenance(dataset: str) -> dict[str, str]:
    """Return where `dataset` comes from, for `.uns`."""
    return {key: registry()[dataset][key] for key in ("source", "licence", "citation")}


def fetch(dataset: str, file: str) -> Path:
    """Return the path of `file`, downloaded unless the cache folder has it with the right checksum.

    Nothing is written when it has.
    """
    import pooch  # slow to import

    entry = registry()[dataset]["files"][file]
    folder = _cache_folder()
    try:
        return Path(pooch.retrieve(entry["url"], known_hash=f"sha256:{entry['sha256']}", fname=file, path=folder))
    except OSError as error:
        msg = (
            f"{file} could not be fetched from {entry['url']} into {folder} ({error}); without a network, "
            "set the environment variable SCGSR_DATA to a folder that has it."
        )
        raise OSError(msg) from error


def _cache_folder() -> Path:
    import pooch  # slow to import

    return Path(os.environ.get("SCGSR_DATA") or pooch.os_cache("scgsr")).expanduser()
