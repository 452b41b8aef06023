"""What cannot be read or written is refused before the work."""

from __future__ import annotations

import gzip
from pathlib import Path

import anndata
import pytest

from scgsr import cli, tl


def test_what_would_be_lost_or_is_not_there_is_said_before_the_work(cells, paths):
    (paths / "file").write_text("")
    (paths / "folder.h5ad").mkdir()
    tl.fit(cells, (4, 5), n_epochs=1)
    cells.write_h5ad(paths / "fitted.h5ad")
    inp, out, fitted = str(paths / "cells.h5ad"), str(paths / "out.h5ad"), str(paths / "fitted.h5ad")
    for arguments, message in [
        (["fit", inp, out, "--save-model", str(paths / "file")], "is a file; name a folder"),
        (["fit", inp, str(paths / "folder.h5ad"), "--overwrite"], "is a folder; name another output"),
        (["transform", inp, fitted, "--reference", fitted, "--overwrite"], "is the reference"),
        (["transform", inp, out, "--reference", str(paths / "no.h5ad")], "scgsr transform: --reference: there is no"),
        (
            ["transform", inp, out, "--reference", str(paths / "file")],
            "--reference: must be a .h5ad, a .zarr or the folder",
        ),
    ]:
        with pytest.raises(SystemExit) as stop:
            cli.main(arguments)
        assert message in str(stop.value.code)
        assert not (paths / "out.h5ad").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--compensate"], "--compensate is for .fcs files"),
        (["--panel", "shared"], "--panel is for a folder of .fcs files"),
        (["--samples", "samples.csv"], "--samples is for a folder of .fcs files"),
        (["--offsets", "text"], "--offsets is for .fcs files"),
    ],
)
def test_options_that_would_be_ignored_are_refused(paths, capsys, options, message):
    for command in (["fit"], ["transform", "--reference", str(paths)]):
        with pytest.raises(SystemExit, match="2"):
            cli.main([*command, str(paths / "cells.h5ad"), str(paths / "out.h5ad"), *options])
        assert message in capsys.readouterr().err


def test_places_where_nothing_can_be_written_are_found_before_the_work(paths, monkeypatch):
    monkeypatch.setattr("scgsr.cli._files.unfinished_output", lambda *_: pytest.fail("the input was read"))
    (paths / "file").write_text("")
    (paths / "barred").mkdir()
    touch = Path.touch

    def touch_unless_barred(path, **options):
        if path.parent.name == "barred":
            raise PermissionError(13, "Permission denied")
        touch(path, **options)

    monkeypatch.setattr(Path, "touch", touch_unless_barred)
    inp, out = str(paths / "cells.h5ad"), str(paths / "out.h5ad")
    for arguments, message in [
        ([str(paths / "barred" / "out.h5ad")], "cannot write the output .*: Permission denied; name a place"),
        (
            [out, "--save-model", str(paths / "barred" / "a" / "b")],
            "--save-model: cannot write .*: Permission denied",
        ),
        ([out, "--checkpoint", str(paths / "barred")], "--checkpoint: cannot write .*: Permission denied"),
        ([out, "--save-model", str(paths / "file" / "model")], "--save-model: cannot write .*: Not a directory"),
        ([out, "--save-model", out], "--save-model: .* is the output"),
    ]:
        with pytest.raises(SystemExit, match=message):
            cli.main(["fit", inp, *arguments])


def test_an_fcs_file_is_not_written_among_the_samples(paths, fcs_folder):
    for arguments in (["fit"], ["transform", "--reference", str(paths)]):
        with pytest.raises(SystemExit, match=r"c\.FCS would be read as a sample of .*; write it to another folder"):
            cli.main([*arguments, str(fcs_folder), str(fcs_folder / "c.FCS")])
    assert sorted(path.name for path in fcs_folder.iterdir()) == ["a.fcs", "b.fcs"]


def test_a_model_is_not_replaced_unasked(paths, monkeypatch):
    monkeypatch.setattr("scgsr.cli._files.unfinished_output", lambda *_: pytest.fail("the input was read"))
    (paths / "model").mkdir()
    (paths / "model" / "model.json").write_text("")
    arguments = [str(paths / "cells.h5ad"), str(paths / "out.h5ad"), "--save-model", str(paths / "model")]
    with pytest.raises(SystemExit, match=r"scgsr fit: --save-model: .* holds a model already; pass --overwrite"):
        cli.main(["fit", *arguments])


@pytest.mark.parametrize("name", ["a.lmd", "a.LMD", "Data.001", "no_ending"])
def test_fcs_files_of_other_endings_are_read(fcs_folder, tmp_path, name):
    (fcs_folder / "a.fcs").rename(tmp_path / name)
    arguments = [str(tmp_path / name), str(tmp_path / "out.h5ad"), "--graph", "2x2", "--n-epochs", "1", "--quiet"]
    cli.main(["fit", *arguments])
    assert (tmp_path / "out.h5ad").exists()


def test_a_folder_of_such_files_is_read(fcs_folder, tmp_path):
    (fcs_folder / "a.fcs").rename(fcs_folder / "Data.001")
    (fcs_folder / "b.fcs").rename(fcs_folder / "b.LMD")
    arguments = [str(fcs_folder), str(tmp_path / "out.h5ad"), "--graph", "2x2", "--n-epochs", "1", "--quiet"]
    cli.main(["fit", *arguments])
    cells = anndata.read_h5ad(tmp_path / "out.h5ad")
    assert cells.obs["sample"].cat.categories.tolist() == ["Data.001", "b"]


@pytest.mark.parametrize("name", ["a.fcs.gz", "a.zip", "a.FCS.GZ"])
def test_a_packed_file_is_to_be_unpacked_first(fcs_folder, tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress((fcs_folder / "a.fcs").read_bytes()))
    with pytest.raises(SystemExit, match=rf"{name} is packed; unpack it first"):
        cli.main(["fit", str(tmp_path / name), str(tmp_path / "out.h5ad")])
    (tmp_path / name).rename(fcs_folder / "c.fcs.gz")
    with pytest.raises(SystemExit, match=r"c\.fcs\.gz in .* are packed.*; unpack them first"):
        cli.main(["fit", str(fcs_folder), str(tmp_path / "out.h5ad")])
    assert not (tmp_path / "out.h5ad").exists()
