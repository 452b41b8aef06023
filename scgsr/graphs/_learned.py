"""The recipe of a graph that is estimated while the network trains."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from scgsr._checks import about, instance, number, one_of, positive_int
from scgsr.graphs._coactivation import KERNELS


@dataclass(frozen=True)
class Steps:
    """
    A number of training steps, where a plain number would be a share of them.

    A step is one batch, so the same number of steps is early in a fit of many cells and late in one of few.

    Parameters
    ----------
    n
        How many steps.

    Raises
    ------
    TypeError, ValueError
        If `n` is not an integer of at least 1.

    Examples
    --------
    >>> from scgsr.graphs import Steps, learned
    >>> learned(64, warm_up=Steps(5000), refresh_every=Steps(100), stop=Steps(9000)).warm_up
    Steps(n=5000)
    """

    n: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "n", positive_int("n", self.n))


@dataclass(frozen=True)
class UntilFragmented:
    """Stop learning the graph when it begins to fall into pieces, and training soon after.

    An estimate is in pieces if at least two eigenvalues of its Laplacian, without dead neurons, are below `eigenvalue`;
    in a graph of `n_modules` groups, more than `n_modules`. No estimate follows the first such one, and the graph
    before it is kept, if there is one. A graph with `connected` and edges of weight 1 never falls into pieces.

    Parameters
    ----------
    eigenvalue
        An eigenvalue below this counts as zero.
    more_steps
        Number of training steps after the last estimate. None: to the planned end.

    Raises
    ------
    TypeError, ValueError
        If an argument has the wrong type or range.

    Examples
    --------
    >>> from scgsr.graphs import UntilFragmented, learned
    >>> learned(64, n_neighbors=5, connected=False, stop=UntilFragmented()).stop
    UntilFragmented(eigenvalue=0.001, more_steps=200)
    """

    eigenvalue: float = 1e-3
    more_steps: int | None = 200

    def __post_init__(self) -> None:
        object.__setattr__(self, "eigenvalue", number("eigenvalue", self.eigenvalue, minimum=0, exclusive=True))
        if self.more_steps is not None:
            object.__setattr__(self, "more_steps", positive_int("more_steps", self.more_steps, minimum=0))


@dataclass(frozen=True)
class LearnedGraph:
    """A recipe, not yet a graph: train, estimate the graph from co-activations, use it in the penalty, repeat.

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
    warm_up: float | Steps = 0.2
    refresh_every: float | Steps = 0.05
    stop: float | Steps | UntilFragmented = 0.8
    n_modules: int | None = field(default=None, kw_only=True)
    connected: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        one_of("kernel", self.kernel, KERNELS)
        instance("connected", self.connected, bool)
        checked = {
            "n_neurons": positive_int("n_neurons", self.n_neurons, minimum=2),
            "n_neighbors": positive_int("n_neighbors", self.n_neighbors),
            "n_modules": None if self.n_modules is None else positive_int("n_modules", self.n_modules, minimum=2),
            "warm_up": _moment("warm_up", self.warm_up),
            "refresh_every": _moment("refresh_every", self.refresh_every, exclusive=True),
            "stop": self.stop if isinstance(self.stop, UntilFragmented) else _moment("stop", self.stop),
        }
        for name, value in checked.items():  # NumPy's numbers are kept as Python's
            object.__setattr__(self, name, value)
        if self.n_modules is not None and self.n_modules >= self.n_neurons:
            msg = f"`n_modules` must be below the number of neurons, {self.n_neurons}, got {self.n_modules}."
            raise about("n_modules", ValueError(msg))
        if isinstance(self.stop, UntilFragmented) and self.connected and self.kernel == "knn":
            msg = "`stop`=UntilFragmented(...) needs `connected=False`: a connected graph never falls into pieces."
            raise about("stop", ValueError(msg))
        if self.warm_up == 1:
            msg = "`warm_up` must be below 1, or the graph is never learned; got 1."
            raise about("warm_up", ValueError(msg))
        if _comes_before(self.stop, self.warm_up):
            msg = f"`stop` must not come before `warm_up`={self.warm_up}, got {self.stop}."
            raise about("stop", ValueError(msg))

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, without those that are None; steps and rules are dicts of their fields."""
        return _without_none(asdict(self))

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> LearnedGraph:
        """Return the recipe that `to_dict` has turned into values.

        Raises KeyError if one is missing that is never None, and TypeError or ValueError for one that no recipe has.
        """
        names = [field.name for field in fields(cls)]
        return cls(**{name: _from_file(stored.get(name) if name == "n_modules" else stored[name]) for name in names})


def _moment(name: str, value: Any, *, exclusive: bool = False) -> float | Steps:
    """Return a moment of the training: a number of steps, or a checked share of them."""
    if isinstance(value, Steps):
        return value
    if isinstance(value, numbers.Real) and 1 < float(value) < math.inf:
        cure = f"`scgsr.graphs.Steps({round(float(value))})`"
        msg = f"`{name}` must be a share of the steps, at most 1, got {value}; a number of steps is {cure}."
        raise about(name, ValueError(msg))
    return number(name, value, minimum=0, maximum=1, exclusive=exclusive)


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values at any depth, without those that are None."""
    return {
        name: _without_none(value) if isinstance(value, Mapping) else value
        for name, value in values.items()
        if value is not None
    }


def _from_file(stored: Any) -> Any:
    """Return a value of a recipe: a number of Python, a number of steps, a rule, or as it is."""
    if not isinstance(stored, Mapping):
        return stored.item() if isinstance(stored, np.generic) else stored
    if "n" in stored:
        return Steps(**stored)
    return UntilFragmented(**{"more_steps": None, **stored})


def _comes_before(moment: float | Steps | UntilFragmented, reference: float | Steps) -> bool:
    """Whether a moment is known to come first; a share and a number of steps compare only once the data are known."""
    if isinstance(moment, Steps) and isinstance(reference, Steps):
        return moment.n < reference.n
    return isinstance(moment, float) and isinstance(reference, float) and moment < reference


def learned(
    n_neurons: int = 100,
    *,
    n_neighbors: int = 15,
    kernel: str = "knn",
    warm_up: float | Steps = 0.2,
    refresh_every: float | Steps = 0.05,
    stop: float | Steps | UntilFragmented = 0.8,
    n_modules: int | None = None,
    connected: bool = True,
) -> LearnedGraph:
    """
    Recipe of a graph learned from the co-activations of the layer.

    The network first trains without a penalty. Then the graph is estimated from the activations of a sample of cells
    and used as if it were given. It is estimated again at regular steps until it is frozen.

    Parameters
    ----------
    n_neurons
        Number of neurons of the layer.
    n_neighbors
        Number of neighbours of each neuron; where there are fewer other neurons, all of them.
    kernel
        Weight of an edge, ``"knn"``, ``"adaptive"`` or ``"soft"``: see `coactivation`.
    warm_up
        When the graph is estimated first: a share of the planned training steps, below 1, or a number of steps such as
        ``Steps(5000)``. Until then there is no penalty.
    refresh_every
        Share of the steps, above 0, or :class:`Steps`, between two estimates of the graph.
    stop
        Share of the steps, or :class:`Steps`, after which the graph is frozen, not before `warm_up`; or
        :class:`UntilFragmented`.
    n_modules
        Divide the neurons into this many groups at each estimate, without edges between groups. Neurons of a group
        become active in the same cells. Two groups may come to stand for the same population. None: one graph.
    connected
        Keep the graph, or each group, connected by the maximum spanning tree of the similarities. Otherwise it may fall
        into pieces; the column ``components`` of the history and the log report how many.

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
    https://doi.org/10.1007/978-3-030-44584-3_40

    Examples
    --------
    >>> from scgsr.graphs import learned
    >>> learned(64, n_neighbors=8)  # doctest: +NORMALIZE_WHITESPACE
    LearnedGraph(n_neurons=64, n_neighbors=8, kernel='knn', warm_up=0.2, refresh_every=0.05, stop=0.8,
                 n_modules=None, connected=True)
    """
    return LearnedGraph(
        n_neurons=n_neurons,
        n_neighbors=n_neighbors,
        kernel=kernel,
        warm_up=warm_up,
        refresh_every=refresh_every,
        stop=stop,
        n_modules=n_modules,
        connected=connected,
    )
