"""Files of cells in and out."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import anndata as ad
import h5py
import numpy as np
import pytest

from scgsr import cli, io, tl

QUICK = ["--n-epochs", "3", "--graph", "4x5"]


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("interrupted", ["the old one aside", "the new one in"])
def test_an_interrupt_of_a_move_leaves_the_old_zarr(cells, paths, monkeypatch, capsys, interrupted, interrupt):
    replace = os.replace

    def move(source, target):
        is_old = Path(source) == paths / "z.zarr"
        # From a folder named old the old one comes back.
        is_new = Path(target) == paths / "z.zarr" and Path(source).parent.name != "old"
        return interrupt() if (is_old if interrupted == "the old one aside" else is_new) else replace(source, target)

    cells.write_zarr(paths / "z.zarr")
    before = sorted(paths.iterdir())
    monkeypatch.setattr(os, "replace", move)
    with pytest.raises(SystemExit, match="130"):
        cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "z.zarr"), "--overwrite", *QUICK])
    assert "no output was written" in capsys.readouterr().err
    assert sorted(paths.iterdir()) == before
    assert "gsr" not in ad.read_zarr(paths / "z.zarr").obs


@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_whatever_reading_raises_is_said_in_a_line(cells, paths, monkeypatch, ending):
    def fail(path):
        msg = "'str' object has no attribute 'get'\nError raised while reading"
        raise AttributeError(msg)

    (paths / f"foreign.{ending}").mkdir()
    monkeypatch.setattr(f"anndata.read_{ending}", fail)
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", str(paths / f"foreign.{ending}"), str(paths / "out.h5ad")])
    assert f"is no readable .{ending} of AnnData: 'str' object" in stop.value.code
    assert "\n" not in stop.value.code


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("command", ["fit", "transform"])
def test_a_part_that_cannot_be_read_is_said_in_a_line(cells, paths, monkeypatch, command):
    cells.obsp["graph"] = np.eye(240)
    cells.write_h5ad(paths / "cells.h5ad")
    monkeypatch.chdir(paths)
    with h5py.File("cells.h5ad", "r+") as root:
        root["obsp/graph"].attrs["encoding-type"] = "unheard of"
    tail = ["--reference", "cells.h5ad"] if command == "transform" else QUICK
    if command == "transform":
        with h5py.File("cells.h5ad", "r+") as root:
            root["uns"].attrs["encoding-type"] = "unheard of"
    with pytest.raises(SystemExit, match=r"cells.h5ad is no readable .h5ad of AnnData: .*unheard of"):
        cli.main([command, "cells.h5ad", "out.zarr", *tail])
    assert [path.name for path in paths.iterdir()] == ["cells.h5ad"]


def test_samples_in_one_fcs_file_can_be_told_apart(paths, capsys, fcs_folder):
    out = paths / "out.FCS"
    cli.main(["fit", str(fcs_folder), str(out), "--cofactor", "5", *QUICK])
    assert "parameter 'sample': 0 a, 1 b" in capsys.readouterr().err
    written = io.read_fcs(out)
    np.testing.assert_array_equal(written[:, "sample"].X.ravel(), np.repeat([0, 1], [140, 100]))
    assert [written.uns["meta"][f"sample_{number}"] for number in (0, 1)] == ["a", "b"]
    assert "gsr_n19" in written.var_names


def test_a_table_of_samples_goes_to_the_cells_and_its_faults_name_the_option(paths, fcs_folder):
    (fcs_folder / "samples.csv").write_text("file,condition\nb.fcs,treated\na.fcs,control\n")
    arguments = ["fit", str(fcs_folder), str(paths / "out.h5ad"), "--cofactor", "5", "--offsets", "text", *QUICK]
    cli.main([*arguments, "--samples", "samples.csv"])
    written = ad.read_h5ad(paths / "out.h5ad").obs
    assert written["condition"].value_counts().to_dict() == {"control": 140, "treated": 100}
    assert (written["condition"] == "control").equals(written["sample"] == "a")
    (fcs_folder / "samples.csv").write_text("file,condition\nb.fcs,treated\n")
    with pytest.raises(SystemExit, match=r"fit: --samples must have one row for each file, .* no row for a\.fcs"):
        cli.main([*arguments, "--samples", "samples.csv", "--overwrite"])


def test_offsets_are_handed_on(paths, fcs_folder, monkeypatch):
    given = {}
    monkeypatch.setattr(io, "convert_fcs", lambda *_, **options: given.update(options) or 1 / 0)
    for options in ([], ["--offsets", "header"]):
        with pytest.raises(ZeroDivisionError):
            cli.main(["fit", str(fcs_folder), str(paths / "out.h5ad"), *options])
        assert given.get("offsets") == (options[-1] if options else None)


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
@pytest.mark.parametrize("when", ["copying", "writing results"])
def test_a_full_disk_names_the_output(cells, paths, monkeypatch, ending, when):
    def fail(where, *arguments, **options):
        path = where if isinstance(where, Path) else where.file.filename if ending == "h5ad" else where.store.root
        msg = f"unable to write file (name = '{path}', errno = 28)"
        raise OSError(28, msg)

    if when == "writing results":
        monkeypatch.setattr("anndata.io.write_elem", fail)
    elif ending == "h5ad":
        monkeypatch.setattr("scgsr._adata._copy._copy_file", lambda source, target, **options: fail(target))
    else:
        monkeypatch.setattr("anndata.AnnData.write_zarr", lambda adata, path: fail(path))
    out = paths / f"out.{ending}"
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", str(paths / "cells.h5ad"), str(out), *QUICK])
    assert f"(name = '{out}', errno = 28); free some space, or name a place on another disk: '{out}'" in stop.value.code
    assert [path.name for path in paths.iterdir()] == ["cells.h5ad"]


@pytest.mark.parametrize("command", ["fit", "transform"])
@pytest.mark.parametrize("ending", ["h5ad", "fcs"])
def test_a_disk_without_room_is_refused_before_the_work(cells, paths, monkeypatch, command, ending):
    tl.fit(cells, (4, 5), n_epochs=1)
    cells.write_h5ad(paths / "reference.h5ad")
    before, out = sorted(paths.iterdir()), paths / f"out.{ending}"
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    monkeypatch.setattr(tl, "fit", None)
    options = QUICK if command == "fit" else ["--reference", str(paths / "reference.h5ad")]
    with pytest.raises(SystemExit) as stop:
        cli.main([command, str(paths / "cells.h5ad"), str(out), *options])
    assert re.search(rf"[\d,]+ bytes are to be written, .* room for 1,000; free some space.*'{out}'", stop.value.code)
    assert sorted(paths.iterdir()) == before


SIGTERM = """
import os, signal, sys
from scgsr import cli, tl
def fit(*arguments, **options):
    os.kill(os.getpid(), signal.SIGTERM)
tl.fit = fit
cli.main(sys.argv[1:])
"""


@pytest.mark.skipif(os.name != "posix", reason="the request to end is a signal of POSIX")
def test_a_request_to_end_leaves_nothing_behind(paths):
    before = sorted(paths.iterdir())
    command = [sys.executable, "-c", SIGTERM, "fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), *QUICK]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run(command, env=environment, check=False).returncode == 128 + signal.SIGTERM
    assert sorted(paths.iterdir()) == before


def test_a_handler_of_the_user_is_put_back(paths):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit):
        cli.main(["fit", str(paths / "nowhere.h5ad"), str(paths / "out.h5ad")])
    assert signal.getsignal(signal.SIGTERM) is before
