"""What types look like: by the names under which users import them.

A class tells in which private module it lies, `anndata._core.anndata.AnnData`; inventories know it by its public name.
Classes that only live inside scgsr have no page, so they are named and not linked.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from numpy.typing import DTypeLike
from sphinx.config import Config

import scgsr

PUBLIC = {
    "anndata._core.anndata.AnnData": "anndata.AnnData",
    "matplotlib.axes._axes.Axes": "matplotlib.axes.Axes",
    "numpy.random._generator.Generator": "numpy.random.Generator",
    "numpy.random.bit_generator.SeedSequence": "numpy.random.SeedSequence",
    "pandas.core.frame.DataFrame": "pandas.DataFrame",
    "pandas.core.series.Series": "pandas.Series",
    "scipy.sparse._base.sparray": "scipy.sparse.sparray",
    "scipy.sparse._csr.csr_matrix": "scipy.sparse.csr_matrix",
    "scipy.sparse._matrix.spmatrix": "scipy.sparse.spmatrix",
    "torch.nn.modules.module.Module": "torch.nn.Module",
}
ROOMS = ("datasets", "get", "graphs", "io", "nn", "pl", "pp", "tl")


@dataclass(frozen=True)
class Shown:
    """A function that Sphinx can compare with the one of the last build, so that pages are not all read again."""

    def __call__(self, annotation: Any, _config: Config) -> str | None:
        """Return a type as a role, or None to leave it to sphinx-autodoc-typehints."""
        if annotation == DTypeLike:
            return ":py:data:`~numpy.typing.DTypeLike`"
        if not inspect.isclass(annotation):
            return None
        full = f"{annotation.__module__}.{annotation.__qualname__}"
        if full.startswith("scgsr."):
            name = _public_name(annotation)
            return f":py:class:`~{name}`" if name else f"``{annotation.__name__}``"
        return f":py:class:`~{PUBLIC[full]}`" if full in PUBLIC else None


def _public_name(annotation: type) -> str | None:
    if annotation.__name__ in scgsr.__all__:
        return f"scgsr.{annotation.__name__}"
    rooms = [room for room in ROOMS if getattr(getattr(scgsr, room), annotation.__name__, None) is annotation]
    return f"scgsr.{rooms[0]}.{annotation.__name__}" if rooms else None
