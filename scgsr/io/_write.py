"""AnnData -> an FCS file: features, samples, and what a fit has written, as parameters."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scgsr import _adata, _checks
from scgsr._adata import DEFAULT_KEY, Keys, rows
from scgsr._atomic import replacing
from scgsr._checks import about, log
from scgsr._values import check_finite, dense_rows, rows_read, slices
from scgsr.io._carry import carried
from scgsr.io._encode import Parameter, header_and_text, tidy, tidy_channels
from scgsr.io._paths import target
from scgsr.io._samples import sample_numbers

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from scgsr._values import Matrix, Rows

# Rows in a block, and values in one of many columns.
_ROWS_AT_ONCE, _VALUES_AT_ONCE = 65536, 1 << 23

# Stands where a cell has no novelty: a file of floats for other programs had better hold no NaN.
_NO_NOVELTY = -10


def write_fcs(
    adata: AnnData,
    path: str | os.PathLike[str],
    *,
    layer: str | None = None,
    key: str | None = DEFAULT_KEY,
    overwrite: bool = False,
) -> None:
    """Write cells to an FCS file for FlowJo, OMIQ and others, with what a fit has found as further parameters.

    The file is FCS 3.1 with 32-bit floats, to which doubles and integers above 2**24 are rounded, and is there complete
    or not at all. Its parameters are, in this order,

    - the features: $PnN is ``.var["channel"]`` if there is one, else the name of the feature, and $PnS is the name of
      the feature where that differs;
    - for cells of a folder of files, "sample": the number of ``.obs["sample"]`` in the order of its categories; the
      keywords SAMPLE_0, ... say what the numbers mean. Where a feature has that name the parameter is "sample_", with
      the keywords SAMPLE__0, ...;
    - the activations, one parameter per neuron, "gsr_n0", "gsr_n1", ...;
    - the labels, "gsr": the number of the module. If the categories were renamed they are numbered in their order, and
      the keywords GSR_LABEL_0, ... say what the numbers mean;
    - "gsr_confidence", and "gsr_novelty" where a mapping has written it. Cells of the fit beside mapped ones have none:
      there -10 stands for it, below any that is measured, and the keyword GSR_NOVELTY_MISSING says so.

    Keywords in ``.uns["meta"]``, as :func:`read_fcs` writes them, are carried over if they describe the sample. For
    cells of a folder of files none are, because each file has its own. Others hold only while something is as it was:

    - $ORIGINALITY, $LAST_MODIFIED, $LAST_MODIFIER, $CELLS, the name of the file, identifiers (GUID), checksums, gates
      and offsets are never carried over: they describe the file that was read;
    - $ABRT, $LOST and $VOL, while there are as many cells as events were read ($TOT);
    - $TIMESTEP, while the time channel is there, untransformed;
    - the gain of a channel ($PnG), while its values are as they were read, that is not recorded in
      ``.uns["arcsinh"]``, and for a folder if all files agree. A warning names lost gains, and channels that were
      log-amplified ($PnE), which 32-bit floats cannot be;
    - the spillover matrix, while it applies: another program must not compensate values again that are compensated, or
      recorded as transformed.

    The record of a transform is not part of the file: what is read back counts as untransformed.

    Parameters
    ----------
    adata
        Cells, in memory or in a file that is read by rows; with a fit unless `key` is None.
    path
        The file to write, usually ending in .fcs.
    layer
        Values of the features; None for `.X`.
    key
        The fit's `key_added`; None writes no results of a fit.
    overwrite
        Whether to replace a file that exists.

    Raises
    ------
    FileExistsError
        If the file exists and `overwrite` is False.
    FileNotFoundError
        If there is no folder to write it to.
    IsADirectoryError
        If `path` is a folder.
    KeyError
        If there is no fit under `key`, or no such layer.
    OSError
        If the disk has too little room, which is compared with the size of the file before anything is written, or the
        file cannot be written.
    TypeError
        If an argument has a wrong type, or `adata` is a view of cells in a file.
    ValueError
        If `path` is empty, there are no cells, values are NaN, infinite or too large for 32-bit floats, or cells lack a
        label.

    References
    ----------
    Spidlen J, Moore W, Parks D, et al. Data File Standard for Flow Cytometry, version FCS 3.1. Cytometry A
    2010;77:97-100. https://doi.org/10.1002/cyto.a.20825

    Examples
    --------
    >>> import pathlib, tempfile, scgsr
    >>> adata = scgsr.datasets.cytof_panel(500)
    >>> scgsr.tl.fit(adata, scgsr.graphs.ring(20), n_epochs=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     scgsr.io.write_fcs(adata, pathlib.Path(folder) / "for_flowjo.fcs")
    ...     written = scgsr.io.read_fcs(pathlib.Path(folder) / "for_flowjo.fcs")
    >>> written.shape, written.var_names[[0, 21, -2, -1]].to_list()
    ((500, 43), ['CD45', 'gsr_n0', 'gsr', 'gsr_confidence'])
    >>> bool((written[:, adata.var_names].X == adata.X).all())
    True
    """
    from anndata import AnnData

    _checks.instance("adata", adata, AnnData)
    _checks.instance("overwrite", overwrite, bool)
    file = target(path, overwrite=overwrite)
    if adata.n_obs == 0:
        msg = "`adata` has no cells; an FCS file needs at least one."
        raise about("adata", ValueError(msg))
    matrix = rows(adata, layer=layer)
    samples, meaning_of_samples = sample_numbers(adata, {*map(str, adata.var_names), *_channels(adata)})
    results, meaning_of_results = ({}, {}) if key is None else _results(adata, key)
    blocks = [matrix, *samples.values(), *results.values()]
    names = [str(name) for name in adata.var_names], *map(list, samples), *map(list, results)
    for block, columns in zip(blocks, names, strict=True):
        check_finite(block, columns)
    largest = np.concatenate([_largest(block) for block in blocks])
    parameters = _parameters(adata, names[1:], largest)
    kept = carried(adata, layer, [parameter.channel for parameter in parameters])
    keywords = {"$FIL": tidy(file.name), **kept, **meaning_of_samples, **meaning_of_results}
    head = header_and_text(adata.n_obs, parameters, keywords)
    n_bytes = len(head) + 4 * adata.n_obs * len(parameters)
    with replacing(file, n_bytes=n_bytes) as unfinished, unfinished.open("wb") as handle:
        handle.write(head)
        for values in _rows(blocks):
            handle.write(np.ascontiguousarray(values).data)


def _results(adata: AnnData, key: str) -> tuple[dict[tuple[str, ...], Rows], dict[str, str]]:
    """Return what a fit has written, blocks of columns by their names, and keywords that explain them."""
    _checks.instance("key", key, str, hint="None writes no results of a fit.")
    keys = Keys(key)
    _adata.read_activations(adata, key)  # refused with advice if they are missing
    activations, _ = _adata.representation(adata, keys.activations)
    for column in (keys.labels, keys.confidence):
        if column not in adata.obs:
            msg = f"`key`={key!r}: .obs[{column!r}] is missing; call `scgsr.tl.fit(adata, key_added={key!r})` again."
            raise about("key", KeyError(msg))
    labels = adata.obs[keys.labels].astype("category").cat
    if n_missing := int((labels.codes < 0).sum()):
        msg = f"`key`={key!r}: .obs[{keys.labels!r}] has no label for {n_missing} cells; leave these cells out."
        raise about("key", ValueError(msg))
    names = [str(name) for name in labels.categories]
    renamed = not all(re.fullmatch("[0-9]{1,7}", name) for name in names)  # Float32 lacks some larger ones.
    numbers = np.arange(len(names)) if renamed else np.array(names, dtype=int)
    per_cell = {keys.labels: numbers[labels.codes], keys.confidence: adata.obs[keys.confidence].to_numpy()}
    keywords = {f"{key}_label_{n}".upper(): tidy(name) or "_" for n, name in enumerate(names) if renamed}
    if (novelty := _adata.read_novelty(adata, key)) is not None:
        per_cell[keys.novelty] = np.where(np.isnan(novelty), _NO_NOVELTY, novelty)
        if np.isnan(novelty).any():
            keywords[f"{keys.novelty}_missing".upper()] = str(_NO_NOVELTY)
    columns: dict[tuple[str, ...], Rows] = {
        tuple(f"{key}_n{i}" for i in range(activations.shape[1])): activations,
        tuple(per_cell): np.column_stack([values.astype(np.float32) for values in per_cell.values()]),
    }
    return columns, keywords


def _channels(adata: AnnData) -> list[str]:
    """Return $PnN of each feature: its channel if that can be written, else its name."""
    features = [str(name) for name in adata.var_names]
    if "channel" not in adata.var:
        return features
    return [
        channel if isinstance(channel, str) and tidy(channel) else feature
        for channel, feature in zip(adata.var["channel"], features, strict=True)
    ]


def _parameters(adata: AnnData, others: Sequence[Sequence[str]], largest: NDArray[Any]) -> list[Parameter]:
    """Return the parameters of the file: the features, and the columns named by `others`."""
    features = [str(name) for name in adata.var_names]
    names = [*_channels(adata), *itertools.chain(*others)]
    written = tidy_channels(names)
    markers = [tidy(feature) if feature != channel else "" for feature, channel in zip(features, written, strict=False)]
    changed = [
        f"{before!r} to {after!r}"
        for before, after in [*zip(names, written, strict=True), *zip(features, markers, strict=True)]
        if after not in ("", before)
    ]
    if changed:
        log.warning("renamed in the file, where names are plain and those of channels differ: %s", ", ".join(changed))
    markers += [""] * (len(written) - len(markers))
    return [Parameter(*row) for row in zip(written, markers, largest.tolist(), strict=True)]


def _largest(matrix: Rows) -> NDArray[Any]:
    """Return the maximum of each column."""
    of_blocks = [_maximum(matrix[part]) for part in slices(matrix.shape[0], rows_read(matrix))]
    return np.max(of_blocks, axis=0)


def _maximum(block: Matrix) -> NDArray[Any]:
    largest: Any = block.max(axis=0)
    return np.asarray(largest if isinstance(block, np.ndarray) else largest.todense()).ravel()


def _rows(blocks: Sequence[Rows]) -> Iterator[NDArray[np.float32]]:
    """Yield all columns of some cells after others; a sparse matrix is never densified whole."""
    n_values = sum(block.shape[1] for block in blocks)
    for part in slices(blocks[0].shape[0], max(1, min(_ROWS_AT_ONCE, _VALUES_AT_ONCE // n_values))):
        try:
            with np.errstate(over="raise"):
                values = np.hstack([dense_rows(block, part) for block in blocks], dtype="<f4", casting="unsafe")
        except FloatingPointError as error:
            msg = "`adata` has values beyond the range of 32-bit floats, which is what the file holds; rescale them."
            raise about("adata", ValueError(msg)) from error
        yield values
