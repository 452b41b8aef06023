"""Principal components in front of the network and behind it: many features in, few numbers through."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from scgsr import _device


class PrincipalFront(nn.Module):
    """Turns features into principal components, and components back into features. Not trained.

    Components are scaled so that the mean of their squares is that share of the mean of the features' squares which
    they keep: an error in components is then what it adds to the error in features.
    """

    axes: Tensor  # (n_components, n_features), orthonormal rows, zeros where there are fewer axes

    def __init__(self, n_features: int, n_components: int) -> None:
        super().__init__()
        self.register_buffer("axes", torch.zeros(n_components, n_features))

    @property
    def _stretch(self) -> float:
        n_components, n_features = self.axes.shape
        return float(np.sqrt(n_components / n_features))

    def learn(self, features: Tensor, seed: int) -> PrincipalFront:
        """Take the axes from some cells, (n_cells, n_features), and return the front."""
        n_axes = min(len(self.axes), *features.shape)
        self.axes[:n_axes] = torch.as_tensor(principal_axes(features, n_axes, seed), device=self.axes.device)
        return self

    def forward(self, features: Tensor) -> Tensor:
        """Return the components: (batch, n_features) -> (batch, n_components)."""
        return features @ self.axes.T * self._stretch

    def back(self, components: Tensor) -> Tensor:
        """Return the features: (batch, n_components) -> (batch, n_features)."""
        return components @ self.axes / self._stretch


@_device.in_one_thread()
def principal_axes(features: Tensor, n_axes: int, seed: int) -> np.ndarray:
    """Return the first principal axes of cells, (n_axes, n_features) float32."""
    from sklearn.decomposition import PCA

    solver = "randomized" if n_axes < min(features.shape) else "full"
    return PCA(n_axes, svd_solver=solver, random_state=seed % 2**32).fit(features.cpu().numpy()).components_
