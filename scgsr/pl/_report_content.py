"""What a report shows of cells and neurons: a header of texts and numbers, and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _page, _random
from scgsr._adata import Keys
from scgsr._checks import about
from scgsr._values import check_finite
from scgsr.pl._groups import MOST_GROUPS
from scgsr.pl._report_markers import add_markers, chosen_rows
from scgsr.pl._sheet import Sheet

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from scgsr._model import FittedModel
    from scgsr.graphs import NeuronGraph

_SEED = 0
# Colours of numbers end at these percentiles, so that a few cells do not make all others look alike.
_ENDS = (1, 99)
# Pictures of cells are drawn on one scale, up to this percentile of what is brightest in a cell.
_BRIGHT = 90
# Names on pictures have at most so many letters.
_ON_THE_MAP, _ON_THE_SHEET = 24, 9


@dataclass(frozen=True, eq=False)
class Content:
    """The header of the page and its arrays; `rows` are the cells that are shown, in their order on the page."""

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]
    rows: np.ndarray

    def add(self, kind: str, array: np.ndarray, **entry: Any) -> None:
        """Add one more of the "places", "group" or "number" of each cell, and what the header says of it."""
        entries = self.header[kind]
        self.arrays[f"{kind} {len(entries)}"] = array
        entries.append(entry)


def content(
    adata: AnnData, *, basis: str | None, groupby: Sequence[str], names: Any, max_cells: int, key: str
) -> Content:
    """Return the header and the arrays of a report."""
    keys, model = Keys(key), _adata.read_named_model(adata, key)
    _adata.read_activations(adata, key)  # refused with advice if they are missing
    labels = _adata.groups(adata, "key", keys.labels)
    others = [_adata.groups(adata, "groupby", column, least=1, most=MOST_GROUPS) for column in groupby]
    embedding = None if basis is None else _adata.embedding(adata, basis)
    if adata.n_obs == 0:
        msg = "`adata` has no cells to show."
        raise about("adata", ValueError(msg))
    rows = _page.sample(labels.codes, max_cells, _random.generator(_SEED))
    rows = rows[np.argsort(labels.codes[rows], kind="stable")]  # what is alike lies together: a smaller file
    activations = _activations(adata, rows, keys)
    page = Content({"places": [], "group": [], "number": []}, {}, rows)
    page.header.update(n_cells=adata.n_obs, n_shown=len(rows), about=_about(adata.n_obs, len(rows), model.graph))
    page.header.update(viridis=_page.VIRIDIS, diverging=_page.DIVERGING)
    page.arrays["rows"] = np.diff(rows, prepend=0).astype(np.int32)
    page.arrays["weight"] = _page.stands_for(labels.codes, rows).astype(np.float32)
    of_neurons = _add_modules(page, labels, model)
    for column, groups in zip(groupby, others, strict=True):
        _add_groups(page, column, [str(group) for group in groups.categories], groups.codes)
    if embedding is not None:
        page.add("places", _page.place_codes(embedding[1][rows]), title=embedding[0], frame=None)
    _add_sheet(page, activations, model.graph)
    _add_neurons(page, activations, model.graph, of_neurons)
    _add_confidence(page, adata, keys)
    add_markers(page, adata, labels, model, names)
    return page


def _about(n_cells: int, n_shown: int, graph: NeuronGraph) -> str:
    """Return what the page says of itself."""
    text = (
        f"{n_cells:,} cells. Each has a picture: its activations, drawn on a graph ({graph.name}) of {graph.n_neurons} "
        "neurons. Neighbours in a picture are neurons, not cells."
    )
    if n_shown < n_cells:
        text += (
            f" Shown are {n_shown:,} cells, of each module its share but at least {_page.LEAST}, if it has them and "
            "there is room; means and shares count a cell as often as it stands for one."
        )
    return text


def _activations(adata: AnnData, rows: np.ndarray, keys: Keys) -> np.ndarray:
    """Return the activations of the rows, (n_rows, n_neurons), all of them finite."""
    matrix, columns = _adata.representation(adata, keys.activations)
    activations = np.empty((len(rows), matrix.shape[1]), dtype=np.float32)
    for places, values in chosen_rows(matrix, rows):
        activations[places] = values
    check_finite(activations, columns)
    return activations


def _add_groups(page: Content, title: str, names: list[str], codes: np.ndarray) -> None:
    """Add the group of each cell; cells without one are a group of their own."""
    some_missing = bool((codes < 0).any())
    names = [*names, "(none)"] if some_missing else names
    of_cell = np.where(codes < 0, len(names) - 1, codes)
    sizes = np.bincount(of_cell, minlength=len(names)).tolist()
    rgb = [_page.PALETTE[code % len(_page.PALETTE)] for code in range(len(names))]
    if some_missing:
        rgb[-1] = _page.UNKNOWN
    array = of_cell[page.rows].astype(np.min_scalar_type(len(names)))
    short = [_short(name, _ON_THE_MAP) for name in names]
    page.add("group", array, title=title, names=names, short=short, sizes=sizes, rgb=rgb)


def _add_modules(page: Content, labels: pd.Categorical, model: FittedModel) -> np.ndarray:
    """Add the module of each cell; return the place of each neuron's module among the names, -1 for a dead neuron."""
    names = list(dict.fromkeys([*map(str, labels.categories), *model.names]))
    of_neurons = np.array([names.index(model.names[module]) if module >= 0 else -1 for module in model.modules.labels])
    _add_groups(page, "module", names, labels.codes)
    return of_neurons


def _add_neurons(page: Content, activations: np.ndarray, graph: NeuronGraph, modules: np.ndarray) -> None:
    """Add the neurons' areas, x to the right and y down from the left top, and the activations of the cells."""
    sheet, (codes, steps, zero) = Sheet.of_graph(graph), _page.picture_codes(activations)
    left, right, bottom, top = (float(bound) for bound in sheet.bounds)
    bright = np.percentile(np.abs(activations).max(axis=1), _BRIGHT)
    page.header.update(n_neurons=graph.n_neurons, zero=zero, bright=float(bright) or 1.0)
    names = [_short(name, _ON_THE_SHEET) for name in page.header["group"][0]["names"]]
    numbered = [(names[module], neuron) for module, neuron in _middles(graph.positions, modules)]
    page.header.update(wide=right - left, high=top - bottom, numbered=numbered)
    page.arrays.update(pictures=codes, steps=steps, modules=modules.astype(np.int32))
    page.arrays["starts"] = np.cumsum([0, *(len(area) for area in sheet.areas)]).astype(np.int32)
    drawn = {"corners": np.concatenate(sheet.areas), "positions": graph.positions, "outline": sheet.outline}
    drawn["borders"] = _page.borders(sheet.areas, modules)
    for name, points in drawn.items():
        page.arrays[name] = ((points - (left, top)) * (1, -1)).astype(np.float32)


def _short(name: str, most: int) -> str:
    """Return a name without its middle if it is too long: long names often differ at their end."""
    half = most // 2
    return name if len(name) <= most else f"{name[: most - half - 1]}…{name[-half:]}"


def _middles(positions: np.ndarray, modules: np.ndarray) -> list[tuple[int, int]]:
    """Return each module with the one of its neurons that lies nearest to their middle, where its name is written."""
    found = []
    for module in np.unique(modules[modules >= 0]).tolist():
        own = np.flatnonzero(modules == module)
        away = np.linalg.norm(positions[own] - np.median(positions[own], axis=0), axis=1)
        found.append((module, int(own[away.argmin()])))
    return found


def _add_sheet(page: Content, activations: np.ndarray, graph: NeuronGraph) -> None:
    """Add where on the sheet of neurons the cells lie, and how its drawing fits to that."""
    places = _page.on_sheet(activations, graph.positions, _random.generator(_SEED))
    left, right, bottom, top = Sheet.of_graph(graph).bounds
    low, high = np.minimum(places.min(axis=0), (left, bottom)), np.maximum(places.max(axis=0), (right, top))
    codes, (unit, x, y) = _page.place_codes(places, low, high), _page.place_of((left, top), low, high)
    page.add("places", codes, title="sheet of neurons", frame=[unit, x, y])


def _add_confidence(page: Content, adata: AnnData, keys: Keys) -> None:
    """Add how sure the module of each cell is, and how unlike the cells of the fit it is, where that is known."""
    confidence, novelty = _adata.numbers(adata, "key", keys.confidence), _adata.read_novelty(adata, keys.key)
    for title, values in (("confidence", confidence), ("novelty", novelty)):
        if values is not None:
            steps = _page.Steps.of(values[page.rows])
            page.add("number", steps.codes, title=title, low=steps.low, step=steps.step, shown=_ends(values))
    # The page opens with a clear case of the largest module.
    of_largest = page.arrays["group 0"] == np.argmax(page.header["group"][0]["sizes"])
    sure = np.nan_to_num(confidence[page.rows], nan=-1)
    page.header["first"] = int(np.where(of_largest, sure, -2).argmax())


def _ends(values: np.ndarray) -> list[float]:
    """Return between which numbers the colours change."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return [0.0, 1.0]
    low, high = np.percentile(finite, _ENDS)
    return [float(low), float(high)] if low < high else [float(finite.min()), float(finite.max())]
