"""Numbers on their way to the network: a checked matrix, its rows in batches, the transform of cytometry."""

from scgsr._values._arcsinh import arcsinh
from scgsr._values._batches import Batches, Minibatch, checked, dense_rows, filled, n_batches
from scgsr._values._cells import Cells, Part
from scgsr._values._columns import standardised
from scgsr._values._density import LANDMARKS, Balance
from scgsr._values._digest import digest
from scgsr._values._guards import warn_of_raw_values
from scgsr._values._matrix import Matrix, dense, rows_at_once, slices, unmasked, whole
from scgsr._values._matrix_view import MatrixView, transformed, varying
from scgsr._values._on_disk import BYTES_AT_ONCE
from scgsr._values._origins import Origins
from scgsr._values._progress import bar
from scgsr._values._scaling import N_COMPONENTS, SCALES, check_scale, divisors, scaling_for
from scgsr._values._statistics import Statistics, check_finite, rows_read
from scgsr._values._stored import Rows, Stored, last_written

__all__ = [
    "BYTES_AT_ONCE",
    "LANDMARKS",
    "N_COMPONENTS",
    "SCALES",
    "Balance",
    "Batches",
    "Cells",
    "Matrix",
    "MatrixView",
    "Minibatch",
    "Origins",
    "Part",
    "Rows",
    "Statistics",
    "Stored",
    "arcsinh",
    "bar",
    "check_finite",
    "check_scale",
    "checked",
    "dense",
    "dense_rows",
    "digest",
    "divisors",
    "filled",
    "last_written",
    "n_batches",
    "rows_at_once",
    "rows_read",
    "scaling_for",
    "slices",
    "standardised",
    "transformed",
    "unmasked",
    "varying",
    "warn_of_raw_values",
    "whole",
]
