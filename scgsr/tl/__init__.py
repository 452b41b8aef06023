"""Tools: `fit` trains and labels, `cluster` labels again at another resolution."""

from scgsr.tl._cluster import cluster
from scgsr.tl._fit import fit

__all__ = ["cluster", "fit"]
