"""Which fit a record is of: short texts made of its content, which stand with the cells, too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

# How many letters tell two fits apart.
_LETTERS = 10
# What clustering makes anew, among the arrays of a record.
_OF_MODULES = ("templates", "n_cells", "pieces", "silent", "merges", "separations")
# Files may change the width and the order of the bytes of numbers, not their kind.
_WIDEST = {"f": "<f8", "i": "<i8", "u": "<i8", "b": "<i8"}


class Identity(NamedTuple):
    """Of what fit something is."""

    network: str  # all that makes activations and judges them
    modules: str  # all that makes labels of them

    def __str__(self) -> str:
        return f"{self.network}.{self.modules}"

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Identity:
        """Return what the content of a record in the current form says."""
        arrays = record["model"]["arrays"]
        texts = [str(record["model"]["config"]), *(str(name) for name in record["features"])]
        numbers = [part for name in sorted(arrays) if name not in _OF_MODULES for part in (name, arrays[name])]
        graph = sparse.csr_matrix(record["graph"]["adjacency"])
        of_network = [*texts, *numbers, graph.indptr, graph.indices, graph.data]
        return cls(_digest(of_network), _digest([record["modules"], *(arrays[name] for name in _OF_MODULES)]))

    @classmethod
    def of_text(cls, text: str) -> Identity:
        """Return what `str` has made a text of; one that it has not made is that of no fit."""
        network, _, modules = text.partition(".")
        return cls(network, modules)


def _digest(contents: Iterable[Any]) -> str:
    sha = hashlib.sha256()
    for content in contents:
        part = content.encode() if isinstance(content, str) else _bytes_of(content)
        sha.update(len(part).to_bytes(8, "little"))  # so that no part borrows from the next
        sha.update(part)
    return sha.hexdigest()[:_LETTERS]


def _bytes_of(numbers: Any) -> bytes:
    """Return the bytes of numbers, whatever their width is in memory."""
    array = np.asarray(numbers)
    return array.astype(_WIDEST[array.dtype.kind]).tobytes()
