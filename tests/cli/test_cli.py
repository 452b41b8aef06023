"""The command line."""

from __future__ import annotations

import logging
import os
from importlib.metadata import version
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from matplotlib.image import imread

from scgsr import cli, io, tl
from scgsr.cli._words import in_options


def interrupt(*arguments, **options):
    raise KeyboardInterrupt


@pytest.fixture
def _logger_put_back():
    logger = logging.getLogger("scgsr")
    before, level = list(logger.handlers), logger.level
    yield
    logger.handlers, logger.level = before, level


@pytest.mark.usefixtures("_logger_put_back")
def test_demo_writes_and_says_what_it_did(tmp_path, capsys):
    cli.main(["demo", "--out", str(tmp_path / "new" / "folder")])
    said = capsys.readouterr().out
    adata = ad.read_h5ad(tmp_path / "new" / "folder" / "pbmc.h5ad")
    assert adata.obsm["X_gsr"].shape == (700, 100)
    for name in ("activation_map", "neuron_graph", "segmentation", "history"):
        path = tmp_path / "new" / "folder" / f"{name}.png"
        assert imread(path).std() > 0.05
        assert str(path) in said
    assert "training on" in said
    assert "fit and label:" in said
    assert f"{adata.obs['gsr'].nunique()} clusters" in said
    score = float(said.split("adjusted Rand index ")[1].split()[0])
    assert score > 0.3


def test_demo_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="scgsr demo: cannot write"):
        cli.main(["demo", "--out", str(tmp_path / "file")])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "required: command"),
        ("unknown", "invalid choice"),
        ("demo --unknown", "unrecognized arguments"),
        ("fit in.h5ad", "required: OUTPUT"),
        ("fit in.h5ad out.h5ad --graph sphere", "--graph: must be learned, learned:100, 10x10"),
        (
            "fit in.h5ad out.h5ad --graph ring:1",
            "--graph: ring:1 is no graph: the number of neurons must be at least 3",
        ),
        ("fit in.h5ad out.h5ad --graph 0x0", "--graph: 0x0 is no graph: each side must be at least 1, got 0"),
        ("fit in.h5ad out.h5ad --graph 10000x10000", "100,000,000 neurons, and more than 4,096 need scgsr.tl.fit"),
        ("fit in.h5ad out.h5ad --graph learned:5000", "learned:5000 is too large"),
        ("fit in.h5ad out.h5ad --n-epochs many", "--n-epochs: must be a whole number, got 'many'"),
        ("fit in.h5ad out.h5ad --n-epochs 0", "--n-epochs: must be at least 1, got 0"),
        ("fit in.h5ad out.h5ad --smoothness nan", "--smoothness: must be finite and at least 0, got nan"),
        ("fit in.h5ad out.h5ad --smoothness -1", "--smoothness: must be finite and at least 0, got -1"),
        ("fit in.h5ad out.h5ad --threshold inf", "--threshold: must be finite, got inf"),
        ("fit in.h5ad out.h5ad --resolution 0", "--resolution: must be finite and above 0, got 0"),
        ("fit in.h5ad out.h5ad --cofactor -5", "--cofactor: must be finite and above 0, got -5"),
        ("fit in.h5ad out.h5ad --rng -1", "--rng: must be an integer from 0"),
        ("fit in.h5ad out.h5ad --device abacus", "--device: abacus cannot be used here"),
        ("fit in.h5ad out.h5ad --key-added a/b", "--key-added: must be a name that AnnData files accept"),
        ("fit in.h5ad out.h5ad --features a --mask-var b", "not allowed with argument --features"),
        ("fit in.h5ad out.h5ad --use-rep r --cofactor 5", "--cofactor and --use-rep exclude each other"),
        ("fit in.h5ad out.h5ad --use-rep r --features a", "--features and --use-rep exclude each other"),
        ("transform in.h5ad out.h5ad", "required: --reference"),
        ("transform in.h5ad out.h5ad --reference r --fill median", "--fill: must be mean or a finite number"),
        ("transform in.h5ad out.h5ad --reference r --fill nan", "--fill: must be mean or a finite number"),
    ],
)
def test_wrong_usage_exits_with_two_before_anything_is_read(arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments.split())
    assert stop.value.code == 2
    shown = capsys.readouterr().err
    assert "usage" in shown
    assert said in shown


def test_an_empty_path_is_not_the_current_folder(capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["fit", "", "out.h5ad"])
    assert "INPUT: must name a file or a folder" in capsys.readouterr().err


def test_version(capsys):
    with pytest.raises(SystemExit, match="0"):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"scgsr {version('scgsr')}\n"


def test_an_interrupt_before_the_command_runs(monkeypatch, capsys):
    monkeypatch.setattr(cli, "_parser", interrupt)
    with pytest.raises(SystemExit, match="130"):
        cli.main(["demo"])
    assert capsys.readouterr().err == "interrupted; nothing was written\n"


@pytest.mark.parametrize(
    ("said", "instead"),
    [
        ("`n_epochs` must be at least 1", "--n-epochs must be at least 1"),
        ("`checkpoint`='a run' holds the state", "--checkpoint a run holds the state"),
        (
            "`compensate`=True needs a matrix; pass one as a DataFrame.",
            "--compensate needs a matrix; leave --compensate out.",
        ),
        ("read only what all have with `panel='shared'`", "read only what all have with --panel shared"),
        ("call `scgsr.tl.fit(adata, key_added='foo')` first", "run `scgsr fit` with --key-added foo first"),
        ("call `scgsr.pp.arcsinh(adata, 5)` for mass", "give --cofactor 5 for mass"),
        ("leave such channels out with `mask_var`", "leave such channels out with --features or --mask-var"),
        ("`mask_var`='no' is not in .var", "--mask-var no is not in .var"),
        ("`adata` lacks 2 features", "the input lacks 2 features"),
        ("`fill`='mean' and `no_option`='mean'", "`fill`='mean' and `no_option`='mean'"),
    ],
)
def test_arguments_of_the_api_are_named_as_options(said, instead):
    assert in_options(said, {"n_epochs", "checkpoint", "compensate", "panel", "mask_var", "key_added"}) == instead


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("demo", "no network"),
        ("fit", "5 for mass and 150 for"),
        ("fit", "learned:64"),
        ("fit", "2 the command itself was wrong"),
        ("transform", "Nothing is trained"),
    ],
)
def test_help_explains(capsys, command, said):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert said in " ".join(capsys.readouterr().out.split())


QUICK = ["--n-epochs", "3", "--graph", "4x5"]


@pytest.fixture
def paths(cells, tmp_path):
    """The cells as files: all, and the first 100 as raw values in a folder of two samples."""
    cells.write_h5ad(tmp_path / "cells.h5ad")
    return tmp_path


def fcs_folder(cells, folder):
    folder.mkdir()
    raw = ad.AnnData((5 * np.sinh(cells.X)).astype(np.float32), var=cells.var.copy())
    for name, rows in (("a", slice(0, 140)), ("b", slice(140, 240))):
        io.write_fcs(raw[rows].copy(), folder / f"{name}.fcs", key=None)
    return folder


@pytest.mark.usefixtures("_logger_put_back")
class TestFitAndTransform:
    @pytest.mark.filterwarnings("ignore:Writing zarr v2")
    @pytest.mark.parametrize("ending", ["h5ad", "zarr"])
    def test_are_those_of_the_api(self, cells, paths, capsys, ending):
        out = paths / f"fitted.{ending}"
        cli.main(["fit", str(paths / "cells.h5ad"), str(out), "--smoothness", "0.3", "--rng", "4", *QUICK])
        said = capsys.readouterr()
        assert said.out == f"240 cells, {getattr(ad, f'read_{ending}')(out).obs['gsr'].nunique()} labels: {out}\n"
        assert "training on cpu" in said.err
        new = cells.copy()
        tl.fit(cells, (4, 5), n_epochs=3, smoothness=0.3, rng=4)
        fitted = getattr(ad, f"read_{ending}")(out)
        np.testing.assert_array_equal(fitted.obsm["X_gsr"], cells.obsm["X_gsr"])

        new[:50, ::-1].copy().write_h5ad(paths / "new.h5ad")
        mapped = paths / f"mapped.{ending}"
        capsys.readouterr()
        cli.main(["transform", str(paths / "new.h5ad"), str(mapped), "--reference", str(out), "--quiet"])
        assert capsys.readouterr() == ("", "")
        found = getattr(ad, f"read_{ending}")(mapped)
        np.testing.assert_allclose(found.obsm["X_gsr"], cells.obsm["X_gsr"][:50], atol=1e-5)
        assert sorted(path.name for path in paths.iterdir() if path.name.startswith(".")) == []

    def test_a_folder_of_fcs_files_and_back_for_flowjo(self, cells, paths, capsys):
        folder, model = fcs_folder(cells, paths / "run"), paths / "model"
        names = list(cells.var_names[:9])
        arguments = ["fit", str(folder), str(paths / "fitted.h5ad"), "--cofactor", "5", "--save-model", str(model)]
        cli.main([*arguments, "--features", *names, *QUICK])
        fitted = ad.read_h5ad(paths / "fitted.h5ad")
        assert fitted.obs["sample"].value_counts().to_dict() == {"a": 140, "b": 100}
        assert list(fitted.uns["gsr"]["features"]) == names
        cli.main(["transform", str(folder / "b.fcs"), str(paths / "b_mapped.fcs"), "--reference", str(model)])
        assert "% with novelty above 1" in capsys.readouterr().out
        mapped = io.read_fcs(paths / "b_mapped.fcs")
        np.testing.assert_allclose(
            mapped[:, [f"gsr_n{node}" for node in range(20)]].X, fitted.obsm["X_gsr"][140:], atol=1e-4
        )
        np.testing.assert_array_equal(mapped[:, "gsr"].X.ravel(), fitted.obs["gsr"][140:].astype(int))

    def test_use_rep_mask_and_checkpoint(self, cells, paths):
        cells.obsm["X_rep"] = cells.X[:, :4]
        cells.var["chosen"] = np.arange(12) < 5
        cells.write_h5ad(paths / "cells.h5ad")
        start = ["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), *QUICK, "--overwrite"]
        cli.main([*start, "--use-rep", "X_rep", "--checkpoint", str(paths / "run"), "--key-added", "mine"])
        assert len(ad.read_h5ad(paths / "out.h5ad").uns["mine"]["features"]) == 4
        assert (paths / "run" / "checkpoint.safetensors").exists()
        cli.main([*start, "--mask-var", "chosen", "--graph", "learned:30"])
        assert len(ad.read_h5ad(paths / "out.h5ad").uns["gsr"]["features"]) == 5

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["nowhere.h5ad", "out.h5ad"], "there is no"),
            (["cells.h5ad", "out.csv"], "must end in .h5ad, .zarr or .fcs"),
            (["cells.h5ad", "cells.h5ad"], "is there already; pass --overwrite"),
            (["cells.h5ad", "cells.h5ad", "--overwrite"], "is the input"),
            (["cells.h5ad", "no/out.h5ad"], "there is no folder"),
            (["notes.txt", "out.h5ad"], "must be a .h5ad, .zarr or .fcs file"),
            (["broken.h5ad", "out.h5ad"], "is no readable .h5ad of AnnData"),
            (["cells.h5ad", "out.h5ad", "--features", "CD3"], "--features CD3: the input has feature_0"),
            (["cells.h5ad", "out.h5ad", "--layer", "raw"], "--layer raw is not in .layers"),
        ],
    )
    def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(self, paths, monkeypatch, capsys, arguments, said):
        monkeypatch.chdir(paths)
        (paths / "notes.txt").write_text("")
        (paths / "broken.h5ad").write_text("broken")
        before = sorted(paths.iterdir()), (paths / "cells.h5ad").read_bytes()
        with pytest.raises(SystemExit) as stop:
            cli.main(["fit", *arguments])
        assert str(stop.value.code).startswith("scgsr fit: ")
        assert said in str(stop.value.code)
        assert (sorted(paths.iterdir()), (paths / "cells.h5ad").read_bytes()) == before

    def test_what_would_be_lost_or_is_not_there_is_said_before_the_work(self, cells, paths):
        (paths / "file").write_text("")
        (paths / "folder.h5ad").mkdir()
        tl.fit(cells, (4, 5), n_epochs=1)
        cells.write_h5ad(paths / "fitted.h5ad")
        inp, out, fitted = str(paths / "cells.h5ad"), str(paths / "out.h5ad"), str(paths / "fitted.h5ad")
        for arguments, said in [
            (["fit", inp, out, "--save-model", str(paths / "file")], "is a file; name a folder"),
            (["fit", inp, str(paths / "folder.h5ad"), "--overwrite"], "is a folder; name another output"),
            (["transform", inp, fitted, "--reference", fitted, "--overwrite"], "is the reference"),
            (["transform", inp, out, "--reference", str(paths / "no.h5ad")], "there is no --reference"),
            (["transform", inp, out, "--reference", str(paths / "file")], "--reference must be"),
        ]:
            with pytest.raises(SystemExit) as stop:
                cli.main(arguments)
            assert said in str(stop.value.code)
            assert not (paths / "out.h5ad").exists()

    def test_an_interrupt_says_where_the_state_is(self, paths, monkeypatch, capsys):
        start = ["fit", str(paths / "cells.h5ad"), str(paths / "o.h5ad"), "--checkpoint", str(paths / "run"), *QUICK]
        with monkeypatch.context() as patch:
            patch.setattr("scgsr.cli._files.read", interrupt)
            with pytest.raises(SystemExit):
                cli.main(start)
            assert capsys.readouterr().err.endswith("interrupted; nothing was written\n")
        with monkeypatch.context() as patch:
            patch.setattr("scgsr.cli._files.write", interrupt)
            with pytest.raises(SystemExit):
                cli.main(start)
            assert f"the state is in {paths / 'run'}" in capsys.readouterr().err
        monkeypatch.setattr("scgsr.cli._files.read", interrupt)
        with pytest.raises(SystemExit):
            cli.main(start)
        assert f"nothing was written; {paths / 'run'} is as it was" in capsys.readouterr().err

    @pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("no space left")])
    def test_what_is_written_is_said_when_the_model_is_not(self, paths, monkeypatch, capsys, error):
        def fail(*arguments, **options):
            raise error

        out, model = paths / "o.h5ad", paths / "model"
        monkeypatch.setattr("scgsr.FittedModel.save", fail)
        with pytest.raises(SystemExit) as stop:
            cli.main(["fit", str(paths / "cells.h5ad"), str(out), "--save-model", str(model), *QUICK])
        said = capsys.readouterr().err + str(stop.value.code)
        assert f"{out} is written in full, the model is not in {model}" in said
        assert "gsr" in ad.read_h5ad(out).obs

    def test_without_a_fit_in_the_reference(self, paths):
        cells = str(paths / "cells.h5ad")
        with pytest.raises(SystemExit, match=r"scgsr transform: --key gsr.* run `scgsr fit` with --key-added"):
            cli.main(["transform", cells, str(paths / "out.h5ad"), "--reference", cells])
        with pytest.raises(SystemExit, match=r"scgsr transform: .* holds no model"):
            cli.main(["transform", cells, str(paths / "out.h5ad"), "--reference", str(paths)])

    @pytest.mark.parametrize("where", ["scgsr.tl.fit", "anndata.AnnData.write_h5ad"])
    def test_an_interrupt_leaves_the_old_output(self, paths, monkeypatch, capsys, where):
        (paths / "out.h5ad").write_text("old")
        before = sorted(paths.iterdir())
        monkeypatch.setattr(where, interrupt)
        with pytest.raises(SystemExit) as stop:
            cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), "--overwrite", *QUICK])
        assert stop.value.code == 130
        assert "nothing was written" in capsys.readouterr().err
        assert (sorted(paths.iterdir()), (paths / "out.h5ad").read_text()) == (before, "old")

    @pytest.mark.filterwarnings("ignore:Writing zarr v2")
    @pytest.mark.parametrize("name", [f".z.{os.getpid()}.part.zarr", "z.zarr"])
    def test_an_interrupt_between_two_moves_leaves_the_old_zarr(self, cells, paths, monkeypatch, capsys, name):
        replace = Path.replace

        def move(path, target):
            return interrupt() if path.name == name else replace(path, target)

        cells.write_zarr(paths / "z.zarr")
        before = sorted(paths.iterdir())
        monkeypatch.setattr(Path, "replace", move)
        with pytest.raises(SystemExit, match="130"):
            cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "z.zarr"), "--overwrite", *QUICK])
        assert "nothing was written" in capsys.readouterr().err
        assert sorted(paths.iterdir()) == before
        assert "gsr" not in ad.read_zarr(paths / "z.zarr").obs

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--compensate"], "--compensate is for .fcs files"),
            (["--panel", "shared"], "--panel is for a folder of .fcs files"),
        ],
    )
    def test_options_that_would_be_ignored_are_refused(self, paths, capsys, options, said):
        for command in (["fit"], ["transform", "--reference", str(paths)]):
            with pytest.raises(SystemExit, match="2"):
                cli.main([*command, str(paths / "cells.h5ad"), str(paths / "out.h5ad"), *options])
            assert said in capsys.readouterr().err

    def test_places_where_nothing_can_be_written_are_found_before_the_work(self, paths, monkeypatch):
        monkeypatch.setattr("scgsr.cli._files.read", lambda options: pytest.fail("the input was read"))
        (paths / "file").write_text("")
        (paths / "barred").mkdir()
        touch = Path.touch

        def touch_unless_barred(path, **options):
            if path.parent.name == "barred":
                raise PermissionError(13, "Permission denied")
            touch(path, **options)

        monkeypatch.setattr(Path, "touch", touch_unless_barred)
        inp, out = str(paths / "cells.h5ad"), str(paths / "out.h5ad")
        for arguments, said in [
            ([str(paths / "barred" / "out.h5ad")], "cannot write the output .*: Permission denied; name a place"),
            (
                [out, "--save-model", str(paths / "barred" / "a" / "b")],
                "cannot write --save-model .*: Permission denied",
            ),
            ([out, "--checkpoint", str(paths / "barred")], "cannot write --checkpoint .*: Permission denied"),
            ([out, "--save-model", str(paths / "file" / "model")], "cannot write --save-model .*: Not a directory"),
            ([out, "--save-model", out], "--save-model .* is the output"),
        ]:
            with pytest.raises(SystemExit, match=said):
                cli.main(["fit", inp, *arguments])

    @pytest.mark.parametrize("ending", ["h5ad", "zarr"])
    def test_whatever_reading_raises_is_said_in_a_line(self, cells, paths, monkeypatch, ending):
        def fail(path):
            msg = "'str' object has no attribute 'get'\nError raised while reading"
            raise AttributeError(msg)

        (paths / f"foreign.{ending}").mkdir()
        monkeypatch.setattr(f"anndata.read_{ending}", fail)
        with pytest.raises(SystemExit) as stop:
            cli.main(["fit", str(paths / f"foreign.{ending}"), str(paths / "out.h5ad")])
        assert f"is no readable .{ending} of AnnData: 'str' object" in stop.value.code
        assert "\n" not in stop.value.code

    def test_an_fcs_file_is_not_written_among_the_samples(self, cells, paths):
        folder = fcs_folder(cells, paths / "run")
        for arguments in (["fit"], ["transform", "--reference", str(paths)]):
            with pytest.raises(SystemExit, match=r"c\.FCS would be read as a sample of .*; write it to another folder"):
                cli.main([*arguments, str(folder), str(folder / "c.FCS")])
        assert sorted(path.name for path in folder.iterdir()) == ["a.fcs", "b.fcs"]

    def test_samples_in_one_fcs_file_can_be_told_apart(self, cells, paths, capsys):
        folder, out = fcs_folder(cells, paths / "run"), paths / "out.FCS"
        cli.main(["fit", str(folder), str(out), "--cofactor", "5", *QUICK])
        assert "parameter 'sample': 0 a, 1 b" in capsys.readouterr().err
        found = io.read_fcs(out)
        np.testing.assert_array_equal(found[:, "sample"].X.ravel(), np.repeat([0, 1], [140, 100]))
        assert [found.uns["meta"][f"sample_{number}"] for number in (0, 1)] == ["a", "b"]
        assert "gsr_n19" in found.var_names
