"""Measures of a fit that `score` and `programs` report, and the pictures that draw them. Arrays in, numbers out.

- `_pictures`: how smooth and how local the cells' pictures, their activations on the neuron graph, are.
- `_spectrum`: at which frequencies of the graph the pictures vary.
- `_regions`: whether groups of cells activate different regions.
- `_ownership`: which group owns each neuron, and whether by more than chance.
- `_agreement`: with a known angle or pseudotime, and with a fit of another seed.
- `_sameness`: whether another fit draws the same pictures, turned or mirrored.
- `_correlation`: of features with neurons.
- `_null`: the same measure after neurons have been permuted, and the best order of neurons found after training.
- `_table`: the measures of one fit, each with its null.
- `_halves`: whether labels found on one half of the cells are those found on the other.
- `_mixing`: whether batches lie among each other.
- `_alone`: modules that are almost entirely of one batch.
- `_tears`: whether cells have the shape of a graph without branches.
- `_faults`: what speaks against reading pictures that are smooth and local.
- `_verdict`: one verdict from all measures, with advice.
- `_compare`: whether samples of one condition differ from others; `_design`, `_moderated`: the linear models behind it.
- `_programs`: which features rise or fall with a module, and what would change its activation.
- `_silence`: what each group of cells loses when a region is set to zero.
"""

from scgsr._measures._agreement import circular_agreement, match_neurons, rank_agreement
from scgsr._measures._alone import about_alone, alone
from scgsr._measures._compare import abundance, neurons, state
from scgsr._measures._correlation import feature_correlation
from scgsr._measures._design import Design, design_of
from scgsr._measures._faults import faults, remarks
from scgsr._measures._halves import Search
from scgsr._measures._null import p_value, permutation_null, reorder
from scgsr._measures._ownership import Ownership, ownership
from scgsr._measures._pictures import localisation, morans_i, neighbour_correlation
from scgsr._measures._programs import FEWEST_CELLS, Evidence, effects, evidence, planes, saliency
from scgsr._measures._regions import mean_cosine, segment_connectivity, segments
from scgsr._measures._sameness import sameness
from scgsr._measures._silence import silence
from scgsr._measures._spectrum import graph_spectrum
from scgsr._measures._table import Fit, Table
from scgsr._measures._verdict import Context, judge

__all__ = [
    "FEWEST_CELLS",
    "Context",
    "Design",
    "Evidence",
    "Fit",
    "Ownership",
    "Search",
    "Table",
    "about_alone",
    "abundance",
    "alone",
    "circular_agreement",
    "design_of",
    "effects",
    "evidence",
    "faults",
    "feature_correlation",
    "graph_spectrum",
    "judge",
    "localisation",
    "match_neurons",
    "mean_cosine",
    "morans_i",
    "neighbour_correlation",
    "neurons",
    "ownership",
    "p_value",
    "permutation_null",
    "planes",
    "rank_agreement",
    "remarks",
    "reorder",
    "saliency",
    "sameness",
    "segment_connectivity",
    "segments",
    "silence",
    "state",
]
