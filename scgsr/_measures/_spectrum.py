"""How the energy of pictures is spread over the frequencies of the neuron graph."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from scgsr._checks import about, one_of
from scgsr._measures._pictures import centred_pictures, check, ratio
from scgsr.graphs import fourier_basis, laplacian, same_frequency


def graph_spectrum(
    activations: np.ndarray, adjacency: csr_matrix, kind: str = "combinatorial"
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Share of each centred picture's energy at each frequency of the graph.

    The share at frequency l of a picture z less its mean is ||P_l z||^2 / ||z||^2 with P_l the projector on *all*
    eigenvectors of the eigenvalue l, since the eigenvectors of a repeated eigenvalue are not unique. The mean over
    all permutations of the neurons is tr(P_l (I - 1 1^T / n)) / (n - 1): for the combinatorial Laplacian of a connected
    graph, the number of eigenvectors of each frequency above 0, divided by n - 1.

    Parameters
    ----------
    activations
        One cell per row, (n_cells, n).
    adjacency
        Weights of the neuron graph, (n, n).
    kind
        Laplacian whose eigenvalues are the frequencies, ``"combinatorial"`` or ``"symmetric"``.

    Returns
    -------
    frequencies
        The distinct eigenvalues, ascending, (n_frequencies,).
    shares
        (n_cells, n_frequencies), rows that sum to one; NaN for a cell whose neurons are all alike.
    expected
        What neurons in random places would have on average, (n_frequencies,), sum one.

    Raises
    ------
    TypeError, ValueError
        If `kind` is neither of the two, or `activations` does not fit the graph or has a single column.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr._measures import graph_spectrum
    >>> from scgsr.graphs import ring
    >>> wave = np.cos(2 * np.pi * np.arange(6) / 6)
    >>> frequencies, shares, expected = graph_spectrum(np.stack([wave, wave**2]), ring(6).adjacency)
    >>> (frequencies.round(6) + 0.0).tolist(), abs(shares).round(3).tolist(), expected.round(3).tolist()
    ([0.0, 1.0, 3.0, 4.0], [[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]], [0.0, 0.4, 0.4, 0.2])
    """
    one_of("kind", kind, ["combinatorial", "symmetric"])
    check(activations, adjacency)
    n = adjacency.shape[0]
    if n == 1:
        msg = "`activations` of a single neuron have no spectrum; at least two neurons are needed."
        raise about("activations", ValueError(msg))
    eigenvalues, basis = fourier_basis(laplacian(adjacency, kind))
    starts = np.unique(same_frequency(eigenvalues), return_index=True)[1]
    pictures = centred_pictures(activations)
    energies = np.add.reduceat(np.square(pictures @ basis), starts, axis=1)
    total = np.square(pictures).sum(axis=1)
    shares = np.stack([ratio(energy, total) for energy in energies.T], axis=1)
    expected = np.add.reduceat((1 - basis.sum(axis=0) ** 2 / n) / (n - 1), starts)
    return eigenvalues[starts], shares, np.maximum(expected, 0.0)
