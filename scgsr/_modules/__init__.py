"""Activations -> pieces of cells -> modules of neurons -> labels of cells."""

from scgsr._modules._agreement import Agreement, agreement
from scgsr._modules._find import Cut, find, recut
from scgsr._modules._modules import Labels, Modules
from scgsr._modules._tree import ModuleTree

__all__ = ["Agreement", "Cut", "Labels", "ModuleTree", "Modules", "agreement", "find", "recut"]
