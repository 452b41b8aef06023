"""What `score` reports: is there structure in the activations, or do they only look so? Arrays in, numbers out.

- `_pictures`: how smooth and how local the cells' pictures are on the graph.
- `_spectrum`: at which frequencies of the graph they vary.
- `_regions`: whether groups of cells light regions of their own.
- `_agreement`: with a known angle or pseudotime, and with a fit of another seed.
- `_correlation`: of features with neurons.
- `_null`: what the same numbers would be if neurons had no places, or were placed afterwards.
- `_table`: the measures of one fit, each with its null.
- `_verdict`: all of it in one word.
- `_programs`: which features make a module.
"""

from scgsr._measures._agreement import circular_agreement, match_neurons, rank_agreement
from scgsr._measures._correlation import feature_correlation
from scgsr._measures._null import p_value, permutation_null, reorder
from scgsr._measures._pictures import localisation, low_frequency_share, morans_i, neighbour_correlation
from scgsr._measures._programs import FEWEST_CELLS, Evidence, effects, evidence, planes, saliency
from scgsr._measures._regions import mean_cosine, module_auroc, owners, segment_connectivity, segments, shares
from scgsr._measures._spectrum import graph_spectrum
from scgsr._measures._table import Fit, Table
from scgsr._measures._verdict import VERDICTS, Context, judge

__all__ = [
    "FEWEST_CELLS",
    "VERDICTS",
    "Context",
    "Evidence",
    "Fit",
    "Table",
    "circular_agreement",
    "effects",
    "evidence",
    "feature_correlation",
    "graph_spectrum",
    "judge",
    "localisation",
    "low_frequency_share",
    "match_neurons",
    "mean_cosine",
    "module_auroc",
    "morans_i",
    "neighbour_correlation",
    "owners",
    "p_value",
    "permutation_null",
    "planes",
    "rank_agreement",
    "reorder",
    "saliency",
    "segment_connectivity",
    "segments",
    "shares",
]
