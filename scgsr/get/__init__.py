"""Stored results as AnnData, DataFrame or arrays. These functions never write to the AnnData."""

from scgsr.get._compare import compare
from scgsr.get._fit import activations, images, model, neurons
from scgsr.get._programs import programs, saliency, silence
from scgsr.get._samples import frequencies, medians
from scgsr.get._scores import scores

__all__ = [
    "activations",
    "compare",
    "frequencies",
    "images",
    "medians",
    "model",
    "neurons",
    "programs",
    "saliency",
    "scores",
    "silence",
]
