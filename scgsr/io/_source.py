"""FCS files whose events are read file by file, and what they are as cells."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import pandas as pd

from scgsr._adata import CHANNEL_KIND, SAMPLE
from scgsr._checks import about, instance, one_of
from scgsr.io._channels import kinds
from scgsr.io._damage import DamageError, naming
from scgsr.io._events import find_data_set, read_events
from scgsr.io._folder import files_of
from scgsr.io._outline import DataSet
from scgsr.io._panel import shared_panel, unique
from scgsr.io._paths import source
from scgsr.io._places import CHOICES, Choice
from scgsr.io._spill import check_spill, compensate_in_place
from scgsr.io._table import described

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import DTypeLike, NDArray


class Source(NamedTuple):
    """A file or the files of a folder, whose events are not read yet."""

    files: dict[str, Path]  # by sample; one without a name for a file
    data_sets: dict[str, DataSet]
    keys: list[str]  # of the channels that all have
    compensate: bool | pd.DataFrame
    dtype: np.dtype[Any]
    table: pd.DataFrame | None  # what is known of each file of a folder

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        *,
        data_set: int,
        compensate: bool | pd.DataFrame,
        panel: str,
        dtype: DTypeLike,
        offsets: str | None,
        samples: str | os.PathLike[str] | pd.DataFrame | None,
    ) -> Source:
        """Look at the files, and refuse what does not fit together."""
        file_or_folder = source(path)
        instance("compensate", compensate, (bool, pd.DataFrame))
        one_of("panel", panel, ["same", "shared"])
        float_type, choice = _float_type(dtype), _choice(offsets)
        files = files_of(file_or_folder) if file_or_folder.is_dir() else {"": file_or_folder}
        table = None if samples is None else _table(samples, files, file_or_folder)
        data_sets = {sample: find_data_set(file, data_set, choice) for sample, file in files.items()}
        panels = {files[sample]: found.panel for sample, found in data_sets.items()}
        if file_or_folder.is_dir():
            keys = shared_panel(panels, refuse=panel == "same")
        else:
            keys = next(iter(panels.values())).keys
        return cls(files=files, data_sets=data_sets, keys=keys, compensate=compensate, dtype=float_type, table=table)

    @property
    def is_folder(self) -> bool:
        """Whether these are the files of a folder."""
        return list(self.files) != [""]

    @property
    def shape(self) -> tuple[int, int]:
        """How many events and channels there are."""
        return sum(self._sizes), len(self.keys)

    @property
    def _sizes(self) -> list[int]:
        return [data_set.shape[0] for data_set in self.data_sets.values()]

    def read(self) -> Iterator[tuple[slice, NDArray[np.floating], list[int], dict[str, Any]]]:
        """Yield of each file its rows, its events, which of their columns all files have, and its keywords."""
        start = 0
        for sample, data_set in self.data_sets.items():
            values, meta = _values(self.files[sample], data_set, self.compensate, self.dtype)
            rows = slice(start, start := start + len(values))
            yield rows, values, data_set.panel.columns(self.keys), meta
            del values  # forgotten before the next is read

    def cells(self, values: NDArray[np.floating] | None, metas: list[dict[str, Any]]) -> AnnData:
        """Return the cells with their values, if these are at hand, and the keywords of the files."""
        from anndata import AnnData  # slow to import

        names, sizes, first = list(self.files), self._sizes, next(iter(self.data_sets.values()))
        if not self.is_folder:
            obs, panel = pd.DataFrame(index=[str(i) for i in range(sizes[0])]), first.panel
        else:
            rows = np.repeat(np.arange(len(names)), sizes)
            index = [f"{sample}_{i}" for sample, size in zip(names, sizes, strict=True) for i in range(size)]
            obs = pd.DataFrame({SAMPLE: pd.Categorical.from_codes(rows, categories=names)}, index=index)
            if self.table is not None:  # The user's own names of samples are taken before those of files.
                obs = obs.assign(**self.table.iloc[rows].set_axis(index))
            panel = first.panel.only(self.keys)
        found = kinds(first.panel.channels, first.panel.markers, first.keywords)
        columns = {"channel": panel.channels, "marker": panel.markers}
        columns[CHANNEL_KIND] = [found[column] for column in first.panel.columns(panel.keys)]
        var = pd.DataFrame(columns, index=unique(panel.names))
        return AnnData(values, obs=obs, var=var, uns={"meta": self.meta(metas)} if metas else {})

    def meta(self, metas: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what goes to `.uns["meta"]`: the keywords of the file, or those of each sample."""
        return dict(zip(self.files, metas, strict=True)) if self.is_folder else metas[0]


def _table(samples: Any, files: dict[str, Path], folder: Path) -> pd.DataFrame:
    """Return what is known of each file of a folder."""
    if not folder.is_dir():
        msg = f"`samples` describes the files of a folder, but `path` is the file {folder}; leave it out."
        raise about("samples", ValueError(msg))
    return described(samples, files, folder)


def _choice(offsets: str | None) -> Choice | None:
    """Return where the offsets of the values are taken from, None for where they are possible."""
    return None if offsets is None else cast("Choice", one_of("offsets", offsets, CHOICES))


def _float_type(dtype: DTypeLike) -> np.dtype[Any]:
    """Return float32 or float64, in the byte order of this machine."""
    msg = f"`dtype` must be float32 or float64, as a name or a type of NumPy, got {dtype!r}."
    try:
        float_type = np.dtype(object if dtype is None else dtype)  # NumPy takes None for float64.
    except (TypeError, ValueError, SyntaxError) as error:
        raise about("dtype", (ValueError if isinstance(dtype, str) else TypeError)(msg)) from error
    if float_type not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise about("dtype", (TypeError if dtype is None else ValueError)(msg))
    return float_type


def _values(
    path: str | os.PathLike[str], data_set: DataSet, compensate: bool | pd.DataFrame, dtype: np.dtype[Any]
) -> tuple[NDArray[np.floating], dict[str, Any]]:
    """Return the events, compensated if asked for, and what goes to `.uns["meta"]`."""
    events = read_events(path, data_set)
    values, spill = _as_floats(events.values, path, dtype), events.spill
    compensated = isinstance(compensate, pd.DataFrame) or compensate
    if compensated:
        spill = _matrix(path, data_set, compensate if isinstance(compensate, pd.DataFrame) else spill)
        compensate_in_place(values, events.channels, spill)
    meta: dict[str, Any] = _writable(events.keywords)
    if spill is not None:  # Columns of a data frame become keys in a file.
        meta["spill"] = spill.set_axis(list(_writable(dict.fromkeys(spill.columns, ""))), axis="columns")
    return values, {**meta, "compensated": compensated}


def _matrix(path: str | os.PathLike[str], data_set: DataSet, spill: pd.DataFrame | None) -> pd.DataFrame:
    """Return the matrix if it fits the channels."""
    if spill is None:
        msg = (
            f"`compensate` needs a spillover matrix ($SPILLOVER or SPILL), and {os.fspath(path)} has none that can be "
            "read; leave it out, or give a DataFrame."
        )
        raise about("compensate", ValueError(msg))
    try:
        matrix = check_spill(spill, data_set.panel.channels)
    except ValueError as error:
        msg = f"`compensate`: {os.fspath(path)} cannot be compensated: {error}."
        raise about("compensate", ValueError(msg)) from error
    if amplified := [channel for channel in data_set.amplified if channel in matrix.index]:
        msg = (
            f"`compensate`: {os.fspath(path)} cannot be compensated: {amplified} are stored log-amplified ($PnE), and "
            "only linear values can be; read the file without it."
        )
        raise about("compensate", ValueError(msg))
    return matrix


def _as_floats(values: NDArray[Any], path: str | os.PathLike[str], dtype: np.dtype[Any]) -> NDArray[np.floating]:
    """Return writeable values of `dtype`, without a copy where possible."""
    with naming(path), np.errstate(over="raise", invalid="ignore"):
        try:
            return np.require(values, dtype, ["C", "W"])
        except FloatingPointError as error:
            msg = "it holds values beyond the range of 32-bit floats"
            raise DamageError(msg) from error


def _writable(keywords: dict[str, str]) -> dict[str, str]:
    """Neither HDF5 nor zarr takes "/" or only dots in a key, and HDF5 no zero bytes in a string."""
    keys = [re.sub(r"[/\x00]|^\.+$", "_", key) or "_" for key in keywords]
    return {key: value.replace("\x00", "") for key, value in zip(unique(keys), keywords.values(), strict=True)}
