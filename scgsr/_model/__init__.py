"""What a fit is: the network, all that is needed to apply it to new cells, and the record that files hold."""

from scgsr._model._apply import coordinates, encode, errors, module_space
from scgsr._model._files import digest, pack, unpack
from scgsr._model._fitted import FittedModel
from scgsr._model._front import PrincipalFront
from scgsr._model._identity import Identity
from scgsr._model._mapped import MappedCells, mapped
from scgsr._model._network import Autoencoder, AutoencoderConfig
from scgsr._model._novelty import NoveltyReference
from scgsr._model._record import check_schema, graph_from_dict, graph_to_dict, in_current_form, versions, with_identity

__all__ = [
    "Autoencoder",
    "AutoencoderConfig",
    "FittedModel",
    "Identity",
    "MappedCells",
    "NoveltyReference",
    "PrincipalFront",
    "check_schema",
    "coordinates",
    "digest",
    "encode",
    "errors",
    "graph_from_dict",
    "graph_to_dict",
    "in_current_form",
    "mapped",
    "module_space",
    "pack",
    "unpack",
    "versions",
    "with_identity",
]
