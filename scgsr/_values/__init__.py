"""Numbers on their way to the network: a checked matrix, its rows in batches, the transform of cytometry."""

from scgsr._values._arcsinh import arcsinh
from scgsr._values._batches import (
    Batches,
    Matrix,
    checked,
    dense_rows,
    filled,
    n_batches,
    rows_at_once,
    slices,
)
from scgsr._values._guards import look_at
from scgsr._values._matrix_view import MatrixView, check_finite, check_values, moments, transformed, varying

__all__ = [
    "Batches",
    "Matrix",
    "MatrixView",
    "arcsinh",
    "check_finite",
    "check_values",
    "checked",
    "dense_rows",
    "filled",
    "look_at",
    "moments",
    "n_batches",
    "rows_at_once",
    "slices",
    "transformed",
    "varying",
]
