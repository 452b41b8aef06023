"""A line and a circle: near in feature space is near on the curve."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from scgsr import datasets


def arc(a: pd.Series, period: float | None) -> np.ndarray:
    """Return the distance along the curve of every two cells."""
    gap = np.abs(a.to_numpy()[:, None] - a.to_numpy())
    return gap if period is None else np.minimum(gap, period - gap)


CURVES = [(datasets.line, "position", None, 0.1), (datasets.circle, "angle", 2 * np.pi, 0.5)]


@pytest.mark.parametrize(("simulate", "truth", "period", "width"), CURVES)
def test_near_in_feature_space_is_near_on_the_curve(simulate, truth, period, width):
    adata = simulate(500)
    distance = cdist(adata.X, adata.X)
    np.fill_diagonal(distance, np.inf)
    along = arc(adata.obs[truth], period)
    assert along[np.arange(500), distance.argmin(axis=1)].max() < width / 2


@pytest.mark.parametrize(("simulate", "truth", "period", "width"), CURVES)
def test_without_noise_distance_grows_along_the_curve(simulate, truth, period, width):
    adata = simulate(300, noise=0)
    along, distance = arc(adata.obs[truth], period), cdist(adata.X, adata.X)
    margin = 0 if period else 2 * width  # near an end, peaks are missing beyond it
    inside = adata.obs[truth].between(margin, (period or 1) - margin).to_numpy()
    near = (along < 2 * width) & inside[:, None] & inside
    order = np.argsort(along[near])
    assert (np.diff(distance[near][order]) > -0.02).all()
    assert distance[along > 4 * width].min() > distance[along < width].max()


@pytest.mark.parametrize(("simulate", "truth", "period", "width"), CURVES)
def test_the_curve_lies_in_no_plane(simulate, truth, period, width):
    centred = simulate(300, noise=0).X
    share = np.linalg.svd(centred - centred.mean(axis=0), compute_uv=False) ** 2
    assert (share / share.sum())[:2].sum() < 0.8


@pytest.mark.parametrize(("simulate", "truth", "period", "width"), CURVES)
def test_positions_are_uniform_and_peaks_even(simulate, truth, period, width):
    adata = simulate(4000, n_features=20)
    length = period or 1
    counts, _ = np.histogram(adata.obs[truth], bins=10, range=(0, length))
    np.testing.assert_allclose(counts, 400, atol=5 * np.sqrt(400))
    assert counts.sum() == 4000
    np.testing.assert_allclose(np.diff(adata.var["peak"]), length / (20 if period else 19))


def test_the_line_is_open_and_the_circle_closed():
    line, circle = datasets.line(2000, noise=0), datasets.circle(2000, noise=0)
    for adata, truth, closed in [(line, "position", False), (circle, "angle", True)]:
        ends = adata.X[[adata.obs[truth].argmin(), adata.obs[truth].argmax()]]
        assert (np.linalg.norm(ends[0] - ends[1]) < 0.1) == closed
