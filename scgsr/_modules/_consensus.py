"""What many searches for modules agree on: pieces of cells, and the order in which they merge.

A single search starts from pieces that k-means found from random centres, and another start moves its modules. So the
search is repeated on four fifths of the cells, from other centres each time; the *median partition* is the one that
disagrees least with all of them about which cells belong together.
"""

from __future__ import annotations

from itertools import count

import numpy as np

from scgsr import _random
from scgsr._modules import _growth, _pieces, _valleys, _ward
from scgsr._modules._tree import VALLEY, ModuleTree

# Searches, and the share of the cells that each sees, but at most so many.
_SEARCHES, _SHARE, _CELLS = 8, 0.8, 10_000
# A piece has about so many cells in a search, so that valleys can be seen; at least so many pieces are made.
_CELLS_PER_PIECE, _FEWEST_PIECES = 60, 10
# leidenalg takes its seed as a C int. It ends when a round gains no more than this share of all weights.
_MAX_SEED, _NO_GAIN, _LEIDEN_ROUNDS = 2**31 - 1, 1e-9, 100


def agree(points: np.ndarray, piece: np.ndarray, most_pieces: int, *, features: bool, seed: int) -> ModuleTree:
    """Search for modules many times; return the tree in which pieces merge to the modules that the searches agree on.

    They are its cut at resolution 1.

    Parameters
    ----------
    points
        Cells in the space where valleys are looked for, (n_cells, n_dims).
    piece
        The piece of each cell, (n_cells,) int from 0 on.
    most_pieces
        A search starts with no more pieces of its own.
    features
        See :func:`_growth.grow`.
    seed
        Seed of all that is drawn.
    """
    rng = _random.generator(seed)
    means, n_cells = _pieces.means_of(points, piece)
    shared = np.zeros((len(means), len(means)))
    for _ in range(_SEARCHES):
        shared += _same_module(piece, _search(points, most_pieces, features=features, rng=rng)) / _SEARCHES
    module = median_partition(shared, n_cells, _seed_from(rng))
    module = without_crumbs(module, shared, n_cells)
    merges = _merges(means, n_cells, module)
    measured = _separations(_growth.Grown(points, piece, features=features, rng=rng), merges)
    n_agreed = len(means) - (module.max() + 1)
    return ModuleTree(len(means), merges, _consistent(measured, merges, n_agreed))


def _seed_from(rng: np.random.Generator) -> int:
    return int(rng.integers(_MAX_SEED))


def _search(points: np.ndarray, most_pieces: int, *, features: bool, rng: np.random.Generator) -> np.ndarray:
    """Return the module of each cell, (n_cells,), that a search on some of them finds."""
    n_seen = min(_CELLS, int(np.ceil(_SHARE * len(points))))
    seen = points[np.sort(rng.choice(len(points), n_seen, replace=False))]
    n_pieces = max(n_seen // _CELLS_PER_PIECE, _FEWEST_PIECES)
    piece = _pieces.cut_into_pieces(seen, n_pieces, most_pieces, _seed_from(rng))
    module = _growth.grow(seen, piece, features=features, rng=rng)
    return module[_nearest(points, _pieces.means_of(seen, piece)[0])]


def _nearest(points: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Return for each cell the number of the mean that it is nearest to, (n_cells,)."""
    return ((means**2).sum(axis=1) - 2 * points @ means.T).argmin(axis=1)


def _same_module(piece: np.ndarray, module: np.ndarray) -> np.ndarray:
    """Return whether two pieces have most of their cells in one module, (n_pieces, n_pieces) bool."""
    counts = np.zeros((piece.max() + 1, module.max() + 1), dtype=int)
    np.add.at(counts, (piece, module), 1)
    chosen = counts.argmax(axis=1)
    return chosen[:, None] == chosen


def median_partition(shared: np.ndarray, n_cells: np.ndarray, seed: int) -> np.ndarray:
    """Return a module for each piece, (n_pieces,): the partition that disagrees least with those that were found.

    Two cells count for a module that holds them both by how much oftener than not they were found together. Leiden
    looks for the largest sum: modularity of the constant Potts model at one half.

    Parameters
    ----------
    shared
        In which share of the searches two pieces were in one module, (n_pieces, n_pieces), symmetric.
    n_cells
        Cells of each piece, (n_pieces,).
    seed
        Seed of Leiden.

    References
    ----------
    Traag, Waltman, van Eck, *From Louvain to Leiden*, https://doi.org/10.1038/s41598-019-41695-z;
    Lancichinetti, Fortunato, *Consensus clustering in complex networks*, https://doi.org/10.1038/srep00336
    """
    import igraph
    import leidenalg

    one, other = np.triu_indices(len(shared), k=1)
    linked = shared[one, other] > 0
    one, other = one[linked], other[linked]
    weights = shared[one, other] * n_cells[one] * n_cells[other]
    partition = leidenalg.CPMVertexPartition(
        igraph.Graph(n=len(shared), edges=np.column_stack([one, other])),
        weights=weights.tolist(),
        node_sizes=n_cells.tolist(),
        resolution_parameter=0.5,
    )
    optimiser = leidenalg.Optimiser()
    optimiser.set_rng_seed(seed % _MAX_SEED)
    # Stop at the first round without gain: left to itself, leidenalg runs forever where ties gain rounding errors.
    for _ in range(_LEIDEN_ROUNDS):
        if optimiser.optimise_partition(partition, n_iterations=1) <= _NO_GAIN * weights.sum():
            break
    return np.unique(partition.membership, return_inverse=True)[1]


def without_crumbs(module: np.ndarray, shared: np.ndarray, n_cells: np.ndarray) -> np.ndarray:
    """Return the module of each piece, (n_pieces,), where those of too few cells are part of one they were found with.

    `shared` and `n_cells` are those of :func:`median_partition`.
    """
    while True:
        total = np.bincount(module, weights=n_cells)
        crumb = int(total.argmin())
        if total[crumb] >= _valleys.FEWEST_CELLS or len(total) == 1:
            return module
        inside = module == crumb
        found_with = np.bincount(module, weights=shared[inside].sum(axis=0) * n_cells)
        found_with[crumb] = -1
        module = np.unique(np.where(inside, found_with.argmax(), module), return_inverse=True)[1]


def _consistent(measured: np.ndarray, merges: np.ndarray, n_agreed: int) -> np.ndarray:
    """Return the separations so that the cut at resolution 1 is what the searches agree on, (n_merges,).

    What they agree on, the first `n_agreed` merges, goes before what is measured once; and of a module no two parts are
    further apart than the two that it falls into first, so that a finer cut parts it from above.
    """
    n_pieces = len(merges) + 1
    result = np.maximum(measured, np.nextafter(VALLEY, 1))
    above = np.full(len(merges), VALLEY)
    for step in range(n_agreed - 1, -1, -1):
        result[step] = min(measured[step], above[step])
        made_of = merges[step][merges[step] >= n_pieces] - n_pieces
        above[made_of] = result[step]
    return result


def _merges(means: np.ndarray, n_cells: np.ndarray, module: np.ndarray) -> np.ndarray:
    """Return the order in which pieces merge, (n_pieces - 1, 2): Ward's, first within the modules, then between them.

    Merge t makes group n_pieces + t.
    """
    names, within = [], []
    for number in range(module.max() + 1):
        members = np.flatnonzero(module == number)
        merges, added = _ward.merge_order(means[members], n_cells[members])
        within += [
            (height, number, pair) for height, pair in zip(np.maximum.accumulate(added), merges.tolist(), strict=True)
        ]
        names.append(members.tolist())
    made = count(len(means))
    result = []
    for _, number, (one, other) in sorted(within, key=lambda merge: merge[0]):  # stable: in order within a module
        result.append((names[number][one], names[number][other]))
        names[number].append(next(made))
    total = np.bincount(module, weights=n_cells)
    share = np.zeros((len(names), len(means)))
    share[module, np.arange(len(means))] = n_cells / total[module]
    between, _ = _ward.merge_order(share @ means, total)
    whole = [of_module[-1] for of_module in names]
    for one, other in between.tolist():
        result.append((whole[one], whole[other]))
        whole.append(next(made))
    return np.array(result, dtype=int).reshape(-1, 2)


def _separations(grown: _growth.Grown, merges: np.ndarray) -> np.ndarray:
    """Return how deep a valley each merge crosses, (n_merges,)."""
    result = np.empty(len(merges))
    for step, (one, other) in enumerate(merges.tolist()):
        result[step] = grown.separation(one, other)
        grown.merge(one, other)
    return result
