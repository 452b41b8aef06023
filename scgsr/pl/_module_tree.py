"""The tree of modules: which of them merge next, which splits next, and how deep the valleys between them are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata
from scgsr._adata import DEFAULT_KEY
from scgsr.pl import _axes, _palette
from scgsr.pl._calls import Figsize, checked_figsize, picture
from scgsr.pl._palette import Palette

if TYPE_CHECKING:
    from anndata import AnnData
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

    from scgsr._modules import Modules, ModuleTree

_BRANCH = "0.45"
# Inches: a merge, and a merge where there are more than so many; the least and the largest width of all.
_STEP, _NARROW_STEP, _MOST_WIDE_STEPS, _LEAST_WIDTH, _MOST_WIDTH = 0.33, 0.17, 16, 1.6, 5.3
# Inches that a merge needs for the depth of its valley beside it, and for its number inside it.
_ROOM_FOR_DEPTH, _ROOM_FOR_NUMBER = 0.29, 0.15
# Inches: a row where there are at most so many, beyond that the last; names with colour bar, title with axis.
_ROWS, _THINNEST_ROW, _SIDES, _ABOVE_AND_BELOW = ((20, 0.26), (45, 0.19)), 0.125, 1.7, 1.1
_LEAST_HEIGHT = 2.2
# What a colour bar leaves of the width of given axes.
_BESIDE_BAR = 0.8
# Points: the mark of a merge with a number and without one, the letters in and beside it.
_MARK, _SMALL_MARK, _LETTERS = 11.5, 4.5, 7.0
# Wide merges left of the tree: where the next split ends, where the mark of a module is, where the picture begins.
_FORK, _LEAF, _BORDER = 0.75, 1.15, 1.5


@picture
def module_tree(
    adata: AnnData,
    *,
    palette: Palette | None = None,
    title: str | None = None,
    figsize: Figsize | None = None,
    key: str = DEFAULT_KEY,
    ax: Axes | None = None,
    show: bool | None = None,
    return_fig: bool = False,
) -> Axes | Figure | None:
    """Draw which modules merge next, and how clearly they are separated.

    Each row is a module of the fit, with its label and number of cells. A circle is a merge, and its number is how many
    modules are left after it: ``scgsr.tl.cluster(adata, n_clusters=4)`` carries out the merges from the left up to
    circle 4. The length of a branch shows the order of the merges and nothing else. The shade of a circle, and the
    number beside it where there is room, is the depth of the valley between the two modules: 0 if the cells between
    them are as dense as on the sparser side, 1 if there are none between them.

    A dashed fork marks the module that splits next if you ask for one more. The title says which shares of its training
    cells the two parts have.

    Parameters
    ----------
    adata
        An AnnData that :func:`scgsr.tl.fit` has been run on.
    palette
        Colours of the modules: the name of a colour map, a list of colours, or a dict of them by module.
    title
        The title. By default it says how many modules there are and which splits next.
    figsize
        Width and height in inches; a height of None follows from what is drawn, as in ``(85 / 25.4, None)``.
    key
        The fit's `key_added`, or that of :func:`scgsr.tl.cluster`.
    ax
        Draw into these axes.
    show
        Show the picture instead of returning it; ``None`` as in Scanpy.
    return_fig
        Return the Figure, whatever else would be returned.

    Returns
    -------
    Axes; ``None`` if it was shown.

    Raises
    ------
    KeyError
        If there is no fit under `key`, or it has no labels.
    ValueError
        If the fit has no modules.

    Notes
    -----
    A cut by `resolution` may merge across a shallow valley and leave one that comes earlier in the order. `n_clusters`
    then gives other modules than those that are drawn, down to a dotted line; the label of the axis says so. Merges
    left of the line have no number, and the title names no module that splits next.

    Examples
    --------
    >>> import scanpy as sc, scgsr
    >>> adata = sc.datasets.pbmc68k_reduced()
    >>> scgsr.tl.fit(adata, n_epochs=5)
    >>> scgsr.tl.cluster(adata, n_clusters=4)
    >>> ax = scgsr.pl.module_tree(adata, show=False)
    >>> [int(n_left) for n_left, height in ax.collections[-1].get_offsets()]
    [4, 3, 2, 1]
    """
    modules, names = _adata.read_model_that_fires(adata, key).modules, _adata.read_named_model(adata, key).names
    branches = _Branches.above(modules.tree, modules.pieces)
    colors = _palette.of_modules(adata, key, palette)
    labels = _adata.read_labels(adata, key)
    counts = [int((labels == names[module]).sum()) for module in branches.order]
    n_steps = branches.left_of_tree(_BORDER) - branches.fewest
    given = checked_figsize(figsize, ax)
    width = _width(n_steps) if given[0] is None else max(given[0] - _SIDES, 0.3)
    panel = _axes.resizable(width + _SIDES, _height(modules.n_modules), given=given)[0] if ax is None else ax
    _axes.head(panel, _title(branches, modules) if title is None else title, width + _SIDES)
    _draw_branches(panel, branches, colors)
    distinct = _adata.module_names(adata, key)
    _name(panel, branches, _axes.legend_labels([distinct[module] for module in branches.order], counts))
    inches = width if ax is None else _BESIDE_BAR * ax.bbox.width / ax.figure.dpi
    marks = _draw_merges(panel, branches, inches / n_steps)
    if marks is not None:
        _axes.colorbar(marks, [panel], "depth of the valley")
    return _axes.finish([panel], ax=ax, show=show, return_fig=return_fig)


@dataclass(frozen=True, eq=False)
class _Branches:
    """The merges above the modules at hand; a node is a module, or n_modules + j for what merge j makes."""

    order: list[int]  # the modules from top to bottom
    pairs: list[tuple[int, int]]  # the nodes that each merge joins
    separations: np.ndarray  # (n_merges,)
    n_exact: int  # `n_clusters` gives the modules that are drawn for so many and for fewer
    splits: int | None  # the module that splits next; None if none does, or one cluster more is no finer cut
    split_separation: float  # how deep a valley that split follows
    parts: tuple[list[int], list[int]]  # the pieces of the two parts of the module that splits next

    @property
    def n_modules(self) -> int:
        return len(self.order)

    @property
    def fewest(self) -> int:
        """How many modules are left after all merges."""
        return self.n_modules - len(self.pairs)

    @property
    def n_left(self) -> np.ndarray:
        """How many modules are left after each merge, (n_merges,)."""
        return self.n_modules - 1 - np.arange(len(self.pairs))

    def left_of_tree(self, n_wide_merges: float) -> float:
        """Return where on the axis it is so many wide merges left of the tree."""
        return self.n_modules + n_wide_merges * max(1.0, self.n_modules / _MOST_WIDE_STEPS)

    @property
    def heights(self) -> np.ndarray:
        """The height of each node, (n_nodes,): a module's row, the middle of what a merge joins."""
        heights = np.empty(self.n_modules + len(self.pairs))
        heights[self.order] = np.arange(self.n_modules)
        for number, pair in enumerate(self.pairs, start=self.n_modules):
            heights[number] = heights[list(pair)].mean()
        return heights

    @classmethod
    def above(cls, tree: ModuleTree, pieces: np.ndarray) -> _Branches:
        """Return the merges of a tree above the modules of its pieces, (n_pieces,) int."""
        n_modules = int(pieces.max()) + 1
        node, members = pieces.tolist(), [[piece] for piece in range(tree.n_pieces)]
        outer: list[int] = []  # steps of the tree that merge modules, the others lie within one
        pairs: list[tuple[int, int]] = []
        for step, (one, other) in enumerate(tree.merges.tolist()):
            members.append(members[one] + members[other])
            if node[one] == node[other]:
                node.append(node[one])
            else:
                node.append(n_modules + len(pairs))
                pairs.append((node[one], node[other]))
                outer.append(step)
        last = max(set(range(len(tree.merges))) - set(outer), default=-1)  # within a module
        n_exact = tree.fewest + sum(step > last for step in outer)
        next_split = last if last >= 0 and n_exact == n_modules else None
        one, other = (0, 0) if next_split is None else tree.merges[next_split].tolist()
        return cls(
            order=_order(n_modules, pairs),
            pairs=pairs,
            separations=tree.separations[outer],
            n_exact=n_exact,
            splits=None if next_split is None else node[one],
            split_separation=np.nan if next_split is None else float(tree.separations[next_split]),
            parts=(members[one], members[other]),
        )


def _order(n_modules: int, pairs: list[tuple[int, int]]) -> list[int]:
    """Return the modules so that branches do not cross; of two branches the one with the largest module comes first."""
    branches = {module: [module] for module in range(n_modules)}
    for number, (one, other) in enumerate(pairs, start=n_modules):
        first, second = sorted((branches.pop(one), branches.pop(other)), key=min)
        branches[number] = first + second
    return [module for branch in sorted(branches.values(), key=min) for module in branch]


def _width(n_steps: float) -> float:
    """Return the width of the tree in inches."""
    wide = n_steps <= _MOST_WIDE_STEPS
    narrow = max(_MOST_WIDE_STEPS * _STEP, n_steps * _NARROW_STEP)
    return float(np.clip(n_steps * _STEP if wide else narrow, _LEAST_WIDTH, _MOST_WIDTH))


def _height(n_rows: int) -> float:
    """Return the height of the page in inches."""
    row = next((height for most, height in _ROWS if n_rows <= most), _THINNEST_ROW)
    return max(_LEAST_HEIGHT, n_rows * row + _ABOVE_AND_BELOW)


def _title(branches: _Branches, modules: Modules) -> str:
    """Say how many modules there are, which one splits next, and what the parts' shares of its cells are."""
    n = branches.n_modules
    head = f"{n} module{'s' if n > 1 else ''}"
    if branches.splits is None:
        return head
    sizes = [modules.n_cells[part].sum() for part in branches.parts]
    larger, smaller = (f"{100 * size / sum(sizes):.0f}%" for size in sorted(sizes, reverse=True))
    return f"{head}; n_clusters={n + 1} splits {branches.splits} into {larger} and {smaller}"


def _name(ax: Axes, branches: _Branches, names: list[str]) -> None:
    """Write the modules' names left of their rows, and what the axis means below."""
    from matplotlib.ticker import MaxNLocator

    n, exact = branches.n_modules, branches.n_exact
    ax.set(xlim=(branches.left_of_tree(_BORDER), branches.fewest - 0.6), ylim=(n - 0.4, -0.6))
    _axes.name_rows(ax, names, np.arange(n))
    ax.set_ylabel("module (cells)", fontsize="small")
    ticks = MaxNLocator(6, integer=True).tick_values(branches.fewest, n)
    ax.set_xticks([tick for tick in ticks if branches.fewest <= tick <= n])
    ax.tick_params(axis="x", labelsize="small")
    note = "n_clusters of tl.cluster"
    if exact < n:
        note += f" from {exact} down" if exact > branches.fewest else " gives others"
        ax.axvline(exact, color=_BRANCH, linestyle=":", linewidth=1.0, zorder=0)
    what = "clusters" if exact == n else "modules"
    ax.set_xlabel(f"{what} left after a merge\n({note})", fontsize="small")
    ax.spines[["top", "right", "left"]].set_visible(False)


def _draw_branches(ax: Axes, branches: _Branches, colors: list[str]) -> None:
    """Draw a line for each node up to the merge that takes it, in the module's colour, and a bar for each merge."""
    from matplotlib.collections import LineCollection

    n, heights = branches.n_modules, branches.heights
    starts = np.concatenate([np.full(n, branches.left_of_tree(_LEAF)), branches.n_left])
    ends = np.full(len(starts), branches.fewest - 0.5)
    for n_left, pair in zip(branches.n_left, branches.pairs, strict=True):
        ends[list(pair)] = n_left
    if branches.splits is not None:
        starts[branches.splits] = n
        color, y = colors[branches.splits], heights[branches.splits]
        end, half = branches.left_of_tree(_FORK), 0.25 * min(1, n / 4)  # few rows are high
        dashed: dict[str, Any] = {"linestyle": (0, (2, 1)), "linewidth": 1.3, "zorder": 1}
        ax.plot([end, n, n, end], [y - half, y - half, y + half, y + half], color=color, **dashed)
    lines = [[(start, y), (end, y)] for start, end, y in zip(starts, ends, heights, strict=True)]
    bars = [
        [(x, heights[one]), (x, heights[other])]
        for x, (one, other) in zip(branches.n_left, branches.pairs, strict=True)
    ]
    ax.add_collection(LineCollection(bars, colors=_BRANCH, linewidths=1.0, zorder=1))
    shades = [*colors, *[_BRANCH] * len(branches.pairs)]
    widths = [1.8] * n + [1.0] * len(branches.pairs)
    ax.add_collection(LineCollection(lines, colors=shades, linewidths=widths, zorder=1))
    left = np.full(n, branches.left_of_tree(_LEAF))
    mark: dict[str, Any] = {"marker": "s", "edgecolors": "0.3", "linewidths": 0.4}
    ax.scatter(left, heights[:n], s=34.0 if n <= _ROWS[-1][0] else 22.0, c=colors, zorder=2, **mark)


def _draw_merges(ax: Axes, branches: _Branches, inches: float) -> PathCollection | None:
    """Draw the merges, each with its number and valley as far as so many inches have room; return them, if any."""
    x, y = branches.n_left, branches.heights[branches.n_modules :]
    depth = branches.separations
    if branches.splits is not None:
        x, y = np.append(branches.n_modules, x), np.append(branches.heights[branches.splits], y)
        depth = np.append(branches.split_separation, depth)
    if not len(x):
        return None
    numbered = inches >= _ROOM_FOR_NUMBER
    style: dict[str, Any] = {"cmap": "Greys", "vmin": 0, "vmax": 1, "edgecolors": "0.2", "linewidths": 0.7}
    marks = ax.scatter(x, y, s=(_MARK if numbered else _SMALL_MARK) ** 2, c=depth, zorder=3, **style)
    for n_left, height, valley in zip(x.tolist(), y, depth, strict=True):
        if numbered and n_left <= branches.n_exact:
            ink = "white" if valley > 0.62 else "black"
            middle: dict[str, Any] = {"ha": "center", "va": "center_baseline", "fontsize": _LETTERS}
            ax.text(n_left, height, str(n_left), color=ink, zorder=4, **middle)
        if inches >= _ROOM_FOR_DEPTH:
            beside: dict[str, Any] = {"xytext": (_MARK / 2 + 0.5, 1.5), "textcoords": "offset points"}
            ax.annotate(f"{valley:.2f}", (n_left, height), fontsize=_LETTERS - 0.5, va="bottom", zorder=4, **beside)
    return marks
