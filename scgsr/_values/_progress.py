"""How far a long walk over rows or bytes has come, and what is left, shown in a terminal or a notebook."""

from __future__ import annotations

import sys
from typing import Any


def bar(title: str, total: int, *, unit: str, progress: bool | None) -> Any:
    """Return a bar of tqdm, to be used as a context; `progress` None shows it where somebody looks."""
    from tqdm.auto import tqdm

    shown = _somebody_looks() if progress is None else progress
    return tqdm(desc=title, total=total, unit=unit, unit_scale=True, disable=not shown, leave=False)


def _somebody_looks() -> bool:
    """Whether this runs in a terminal or in a notebook, whose output says of itself that it is no terminal."""
    ipython = sys.modules.get("IPython")
    in_notebook = ipython is not None and "ipykernel" in sys.modules and ipython.get_ipython() is not None
    return in_notebook or (hasattr(sys.stderr, "isatty") and sys.stderr.isatty())
