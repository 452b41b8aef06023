"""The one door to the user's AnnData, for reading and for writing.

What is read comes ready for use: a view for training with the mean and standard deviation of each feature, a query in
the order and the units of the fit, with missing features filled in. Networks, graphs and measures are made elsewhere.
"""

from scgsr._adata._answers import (
    answered,
    read_compare,
    read_programs,
    read_saliency,
    read_scores,
    read_silence,
    write_compare,
    write_programs,
    write_saliency,
    write_scores,
    write_silence,
)
from scgsr._adata._arcsinh import read_arcsinh, read_cofactors, record_arcsinh, says_log1p, write_arcsinh
from scgsr._adata._cells import column_of, groups, numbers, read_cells
from scgsr._adata._channels import MARKER, marker_names
from scgsr._adata._cofactors import ToTransform, to_transform
from scgsr._adata._colors import group_colors, not_colors, palette
from scgsr._adata._consensus import check_consensus, read_consensus, view_again, write_consensus
from scgsr._adata._copy import copied, write_new
from scgsr._adata._file import (
    UnreadableError,
    cells_of,
    is_current,
    new_table,
    opened,
    put,
    room_for_activations,
)
from scgsr._adata._fit import check_copy, check_free, check_room, write
from scgsr._adata._keys import ARCSINH, CHANNEL_KIND, DEFAULT_KEY, SAMPLE, Keys, colors_of
from scgsr._adata._mapping import Mapping, Reference, check_mapping, map_cells, write_mapping
from scgsr._adata._names import distinct, label_colors, module_colors, module_names, read_named_model
from scgsr._adata._query import pending_cofactors, query, query_of_results
from scgsr._adata._results import (
    check_cells,
    read_activations,
    read_evolution,
    read_graph,
    read_held_out,
    read_labels,
    read_model,
    read_model_that_fires,
    read_novelty,
    read_record,
    results_of,
)
from scgsr._adata._samples import of_folder, origin, samples
from scgsr._adata._view import UNSET, Unset, columns, embedding, features, mask, representation, rows, view

__all__ = [
    "ARCSINH",
    "CHANNEL_KIND",
    "DEFAULT_KEY",
    "MARKER",
    "SAMPLE",
    "UNSET",
    "Keys",
    "Mapping",
    "Reference",
    "ToTransform",
    "UnreadableError",
    "Unset",
    "answered",
    "cells_of",
    "check_cells",
    "check_consensus",
    "check_copy",
    "check_free",
    "check_mapping",
    "check_room",
    "colors_of",
    "column_of",
    "columns",
    "copied",
    "distinct",
    "embedding",
    "features",
    "group_colors",
    "groups",
    "is_current",
    "label_colors",
    "map_cells",
    "marker_names",
    "mask",
    "module_colors",
    "module_names",
    "new_table",
    "not_colors",
    "numbers",
    "of_folder",
    "opened",
    "origin",
    "palette",
    "pending_cofactors",
    "put",
    "query",
    "query_of_results",
    "read_activations",
    "read_arcsinh",
    "read_cells",
    "read_cofactors",
    "read_compare",
    "read_consensus",
    "read_evolution",
    "read_graph",
    "read_held_out",
    "read_labels",
    "read_model",
    "read_model_that_fires",
    "read_named_model",
    "read_novelty",
    "read_programs",
    "read_record",
    "read_saliency",
    "read_scores",
    "read_silence",
    "record_arcsinh",
    "representation",
    "results_of",
    "room_for_activations",
    "rows",
    "samples",
    "says_log1p",
    "to_transform",
    "view",
    "view_again",
    "write",
    "write_arcsinh",
    "write_compare",
    "write_consensus",
    "write_mapping",
    "write_new",
    "write_programs",
    "write_saliency",
    "write_scores",
    "write_silence",
]
