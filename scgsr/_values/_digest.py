"""A short text that tells arrays and matrices apart."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np


def digest(*values: Any) -> str:
    """Return a short text that differs where the values do."""
    sha = hashlib.sha256()
    for value in values:
        parts = [value] if isinstance(value, np.ndarray) else [value.data, value.indices, value.indptr]
        for part in parts:
            sha.update(f"{part.dtype}{part.shape}".encode())
            sha.update(np.ascontiguousarray(part).data)
    return sha.hexdigest()[:16]
