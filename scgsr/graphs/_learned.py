"""The recipe of a graph that is estimated while the network trains."""

from __future__ import annotations

from dataclasses import dataclass

from scgsr._checks import number, one_of, positive_int
from scgsr.graphs._coactivation import KERNELS


@dataclass(frozen=True)
class LearnedGraph:
    """
    A recipe, not yet a graph: train, estimate the graph from co-activations, penalise on it, repeat.

    Made by `learned`, which says what each field means.

    Raises
    ------
    TypeError, ValueError
        If a field is out of its range, see `learned`.

    Examples
    --------
    >>> from scgsr.graphs import LearnedGraph
    >>> LearnedGraph(n_neurons=64).n_neurons
    64
    """

    n_neurons: int = 100
    n_neighbors: int = 15
    kernel: str = "knn"
    warm_up: float = 0.2
    refresh_every: float = 0.05
    stop: float = 0.8

    def __post_init__(self) -> None:
        one_of("kernel", self.kernel, KERNELS)
        checked = {
            "n_neurons": positive_int("n_neurons", self.n_neurons, minimum=2),
            "n_neighbors": positive_int("n_neighbors", self.n_neighbors),
            "warm_up": number("warm_up", self.warm_up, minimum=0, maximum=1),
            "refresh_every": number("refresh_every", self.refresh_every, minimum=0, maximum=1, exclusive=True),
            "stop": number("stop", self.stop, minimum=0, maximum=1),
        }
        for name, value in checked.items():  # NumPy's numbers are kept as Python's
            object.__setattr__(self, name, value)
        if self.warm_up == 1:
            msg = "`warm_up` must be below 1, or the graph is never learned; got 1."
            raise ValueError(msg)
        if self.stop < self.warm_up:
            msg = f"`stop` must be at least `warm_up`={self.warm_up:g}, got {self.stop:g}."
            raise ValueError(msg)


def learned(
    n_neurons: int = 100,
    *,
    n_neighbors: int = 15,
    kernel: str = "knn",
    warm_up: float = 0.2,
    refresh_every: float = 0.05,
    stop: float = 0.8,
) -> LearnedGraph:
    """
    Recipe of a graph learned from the co-activations of the layer.

    The network first trains without a penalty; then a graph of the neurons is estimated from the activations of a
    sample of cells, penalised as if it were given, and estimated again from time to time until it is frozen.

    Parameters
    ----------
    n_neurons
        Number of neurons of the layer.
    n_neighbors
        Nearest neurons that each neuron is tied to; where there are fewer other neurons, all of them.
    kernel
        Weight of an edge, ``"knn"``, ``"adaptive"`` or ``"soft"``: see `coactivation`.
    warm_up
        Share of the planned training steps without a penalty, below 1.
    refresh_every
        Share of the planned training steps between two estimates of the graph.
    stop
        Share of the planned training steps after which the graph stays as it is; not below `warm_up`.

    Returns
    -------
    The recipe, for the argument `graph` of `scgsr.tl.fit`.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or is out of its range.

    References
    ----------
    Tong et al., *Interpretable Neuron Structuring with Graph Spectral Regularization*, 2020,
    doi 10.1007/978-3-030-44584-3_40.

    Examples
    --------
    >>> from scgsr.graphs import learned
    >>> learned(64, n_neighbors=8)  # doctest: +NORMALIZE_WHITESPACE
    LearnedGraph(n_neurons=64, n_neighbors=8, kernel='knn', warm_up=0.2, refresh_every=0.05, stop=0.8)
    """
    return LearnedGraph(n_neurons, n_neighbors, kernel, warm_up, refresh_every, stop)
