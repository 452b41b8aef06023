"""Activations -> pieces of cells -> modules of neurons -> labels of cells."""

from scgsr._modules._find import Cut, find, recut
from scgsr._modules._modules import Labels, Modules
from scgsr._modules._tree import ModuleTree

__all__ = ["Cut", "Labels", "ModuleTree", "Modules", "find", "recut"]
