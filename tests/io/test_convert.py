"""FCS files to a .h5ad or .zarr, file by file."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import io
from scgsr.io import _convert

pytestmark = pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")


@pytest.mark.parametrize("what", ["", "s2.FCS"])
@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_written_is_what_is_read(folder, tmp_path, monkeypatch, what, ending, dtype):
    monkeypatch.setattr(_convert, "rows_at_once", lambda n_columns: 3)
    path = tmp_path / f"cells.{ending}"
    io.convert_fcs(folder / what, path, dtype=dtype)
    found = ad.read_h5ad(path) if ending == "h5ad" else ad.read_zarr(path)
    expected = io.read_fcs(folder / what, dtype=dtype)
    assert found.X.dtype == dtype
    np.testing.assert_array_equal(found.X, expected.X)
    pd.testing.assert_frame_equal(found.obs, expected.obs)
    pd.testing.assert_frame_equal(found.var.astype(str), expected.var.astype(str))
    assert found.uns["meta"] == expected.uns["meta"]


def test_a_failure_leaves_what_was_there(folder, tmp_path, monkeypatch):
    (tmp_path / "cells.h5ad").write_text("old")
    (folder / "s10.fcs").write_bytes((folder / "s10.fcs").read_bytes()[:-40])
    with pytest.raises(ValueError, match=r"s10\.fcs"):
        io.convert_fcs(folder, tmp_path / "cells.h5ad", overwrite=True)
    assert (tmp_path / "cells.h5ad").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cells.h5ad", folder.name]


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_a_stop_leaves_what_was_there(folder, tmp_path, monkeypatch, ending, error):
    path = tmp_path / f"cells.{ending}"
    io.convert_fcs(folder, path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}

    def stopped(root, name, value):
        raise error

    monkeypatch.setattr("anndata.io.write_elem", stopped)  # called when all values are written
    with pytest.raises(type(error)):
        io.convert_fcs(folder, path, overwrite=True)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, folder.name]


def test_the_room_on_the_disk_is_looked_at_before_anything_is_written(folder, tmp_path, monkeypatch):
    n_bytes = 13 * 3 * 8
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=n_bytes - 1))
    monkeypatch.setattr(_convert._adata, "write_new", lambda *_: pytest.fail("the work began"))
    with pytest.raises(OSError, match=rf"{n_bytes} bytes are to be written, and the disk has room for {n_bytes - 1}"):
        io.convert_fcs(folder, tmp_path / "cells.h5ad", dtype="float64")
    assert [file.name for file in tmp_path.iterdir()] == [folder.name]


@pytest.mark.parametrize(
    ("output", "error", "message"),
    [
        ("cells.csv", ValueError, "must end in .h5ad or .zarr"),
        ("there.h5ad", FileExistsError, "exists; choose another name"),
        ("no/cells.h5ad", FileNotFoundError, "there is no folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused(folder, tmp_path, output, error, message):
    (tmp_path / "there.h5ad").write_text("old")
    with pytest.raises(error, match=f"`output`.*{message}"):
        io.convert_fcs(folder, tmp_path / output)


def test_an_output_must_be_a_path(folder):
    with pytest.raises(TypeError, match="`output`"):
        io.convert_fcs(folder, 3)
