"""The command line."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pytest
from matplotlib.image import imread

from scgsr import cli, io, tl


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
    "arguments",
    [
        [],
        ["unknown"],
        ["demo", "--unknown"],
        ["fit", "in.h5ad"],
        ["fit", "in.h5ad", "out.h5ad", "--graph", "sphere"],
        ["fit", "in.h5ad", "out.h5ad", "--graph", "ring:1"],
        ["fit", "in.h5ad", "out.h5ad", "--n-epochs", "many"],
        ["fit", "in.h5ad", "out.h5ad", "--features", "a", "--mask-var", "b"],
        ["transform", "in.h5ad", "out.h5ad"],
        ["transform", "in.h5ad", "out.h5ad", "--reference", "r", "--fill", "median"],
    ],
)
def test_wrong_usage_exits_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [("demo", "no network"), ("fit", "5 for mass and 150 for"), ("transform", "Nothing is trained")],
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
    pytest.importorskip("flowio", reason="FlowIO, of the extra `fcs`, is not installed")
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
            (["cells.h5ad", "out.h5ad", "--layer", "raw"], "`layer`='raw' is not in .layers"),
            (["cells.h5ad", "out.h5ad", "--smoothness", "-1"], "`smoothness` must be"),
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
        def interrupt(*arguments, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr("scgsr.tl.fit", interrupt)
        with pytest.raises(SystemExit):
            cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "o.h5ad"), "--checkpoint", str(paths / "run")])
        assert f"the state is in {paths / 'run'}" in capsys.readouterr().err

    def test_without_a_fit_in_the_reference(self, paths):
        cells = str(paths / "cells.h5ad")
        with pytest.raises(SystemExit, match=r"scgsr transform: `key`='gsr'.* call `scgsr\.tl\.fit"):
            cli.main(["transform", cells, str(paths / "out.h5ad"), "--reference", cells])
        with pytest.raises(SystemExit, match=r"scgsr transform: .* holds no model"):
            cli.main(["transform", cells, str(paths / "out.h5ad"), "--reference", str(paths)])

    @pytest.mark.parametrize("where", ["scgsr.tl.fit", "anndata.AnnData.write_h5ad"])
    def test_an_interrupt_leaves_the_old_output(self, paths, monkeypatch, capsys, where):
        def interrupt(*arguments, **options):
            raise KeyboardInterrupt

        (paths / "out.h5ad").write_text("old")
        before = sorted(paths.iterdir())
        monkeypatch.setattr(where, interrupt)
        with pytest.raises(SystemExit) as stop:
            cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), "--overwrite", *QUICK])
        assert stop.value.code == 130
        assert "nothing was written" in capsys.readouterr().err
        assert (sorted(paths.iterdir()), (paths / "out.h5ad").read_text()) == (before, "old")
