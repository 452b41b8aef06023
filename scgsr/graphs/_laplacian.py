"""Graph Laplacians and what follows from them: Fourier basis, energies, diffusion. SciPy and NumPy only."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix, diags

from scgsr._checks import about, one_of, positive_int

KINDS = ("combinatorial", "symmetric", "random_walk")


def laplacian(adjacency: csr_matrix, kind: str = "combinatorial") -> csr_matrix:
    """
    Laplacian of a graph.

    With A the adjacency, d the degrees and D = diag(d):

    - ``"combinatorial"``: L = D - A. L 1 = 0, and the eigenvalues lie in [0, 2 max(d)].
    - ``"symmetric"``: L = D^-1/2 (D - A) D^-1/2. L sqrt(d) = 0, and the eigenvalues lie in [0, 2]. On an irregular
      graph a constant vector is *not* free of energy.
    - ``"random_walk"``: L = D^-1 (D - A). L 1 = 0 and the eigenvalues are those of ``"symmetric"``, but L is not
      symmetric and x^T L x can be negative: for spectra only, never a penalty.

    Parameters
    ----------
    adjacency
        Symmetric non-negative weights without self loops, (n, n).
    kind
        One of the three above.

    Returns
    -------
    CSR matrix (n, n) of float64. The row of an isolated node is zero.

    Raises
    ------
    TypeError, ValueError
        If `kind` is none of the three.

    References
    ----------
    Chung, *Spectral Graph Theory*, 1997, chapter 1, https://doi.org/10.1090/cbms/092

    Examples
    --------
    A hub with two spokes, and one isolated node.

    >>> import numpy as np
    >>> from scgsr.graphs import laplacian
    >>> adjacency = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    >>> laplacian(adjacency).toarray()
    array([[ 2., -1., -1.,  0.],
           [-1.,  1.,  0.,  0.],
           [-1.,  0.,  1.,  0.],
           [ 0.,  0.,  0.,  0.]])
    >>> degree, ones = adjacency.sum(axis=0), np.ones(4)
    >>> bool(np.allclose(laplacian(adjacency, "symmetric") @ np.sqrt(degree), 0))
    True
    >>> bool(np.allclose(laplacian(adjacency, "random_walk") @ ones, 0))
    True
    >>> bool(np.allclose(np.linalg.eigvalsh(laplacian(adjacency).toarray()).max(), 3))  # at most 2 max(d) = 4
    True
    >>> bool(np.allclose(np.linalg.eigvalsh(laplacian(adjacency, "symmetric").toarray()).max(), 2))
    True
    """
    one_of("kind", kind, KINDS)
    adjacency = csr_matrix(adjacency, dtype=np.float64)
    degree = np.asarray(adjacency.sum(axis=1)).ravel()
    entries = coo_matrix(diags(degree) - adjacency)
    inverse = np.divide(1.0, degree, out=np.zeros_like(degree), where=degree > 0)
    if kind == "symmetric":
        # One product per entry, in either order the same: the result is symmetric to the last bit.
        entries.data *= np.sqrt(inverse)[entries.row] * np.sqrt(inverse)[entries.col]
    elif kind == "random_walk":
        entries.data *= inverse[entries.row]
    result = csr_matrix(entries)
    result.eliminate_zeros()
    return result


def fourier_basis(laplacian: csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """
    Graph Fourier basis: the eigenvectors of a Laplacian, smoothest first.

    L = U diag(lambda) U^T with U orthonormal; U^T x are the Fourier coefficients of x.

    Parameters
    ----------
    laplacian
        A combinatorial or symmetric Laplacian, (n, n).

    Returns
    -------
    eigenvalues
        Float64 array (n,), ascending. Rounding below zero is returned as zero.
    eigenvectors
        Float64 array (n, n), one per column. Within a repeated eigenvalue the basis is arbitrary.

    Raises
    ------
    ValueError
        If `laplacian` is not symmetric, as the random walk Laplacian is not.

    References
    ----------
    Shuman et al., *The emerging field of signal processing on graphs*, 2013,
    https://doi.org/10.1109/MSP.2012.2235192

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import fourier_basis, laplacian
    >>> path = laplacian(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]))
    >>> eigenvalues, eigenvectors = fourier_basis(path)
    >>> np.round(eigenvalues, 6) + 0.0
    array([0., 1., 3.])
    >>> bool(np.allclose(eigenvectors * eigenvalues @ eigenvectors.T, path.toarray()))
    True
    """
    dense = csr_matrix(laplacian, dtype=np.float64).toarray()
    if not np.array_equal(dense, dense.T):
        msg = "`laplacian` must be symmetric, got one that is not: use kind='combinatorial' or 'symmetric'."
        raise about("laplacian", ValueError(msg))
    eigenvalues, eigenvectors = np.linalg.eigh(dense)
    return np.maximum(eigenvalues, 0.0), eigenvectors


def same_frequency(eigenvalues: np.ndarray) -> np.ndarray:
    """
    Return the number of each eigenvalue among the distinct ones: the same where they are equal up to rounding.

    Parameters
    ----------
    eigenvalues
        Eigenvalues of a Laplacian, ascending, (n,).

    Returns
    -------
    Int array (n,), from 0 for the lowest.

    Examples
    --------
    All frequencies of a ring but the first and, if its length is even, the last are repeated.

    >>> from scgsr.graphs import fourier_basis, ring, same_frequency
    >>> same_frequency(fourier_basis(ring(6).laplacian())[0])
    array([0, 1, 1, 2, 2, 3])
    """
    steps = np.diff(eigenvalues, prepend=eigenvalues[:1]) > 1e-9 * max(eigenvalues[-1], 1.0)
    return np.cumsum(steps)


def energy(laplacian: csr_matrix, activations: np.ndarray) -> np.ndarray:
    """
    Laplacian energy of every cell's activations.

    For the combinatorial Laplacian x^T L x = 1/2 sum_ij w_ij (x_i - x_j)^2: zero where neighbours agree.

    Parameters
    ----------
    laplacian
        Laplacian of the neuron graph, (n, n).
    activations
        One cell per row, (n_cells, n).

    Returns
    -------
    Float64 array (n_cells,).

    Raises
    ------
    ValueError
        If `activations` is not two-dimensional with one column per node.

    Examples
    --------
    >>> import numpy as np
    >>> from scgsr.graphs import energy, laplacian
    >>> weights = np.array([[0, 2, 0], [2, 0, 1], [0, 1, 0]])
    >>> energy(laplacian(weights), np.array([[1.0, 1.0, 1.0], [3.0, 1.0, 0.0]]))
    array([0., 9.])
    >>> 2 * (3 - 1) ** 2 + 1 * (1 - 0) ** 2
    9
    """
    n = laplacian.shape[0]
    if activations.ndim != 2 or activations.shape[1] != n:
        msg = f"`activations` must have shape (n_cells, {n}), one column per node, got {activations.shape}."
        raise about("activations", ValueError(msg))
    activations = np.asarray(activations, dtype=np.float64)
    flow = laplacian @ activations.T  # (n, n_cells)
    result: np.ndarray = np.einsum("ni,in->n", activations, flow)
    return result


def diffusion(adjacency: csr_matrix, power: int) -> np.ndarray:
    """
    Lazy random walk on a graph, as a matrix that smooths activations by one product.

    Column j is where a walk of `power` steps that starts at neuron j ends: row j of ((A + I) row-normalised)^power,
    scaled to unit Euclidean norm. In ``code @ diffusion`` neuron j thus becomes a weighted sum over its surroundings,
    every activation spreads to its neighbours, and independent activations of unit variance keep unit variance.

    Parameters
    ----------
    adjacency
        Symmetric non-negative weights without self loops, (n, n).
    power
        Number of steps; 0 is the identity.

    Returns
    -------
    Float64 array (n, n) with columns of unit norm.

    Raises
    ------
    TypeError, ValueError
        If `power` is not an integer of at least 0.

    Examples
    --------
    On a path of three, the activation of the first neuron reaches the second in one step, the third in two.

    >>> import numpy as np
    >>> from scgsr.graphs import diffusion
    >>> path = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    >>> (np.array([1.0, 0.0, 0.0]) @ diffusion(path, 1)).round(3)  # 1/sqrt(2), 1/sqrt(3), 0
    array([0.707, 0.577, 0.   ])
    >>> np.linalg.norm(diffusion(path, 2), axis=0)
    array([1., 1., 1.])
    >>> bool((np.array([1.0, 0.0, 0.0]) @ diffusion(path, 2))[2] > 0)
    True
    """
    power = positive_int("power", power, minimum=0)
    lazy = csr_matrix(adjacency, dtype=np.float64).toarray() + np.eye(adjacency.shape[0])
    walk: np.ndarray = np.linalg.matrix_power(lazy / lazy.sum(axis=1, keepdims=True), power)
    return walk.T / np.linalg.norm(walk, axis=1)
