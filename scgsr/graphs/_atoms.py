"""Atoms: activity around single neurons of a graph, of which a spectral bottleneck composes its activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from scgsr import _checks
from scgsr.graphs._graph import NeuronGraph
from scgsr.graphs._laplacian import diffusion, fourier_basis

# Without `scales`, so many wavelets cover the spectrum from its largest eigenvalue down to this share of it.
_N_WAVELET_SCALES, _LOWEST_SHARE = 3, 1 / 20
# Without `scales`, the walk has so many steps, and heat spreads for this time divided by the largest eigenvalue.
_WALK_STEPS, _HEAT_TIME = 5, 10.0


@dataclass(frozen=True)
class Atoms:
    """A recipe of atoms, patterns of activity around one neuron each, for `scgsr.nn.SpectralBottleneck`.

    An atom is the row of a matrix that belongs to its centre, scaled to unit norm. With A the adjacency, L = D - A the
    Laplacian, lambda its eigenvalues, which lie in [0, lambda_max], and s a scale, the matrix is

    - ``"random_walk"``: ((A + I) row-normalised)^s, the lazy random walk of s steps.
    - ``"heat"``: g(L) with g(lambda) = exp(-s lambda), heat after a time s.
    - ``"mexican_hat"``: g(L) with g(lambda) = s lambda exp(-s lambda), positive around the centre, negative in a ring
      further out, and sum 0. One more matrix, the scaling function, passes the frequencies below all wavelets:
      1.2 / e * exp(-(lambda / (0.02 lambda_max))^4).
    - ``"meyer"``: wavelets that part the spectrum into bands of twice the width each; with their scaling function the
      squares of all g add up to 1 (a tight frame). With x = s lambda and
      v(y) = y^4 (35 - 84 y + 70 y^2 - 20 y^3), g is sin(pi/2 v(3/2 x - 1)) for x in [2/3, 4/3],
      cos(pi/2 v(3/4 x - 1)) for x in [4/3, 8/3] and 0 elsewhere; the scaling function, with the largest s, is 1 below
      2/3 and cos(pi/2 v(3/2 x - 1)) up to 4/3. The wavelets of the smallest scale change sign from neuron to neuron.

    Parameters
    ----------
    kernel
        One of the four.
    scales
        One matrix for each. None: 5 steps for the walk, the time 10 / lambda_max for heat, three scales for wavelets:
        from 40 / lambda_max to 1 / lambda_max for the Mexican hat, from 16 / (3 lambda_max) to 4 / (3 lambda_max) for
        Meyer's.
    n_centers
        How many neurons have atoms, well spread over the graph. None: half of them.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or range; steps of a walk are whole numbers.

    References
    ----------
    Hammond, Vandergheynst, Gribonval, *Wavelets on graphs via spectral graph theory*, 2011,
    https://doi.org/10.1016/j.acha.2010.04.005; Leonardi, Van De Ville, *Tight wavelet frames on multislice graphs*,
    2013, https://doi.org/10.1109/TSP.2013.2259825

    Examples
    --------
    >>> from scgsr.graphs import Atoms, grid, path
    >>> Atoms(scales=(1,), n_centers=1).on(path(3)).round(2)  # from the first neuron, half of the walkers move
    array([[0.71, 0.71, 0.  ]])
    >>> Atoms("mexican_hat").on(grid(8)).shape  # 32 centres, three wavelets and the scaling function
    (128, 64)
    """

    kernel: str = "random_walk"
    scales: Sequence[float] | None = None
    n_centers: int | None = None

    def __post_init__(self) -> None:
        _checks.one_of("kernel", self.kernel, _KERNELS)
        if self.scales is not None:
            object.__setattr__(self, "scales", self._checked_scales(self.scales))
        if self.n_centers is not None:
            object.__setattr__(self, "n_centers", _checks.positive_int("n_centers", self.n_centers))

    def on(self, graph: NeuronGraph) -> np.ndarray:
        """
        Return the atoms on a graph, (n_atoms, n_neurons), all centres of a matrix one after the other.

        Parameters
        ----------
        graph
            The neurons' graph.

        Returns
        -------
        Float64 array of rows with unit norm; where a kernel leaves nothing at a centre, zero.

        Raises
        ------
        ValueError
            If the graph has fewer neurons than `n_centers`.
        """
        _checks.instance("graph", graph, NeuronGraph, hint="Make one with scgsr.graphs.")
        chosen = centers(graph, max(1, graph.n_neurons // 2) if self.n_centers is None else self.n_centers)
        rows = np.concatenate([matrix[chosen] for matrix in _KERNELS[self.kernel](graph, self.scales)])
        norm = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 1e-9)

    def _checked_scales(self, scales: Sequence[float]) -> tuple[float, ...]:
        _checks.instance("scales", scales, (list, tuple, np.ndarray))
        if len(scales) == 0:
            msg = f"`scales` must hold at least one number, got {scales!r}."
            raise _checks.about("scales", ValueError(msg))
        if self.kernel == "random_walk":
            return tuple(_checks.positive_int("scales", scale) for scale in scales)
        return tuple(_checks.number("scales", scale, minimum=0, exclusive=True) for scale in scales)


def centers(graph: NeuronGraph, n_centers: int) -> np.ndarray:
    """Return neurons that lie well apart, (n_centers,): each is the farthest from those before, neuron 0 the first.

    An edge of weight w has the length 1 / w; of neurons equally far the lowest number is taken.
    """
    if n_centers > graph.n_neurons:
        msg = f"`n_centers` must be at most the number of neurons, {graph.n_neurons}, got {n_centers}."
        raise _checks.about("n_centers", ValueError(msg))
    lengths = graph.adjacency.copy()
    lengths.data = 1 / lengths.data
    chosen = [0]
    nearest = np.full(graph.n_neurons, np.inf)
    while len(chosen) < n_centers:
        distance = scipy.sparse.csgraph.dijkstra(lengths, directed=False, indices=chosen[-1])
        nearest = np.minimum(nearest, distance)
        chosen.append(int(nearest.argmax()))  # infinity comes first: the next component without a centre
    return np.array(chosen)


def _random_walk(graph: NeuronGraph, scales: Sequence[float] | None) -> list[np.ndarray]:
    return [diffusion(graph.adjacency, int(steps)).T for steps in scales or (_WALK_STEPS,)]


def _heat(graph: NeuronGraph, scales: Sequence[float] | None) -> list[np.ndarray]:
    def bank(x: np.ndarray, top: float) -> list[np.ndarray]:
        return [np.exp(-time * x) for time in scales or (_HEAT_TIME / top,)]

    return _filtered(graph, bank)


def _mexican_hat(graph: NeuronGraph, scales: Sequence[float] | None) -> list[np.ndarray]:
    def bank(x: np.ndarray, top: float) -> list[np.ndarray]:
        times = scales or tuple(np.geomspace(2 / (_LOWEST_SHARE * top), 1 / top, _N_WAVELET_SCALES))
        smooth = 1.2 / np.e * np.exp(-((x / (0.4 * _LOWEST_SHARE * top)) ** 4))
        return [smooth, *(time * x * np.exp(-time * x) for time in times)]

    return _filtered(graph, bank)


def _meyer(graph: NeuronGraph, scales: Sequence[float] | None) -> list[np.ndarray]:
    def bank(x: np.ndarray, top: float) -> list[np.ndarray]:
        times = scales or tuple(4 / (3 * top) * 2.0 ** np.arange(_N_WAVELET_SCALES)[::-1])
        return [_meyer_low(max(times) * x), *(_meyer_band(time * x) for time in times)]

    return _filtered(graph, bank)


def _filtered(graph: NeuronGraph, bank: Callable[[np.ndarray, float], list[np.ndarray]]) -> list[np.ndarray]:
    """Return g(L), (n_neurons, n_neurons), for each g of a filter bank.

    `bank` takes all eigenvalues of L and the largest, and returns the values of each g at all eigenvalues.
    """
    eigenvalues, modes = fourier_basis(graph.laplacian())
    top = eigenvalues[-1] if eigenvalues[-1] > 0 else 1.0  # without edges every frequency is 0
    return [modes * values @ modes.T for values in bank(eigenvalues, top)]


def _smooth_step(y: np.ndarray) -> np.ndarray:
    """Return v(y): from 0 at 0 to 1 at 1, with v(y) + v(1 - y) = 1."""
    return y**4 * (35 - 84 * y + 70 * y**2 - 20 * y**3)


def _meyer_low(x: np.ndarray) -> np.ndarray:
    falling = np.cos(np.pi / 2 * _smooth_step(1.5 * x - 1))
    return np.where(x < 2 / 3, 1.0, np.where(x < 4 / 3, falling, 0.0))


def _meyer_band(x: np.ndarray) -> np.ndarray:
    rising, falling = np.sin(np.pi / 2 * _smooth_step(1.5 * x - 1)), np.cos(np.pi / 2 * _smooth_step(0.75 * x - 1))
    inside = (x >= 2 / 3) & (x < 8 / 3)
    return np.where(inside, np.where(x < 4 / 3, rising, falling), 0.0)


_KERNELS = {"random_walk": _random_walk, "heat": _heat, "mexican_hat": _mexican_hat, "meyer": _meyer}
