"""What a fit is: the network, all that is needed to apply it to new cells, and the record that files hold."""

from scgsr._model._files import digest, pack, replace_file, unpack, written_whole
from scgsr._model._fitted import FittedModel
from scgsr._model._network import NEGATIVE_SLOPE, Autoencoder, AutoencoderConfig
from scgsr._model._novelty import NoveltyReference
from scgsr._model._record import check_schema, current, graph_from_dict, graph_to_dict, versions

__all__ = [
    "NEGATIVE_SLOPE",
    "Autoencoder",
    "AutoencoderConfig",
    "FittedModel",
    "NoveltyReference",
    "check_schema",
    "current",
    "digest",
    "graph_from_dict",
    "graph_to_dict",
    "pack",
    "replace_file",
    "unpack",
    "versions",
    "written_whole",
]
