"""Activations -> co-activation graph -> modules of neurons -> labels of cells."""

from scgsr._modules._find import Cut, cut, find
from scgsr._modules._modules import Labels, Modules, ModuleTree

__all__ = ["Cut", "Labels", "ModuleTree", "Modules", "cut", "find"]
