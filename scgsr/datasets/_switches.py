"""Simulated cells that switch blocks of features on: independent bits, a hub with spokes, a branching tree."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from scgsr._checks import number, positive_int
from scgsr._random import generator
from scgsr.datasets._cells import cells, check_size

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from scgsr._random import Rng


# The name of a state takes the room of so many values for each bit.
_LETTERS = 4


def bit_patterns(
    n_cells: int = 1000,
    *,
    n_bits: int = 4,
    n_features_per_bit: int = 50,
    noise: float = 0.1,
    scale: float = 10.0,
    rng: Rng = 0,
) -> AnnData:
    """Cells made of independent on/off switches, each shown by features of its own.

    Each bit of each cell is on with probability one half, so that the `2 ** n_bits` states are equally likely. Feature
    j of bit b in cell i is `scale * (bit[i, b] + noise * e[i, j])` with standard normal e.

    Parameters
    ----------
    n_cells
        Number of cells.
    n_bits
        Number of switches.
    n_features_per_bit
        Number of features that show one bit.
    noise
        Standard deviation of the noise, where the step of a bit is 1.
    scale
        Factor on everything.
    rng
        Seed or generator.

    Returns
    -------
    AnnData of shape (n_cells, n_bits * n_features_per_bit):

    `.X`
        float32 ndarray.
    `.obs["bit_0"]`, `.obs["bit_1"]`, ...
        bool, the switches.
    `.obs["state"]`
        categorical, the pattern written out, bit_0 first: "0110".
    `.var["bit"]`
        categorical, the name of the bit in `.obs`.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or lies outside its range.

    Examples
    --------
    >>> import scgsr
    >>> adata = scgsr.datasets.bit_patterns(200, n_bits=2, n_features_per_bit=3)
    >>> adata.obs["state"].cat.categories.to_list()
    ['00', '01', '10', '11']
    >>> on = adata[adata.obs["bit_1"], adata.var["bit"] == "bit_1"].X
    >>> float(on.mean().round())
    10.0
    """
    n_cells, n_bits = positive_int("n_cells", n_cells), positive_int("n_bits", n_bits)
    n_features_per_bit = positive_int("n_features_per_bit", n_features_per_bit)
    sizes = {"n_cells": n_cells, "n_bits": n_bits, "n_features_per_bit": n_features_per_bit}
    check_size(sizes, n_cells * n_bits * (n_features_per_bit + _LETTERS))
    noise, scale = number("noise", noise, minimum=0), number("scale", scale, minimum=0, exclusive=True)
    random = generator(rng)
    bits = random.random((n_cells, n_bits)) < 0.5
    signal = np.repeat(bits, n_features_per_bit, axis=1)
    names = [f"bit_{b}" for b in range(n_bits)]
    states = ["".join(cell) for cell in bits.astype(int).astype(str)]
    return cells(
        scale * (signal + noise * random.standard_normal(signal.shape)),
        obs={**dict(zip(names, bits.T, strict=True)), "state": pd.Categorical(states)},
        var=_blocks("bit", names, n_features_per_bit),
    )


def hub_and_spoke(
    n_cells: int = 1000,
    *,
    n_modules: int = 3,
    n_features_per_module: int = 5,
    correlation: float = 0.6,
    shift: float = 10.0,
    rng: Rng = 0,
) -> AnnData:
    """Cells in which one of several modules of correlated features is up: the spokes of a hub where none is.

    The module m[i] of cell i is drawn with equal probabilities. Feature j of module b in cell i is
    `sqrt(correlation) * z[i, b] + sqrt(1 - correlation) * e[i, j] + shift * (m[i] == b)` with standard normal z and e:
    unit variance around its mean, and the given correlation with the other features of its module.

    Parameters
    ----------
    n_cells
        Number of cells.
    n_modules
        Number of modules, at least 2.
    n_features_per_module
        Number of features of a module.
    correlation
        Correlation of two features of a module in cells that have the same module up, from 0 to 1.
    shift
        How far a module is up, in standard deviations of a feature.
    rng
        Seed or generator.

    Returns
    -------
    AnnData of shape (n_cells, n_modules * n_features_per_module):

    `.X`
        float32 ndarray.
    `.obs["module"]`
        categorical, the module that is up: "module_0", "module_1", ...
    `.var["module"]`
        categorical, the module of the feature, by the same names.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or lies outside its range.

    Examples
    --------
    >>> import scgsr
    >>> adata = scgsr.datasets.hub_and_spoke(300)
    >>> up = adata[adata.obs["module"] == "module_1", adata.var["module"] == "module_1"].X
    >>> float(up.mean().round())
    10.0
    """
    n_cells, n_modules = positive_int("n_cells", n_cells), positive_int("n_modules", n_modules, minimum=2)
    n_features_per_module = positive_int("n_features_per_module", n_features_per_module)
    sizes = {"n_cells": n_cells, "n_modules": n_modules, "n_features_per_module": n_features_per_module}
    check_size(sizes, n_cells * n_modules * n_features_per_module)
    correlation, shift = number("correlation", correlation, minimum=0, maximum=1), number("shift", shift)
    random = generator(rng)
    up = random.integers(n_modules, size=n_cells)
    names = pd.Index([f"module_{b}" for b in range(n_modules)])
    shared = np.sqrt(correlation) * random.standard_normal((n_cells, n_modules))
    level = np.repeat(shared + shift * (up[:, None] == np.arange(n_modules)), n_features_per_module, axis=1)
    return cells(
        level + np.sqrt(1 - correlation) * random.standard_normal(level.shape),
        obs={"module": pd.Categorical.from_codes(up, names)},
        var=_blocks("module", list(names), n_features_per_module),
    )


def branching_tree(
    n_cells: int = 1000,
    *,
    depth: int = 3,
    branching: int = 2,
    n_features_per_branch: int = 20,
    noise: float = 0.1,
    rng: Rng = 0,
) -> AnnData:
    """Cells on a branching tree: every branch switches on features of its own, and its descendants keep them.

    All branches have length 1; cells are uniform on the tree. A cell has one coordinate per branch, the length of that
    branch on the way from the root to the cell: 1 for an ancestor, a fraction for the cell's own branch, 0 elsewhere.
    The distance of two cells along the tree is then the sum of the absolute differences of their coordinates. Feature j
    of branch b in cell i is `coordinate[i, b] + noise * e[i, j]` with standard normal e.

    Parameters
    ----------
    n_cells
        Number of cells.
    depth
        Number of branches from the root to a tip.
    branching
        Number of branches that follow each branch, at least 2.
    n_features_per_branch
        Number of features that one branch switches on.
    noise
        Standard deviation of the noise, where a feature rises from 0 to 1 along its branch.
    rng
        Seed or generator.

    Returns
    -------
    AnnData of shape (n_cells, n_branches * n_features_per_branch), n_branches = 1 + branching + ... +
    branching ** (depth - 1):

    `.X`
        float32 ndarray.
    `.obs["branch"]`
        categorical, level by level; a name is its parent's with one more number: "0", "0.0", "0.1", "0.0.0", ...
    `.obs["pseudotime"]`
        float, distance from the root, from 0 to `depth`.
    `.obsm["X_tree"]`
        float ndarray (n_cells, n_branches), the coordinates; columns as the categories of `branch`.
    `.var["branch"]`
        categorical, the branch that switches the feature on.

    Raises
    ------
    TypeError, ValueError
        If an argument has a wrong type or lies outside its range.

    Examples
    --------
    >>> import scgsr
    >>> from scipy.spatial.distance import pdist, squareform
    >>> adata = scgsr.datasets.branching_tree(300, depth=2)
    >>> adata.obs["branch"].cat.categories.to_list()
    ['0', '0.0', '0.1']
    >>> distance = squareform(pdist(adata.obsm["X_tree"], "cityblock"))
    >>> bool(distance.max() <= 2)  # from one tip to the other
    True
    """
    n_cells, depth = positive_int("n_cells", n_cells), positive_int("depth", depth)
    branching = positive_int("branching", branching, minimum=2)
    n_features_per_branch = positive_int("n_features_per_branch", n_features_per_branch)
    sizes = {"n_cells": n_cells, "depth": depth, "branching": branching, "n_features_per_branch": n_features_per_branch}
    least = branching ** min(depth - 1, 64)  # branches; more than any memory holds, where there are more
    check_size(sizes, least * (n_cells * n_features_per_branch + 2 * least))
    noise = number("noise", noise, minimum=0)
    random = generator(rng)
    names, ancestors = _tree(depth, branching)
    branch = random.integers(len(names), size=n_cells)
    coordinates = ancestors[branch]
    coordinates[np.arange(n_cells), branch] = random.random(n_cells)
    signal = np.repeat(coordinates, n_features_per_branch, axis=1)
    adata = cells(
        signal + noise * random.standard_normal(signal.shape),
        obs={"branch": pd.Categorical.from_codes(branch, pd.Index(names)), "pseudotime": coordinates.sum(axis=1)},
        var=_blocks("branch", names, n_features_per_branch),
    )
    adata.obsm["X_tree"] = coordinates
    return adata


def _tree(depth: int, branching: int) -> tuple[list[str], NDArray[np.float64]]:
    """Return branch names level by level and, (n_branches, n_branches), 1 where the column is the row's ancestor."""
    paths = [(0, *turns) for level in range(depth) for turns in itertools.product(range(branching), repeat=level)]
    ancestors = [[float(len(a) < len(b) and b[: len(a)] == a) for a in paths] for b in paths]
    return [".".join(map(str, path)) for path in paths], np.array(ancestors)


def _blocks(column: str, names: list[str], size: int) -> pd.DataFrame:
    """Return the `.var` of features in blocks of `size`, one block per name."""
    return pd.DataFrame(
        {column: pd.Categorical.from_codes(np.repeat(np.arange(len(names)), size), pd.Index(names))},
        index=[f"{name}_{i}" for name in names for i in range(size)],
    )
