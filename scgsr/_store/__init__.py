"""Results -> AnnData and back; the only files that write slots of the user's object. They compute nothing."""

from scgsr._store._arcsinh import read_arcsinh, read_cofactors, write_arcsinh
from scgsr._store._fit import (
    check_free,
    may_be_results_of,
    read_activations,
    read_colors,
    read_evolution,
    read_graph,
    read_held_out,
    read_model,
    read_model_with_modules,
    read_novelty,
    read_record,
    write,
)
from scgsr._store._later import (
    read_programs,
    read_saliency,
    read_scores,
    write_programs,
    write_saliency,
    write_scores,
)

__all__ = [
    "check_free",
    "may_be_results_of",
    "read_activations",
    "read_arcsinh",
    "read_cofactors",
    "read_colors",
    "read_evolution",
    "read_graph",
    "read_held_out",
    "read_model",
    "read_model_with_modules",
    "read_novelty",
    "read_programs",
    "read_record",
    "read_saliency",
    "read_scores",
    "write",
    "write_arcsinh",
    "write_programs",
    "write_saliency",
    "write_scores",
]
