"""Activations -> co-activation graph -> modules of neurons -> labels of cells."""

from scgsr._modules._find import Modules, ModuleTree, cut, find

__all__ = ["ModuleTree", "Modules", "cut", "find"]
