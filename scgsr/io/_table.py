"""A table of samples -> what it says of each file of a folder."""

from __future__ import annotations

import numbers
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path, PureWindowsPath
from typing import Any

import pandas as pd

from scgsr._checks import about, instance, listed, log
from scgsr.io._folder import natural

# A number that begins with a zero is a name: as a number it would lose it.
_NAME_OF_DIGITS = re.compile(r"[+-]?0[0-9]+")
# How pandas calls a column without a name, as an index has that was written along.
_NAMELESS = re.compile(r"Unnamed: [0-9]+")


def described(samples: str | os.PathLike[str] | pd.DataFrame, files: Mapping[str, Path], folder: Path) -> pd.DataFrame:
    """Return what a table says of each file, one row per sample in the order of `files`, whose column it leaves out.

    The column with the names of the files is known by its values: names with or without the ending, or paths. A path to
    a table is looked up as it is, and then in the folder.
    """
    instance("samples", samples, (str, os.PathLike, pd.DataFrame))
    table = _as_columns(samples) if isinstance(samples, pd.DataFrame) else _read(Path(samples), folder)
    column, of_row = _column_of_files(table, files)
    _check_rows(table[column], of_row, files)
    row_of = {sample: row for row, sample in enumerate(of_row)}
    told = table.drop(columns=column).iloc[[row_of[sample] for sample in files]]
    _check_names(told.columns)
    told = pd.DataFrame({name: _values(told[name]) for name in told.columns}, index=list(files))
    log.info("samples: %r names the files; .obs gets %s", column, listed(list(told.columns)) or "nothing else")
    return told


def _read(path: Path, folder: Path) -> pd.DataFrame:
    """Return a table of texts: separated by tabs, commas or semicolons, whichever its first line has most of."""
    file = path if path.is_file() or path.is_absolute() else folder / path
    if not file.is_file():
        msg = f"`samples` must be a table that exists, got {os.fspath(path)!r}, which is neither here nor in {folder}."
        raise about("samples", FileNotFoundError(msg))
    try:
        with file.open(encoding="utf-8-sig") as handle:
            head = handle.readline()
        separator = max("\t,;", key=head.count)
        table = pd.read_csv(file, sep=separator, dtype=str, encoding="utf-8-sig", skipinitialspace=True)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        msg = f"`samples` must be a table as text (.csv or .tsv, UTF-8), which {file} is not: {error}."
        raise about("samples", ValueError(msg)) from error
    named = [name for name in table.columns if not (_NAMELESS.fullmatch(name) and _is_number(table[name]))]
    return table[named].apply(lambda column: column.str.strip()).dropna(how="all")


def _as_columns(samples: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose index is a column, too, since it may name the files."""
    names = [str(name) for name in samples.columns]
    if twice := [name for name, uses in Counter(names).items() if uses > 1]:
        msg = f"`samples` must have columns of different names, got {listed(twice)} more than once."
        raise about("samples", ValueError(msg))
    if isinstance(samples.index, pd.RangeIndex):
        return samples.set_axis(names, axis="columns")
    index = "the index" if samples.index.name is None else str(samples.index.name)
    return samples.set_axis(names, axis="columns").assign(**{index: samples.index.map(str)})


def _column_of_files(table: pd.DataFrame, files: Mapping[str, Path]) -> tuple[str, list[str | None]]:
    """Return the column that names most files, and the sample that each of its rows means, None for no file."""
    sample_of = {sample: sample for sample in files} | {file.name: sample for sample, file in files.items()}
    found: dict[str, list[str | None]] = {}
    for column in table.columns:
        names = [str(value) for value in table[column]]
        found[column] = [sample_of.get(name, sample_of.get(PureWindowsPath(name).name)) for name in names]
    # Where stems of names are numbers, as in 1.fcs, those of donors look alike: names with the ending say more.
    whole = {file.name for file in files.values()}
    counts = {
        column: (len({*samples} - {None}), sum(PureWindowsPath(str(value)).name in whole for value in table[column]))
        for column, samples in found.items()
    }
    best = max(counts.values(), default=(0, 0))
    if not best[0]:
        msg = (
            f"`samples` must have a column with the names of the files, such as {next(iter(files.values())).name}, got "
            f"the columns {listed(list(table.columns)) or 'of an empty table'}, none of which has any."
        )
        raise about("samples", ValueError(msg))
    columns = [column for column, count in counts.items() if count == best]
    if any(found[column] != found[columns[0]] for column in columns):
        msg = f"`samples` has several columns that name files, each others: {listed(columns)}; leave one of them."
        raise about("samples", ValueError(msg))
    return columns[0], found[columns[0]]


def _check_rows(names: pd.Series, of_row: list[str | None], files: Mapping[str, Path]) -> None:
    """Refuse a table that has not one row for each file."""
    uses = Counter(of_row)
    faults = {
        "no row for": [file.name for sample, file in files.items() if not uses[sample]],
        "rows without a file": [name for name, sample in zip(names, of_row, strict=True) if sample is None],
        "several rows for": [file.name for sample, file in files.items() if uses[sample] > 1],
    }
    if found := [f"{fault} {listed(which)}" for fault, which in faults.items() if which]:
        msg = f"`samples` must have one row for each file, but {names.name!r} has {', '.join(found)}; mend the table."
        raise about("samples", ValueError(msg))


def _check_names(columns: Iterable[str]) -> None:
    """Refuse names that files of AnnData do not take."""
    if refused := [name for name in columns if "/" in name or name in ("", "_index")]:
        msg = f"`samples` has columns with names that AnnData files do not take: {listed(refused)}; rename them."
        raise about("samples", ValueError(msg))


def _values(column: pd.Series) -> Any:
    """Return numbers where all values are numbers, else categories in natural order, of texts; NaN where empty."""
    if isinstance(column.dtype, pd.CategoricalDtype) and all(isinstance(name, str) for name in column.cat.categories):
        return column.array
    if pd.api.types.is_bool_dtype(column) and not column.isna().any():
        return column.to_numpy(bool)
    if _is_number(column):
        return pd.to_numeric(column).to_numpy(dtype=float if column.isna().any() else None)
    texts = column.map(str, na_action="ignore")
    return pd.Categorical(texts, categories=sorted(set(texts.dropna()), key=natural))


def _is_number(column: pd.Series) -> bool:
    """Return whether all values that are there are numbers, or texts of numbers, and there is one at least."""
    values = list(column.dropna())
    if any(isinstance(value, bool) or not isinstance(value, str | numbers.Real) for value in values):
        return False
    if any(_NAME_OF_DIGITS.fullmatch(str(value)) for value in values):
        return False
    return bool(values) and bool(pd.to_numeric(pd.Series(values), errors="coerce").notna().all())
