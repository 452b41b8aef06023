"""One function for each penalty: the formula, and its gradient.

Autograd would find the gradient from a record of dozens of small operations. Written out it takes half the time, and a
training step on few features is made of little else. Every function takes the activations or weights, multiplication
by the Laplacian of the neuron graph, and, for correlations, what scales a neuron of a given variance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from scgsr import _ranks
from scgsr.nn._laplacian_product import LaplacianProduct
from scgsr.nn._pictures import FAINT, brightness
from scgsr.nn._spectrum import SparseSpectrum

# From the variance of each neuron, (n_neurons,), to the factor that scales it to unit variance, and whether that factor
# follows the variance.
ScaleOf: TypeAlias = Callable[[Tensor], tuple[Tensor, Tensor]]
ValueAndGradient: TypeAlias = tuple[Tensor, Tensor]


def correlation(activations: Tensor, off_diagonal: LaplacianProduct, scale_of: ScaleOf) -> ValueAndGradient:
    """Return 1 + sum_(i != j) L_ij corr(u_i, u_j) / trace(L), u = x / (|x| + 0.1 mean |x|) the picture of a cell."""
    n_cells, tiny = _ranks.n_rows(activations), torch.finfo(activations.dtype).tiny
    norm, light = brightness(activations)  # (batch, 1) each
    pictures = activations / light
    centred, variance = _ranks.centred(pictures)
    scale, scale_follows = scale_of(variance)  # (n_neurons,) each
    scaled = centred.mul_(scale)
    product = off_diagonal(scaled)
    share = _ranks.pooled((scaled * product).mean(dim=0))  # (n_neurons,): what each adds to sum_(i != j) L_ij corr_ij
    trace = off_diagonal.trace
    value = 1 + share.sum() / trace
    # To the pictures: subtracting their mean changes nothing, as product and scaled have columns of mean 0.
    gradient = torch.addcmul(product, scaled, share * scale_follows, value=-1).mul_(scale * (2 / n_cells / trace))
    # To the activations, which also make their own picture darker, and every other one a little.
    darker = (gradient * pictures).sum(dim=1, keepdim=True).div_(light)
    darker = darker.add_(FAINT * _ranks.pooled(darker.mean())).div_(norm.clamp_min_(tiny))
    return value, gradient.div_(light).addcmul_(activations, darker, value=-1)


def quadratic(activations: Tensor, times_laplacian: LaplacianProduct, _scale_of: ScaleOf) -> ValueAndGradient:
    """Return the mean over cells of x^T L x."""
    product = times_laplacian(activations)
    value = _ranks.pooled((activations * product).sum(dim=1).mean())
    return value, product.mul_(2 / _ranks.n_rows(activations))


def rayleigh(activations: Tensor, times_laplacian: LaplacianProduct, _scale_of: ScaleOf) -> ValueAndGradient:
    """Return the mean over cells of x^T L x / x^T x."""
    product = times_laplacian(activations)
    energy = (activations * product).sum(dim=1, keepdim=True)  # (batch, 1)
    norm = activations.square().sum(dim=1, keepdim=True).clamp_min_(torch.finfo(energy.dtype).tiny)
    quotient = energy / norm
    gradient = (product - quotient * activations).mul_(2 / _ranks.n_rows(activations) / norm)
    return _ranks.pooled(quotient.mean()), gradient


def spectrum(activations: Tensor, eigenspaces: SparseSpectrum, _scale_of: ScaleOf) -> ValueAndGradient:
    """Return the mean over cells of the sum over the eigenspaces of L of g(lambda) |P x|."""
    return eigenspaces.value_and_gradient(activations)


def weight(weights: Tensor, times_laplacian: LaplacianProduct, _scale_of: ScaleOf) -> ValueAndGradient:
    """Return trace(|W|^T L |W|)."""
    size, sign = weights.abs(), weights.sign()
    product = times_laplacian(size.t()).t()
    return (size * product).sum(), product.mul(2).mul_(sign)


def weight_cosine(weights: Tensor, times_laplacian: LaplacianProduct, _scale_of: ScaleOf) -> ValueAndGradient:
    """Return trace(V^T L V) / trace(L), V the absolute weights |W| with rows of unit norm."""
    size, sign = weights.abs(), weights.sign()
    norm = torch.linalg.vector_norm(size, dim=1, keepdim=True).clamp_min_(torch.finfo(size.dtype).tiny)
    unit = size / norm
    product = times_laplacian(unit.t()).t() / times_laplacian.trace
    share = (unit * product).sum(dim=1, keepdim=True)
    return share.sum(), (product - share * unit).mul_(sign).mul_(2 / norm)


ON_ACTIVATIONS = {"correlation": correlation, "quadratic": quadratic, "rayleigh": rayleigh, "spectrum": spectrum}
ON_WEIGHTS = {"weight": weight, "weight_cosine": weight_cosine}
