"""How far a long walk over rows or bytes has come, and what is left, shown in a terminal."""

from __future__ import annotations

from typing import Any


def bar(title: str, total: int, *, unit: str, progress: bool | None) -> Any:
    """Return a bar of tqdm, to be used as a context; `progress` None shows it in a terminal only."""
    from tqdm.auto import tqdm

    disable = None if progress is None else not progress
    return tqdm(desc=title, total=total, unit=unit, unit_scale=True, disable=disable, leave=False)
