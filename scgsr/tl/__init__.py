"""Tools.

- `fit` trains and labels, `cluster` labels again at another resolution, `transform` maps new cells.
- `programs` finds the features of each module, `saliency` the features that would change its activation, `silence` the
  groups of cells that need a region of neurons.
- `score` tests whether the structure is real, `consensus` says which labels several seeds agree on.
- `compare` tests samples of one condition against another.
"""

from scgsr.tl._cluster import cluster
from scgsr.tl._compare import compare
from scgsr.tl._consensus import consensus
from scgsr.tl._fit import fit
from scgsr.tl._programs import programs
from scgsr.tl._saliency import saliency
from scgsr.tl._score import score
from scgsr.tl._silence import silence
from scgsr.tl._transform import transform

__all__ = ["cluster", "compare", "consensus", "fit", "programs", "saliency", "score", "silence", "transform"]
