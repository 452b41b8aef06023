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
from scgsr._values._cells import Cells, Part
from scgsr._values._columns import standardised
from scgsr._values._density import LANDMARKS, Balance
from scgsr._values._digest import digest
from scgsr._values._guards import warn_of_raw_values
from scgsr._values._matrix_view import MatrixView, check_finite, check_values, moments, transformed, varying
from scgsr._values._scaling import N_COMPONENTS, SCALES, check_scale, divisors, scaling_for

__all__ = [
    "LANDMARKS",
    "N_COMPONENTS",
    "SCALES",
    "Balance",
    "Batches",
    "Cells",
    "Matrix",
    "MatrixView",
    "Part",
    "arcsinh",
    "check_finite",
    "check_scale",
    "check_values",
    "checked",
    "dense_rows",
    "digest",
    "divisors",
    "filled",
    "moments",
    "n_batches",
    "rows_at_once",
    "scaling_for",
    "slices",
    "standardised",
    "transformed",
    "varying",
    "warn_of_raw_values",
]
