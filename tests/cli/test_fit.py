"""`scgsr fit` does what `scgsr.tl.fit` does."""

from __future__ import annotations

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr import cli, get, io, pp, tl

QUICK = ["--n-epochs", "3", "--graph", "4x5"]
WEIGHTS = ["--balance", "1", "--scale", "feature"]


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_are_those_of_the_api(cells, paths, capsys, ending):
    out = paths / f"fitted.{ending}"
    cli.main(["fit", str(paths / "cells.h5ad"), str(out), "--smoothness", "0.3", "--rng", "4", *WEIGHTS, *QUICK])
    shown = capsys.readouterr()
    assert shown.out == f"240 cells, {getattr(ad, f'read_{ending}')(out).obs['gsr'].nunique()} labels: {out}\n"
    assert "training on cpu" in shown.err
    new = cells.copy()
    tl.fit(cells, (4, 5), n_epochs=3, smoothness=0.3, rng=4, balance=1, scale="feature")
    fitted = getattr(ad, f"read_{ending}")(out)
    np.testing.assert_array_equal(fitted.obsm["X_gsr"], cells.obsm["X_gsr"])

    new[:50, ::-1].copy().write_h5ad(paths / "new.h5ad")
    mapped = paths / f"mapped.{ending}"
    capsys.readouterr()
    cli.main(["transform", str(paths / "new.h5ad"), str(mapped), "--reference", str(out), "--quiet"])
    assert capsys.readouterr() == ("", "")
    mapped_cells = getattr(ad, f"read_{ending}")(mapped)
    np.testing.assert_allclose(mapped_cells.obsm["X_gsr"], cells.obsm["X_gsr"][:50], atol=1e-5)
    assert sorted(path.name for path in paths.iterdir() if path.name.startswith(".")) == []


def test_use_rep_mask_and_checkpoint(cells, paths):
    cells.obsm["X_rep"] = cells.X[:, :4]
    cells.var["chosen"] = np.arange(12) < 5
    cells.write_h5ad(paths / "cells.h5ad")
    start = ["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), *QUICK, "--overwrite"]
    cli.main([*start, "--use-rep", "X_rep", "--checkpoint", str(paths / "run"), "--key-added", "mine"])
    assert len(ad.read_h5ad(paths / "out.h5ad").uns["mine"]["features"]) == 4
    assert (paths / "run" / "checkpoint.safetensors").exists()
    cli.main([*start, "--mask-var", "chosen", "--graph", "learned:30"])
    assert len(ad.read_h5ad(paths / "out.h5ad").uns["gsr"]["features"]) == 5


def test_batches(cells, paths):
    cells.obs["run"] = np.where(np.arange(cells.n_obs) % 2, "one", "two")
    cells.write_h5ad(paths / "cells.h5ad")
    start = ["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), *QUICK, "--overwrite", "--batch-key"]
    cli.main([*start, "run"])
    assert get.model(ad.read_h5ad(paths / "out.h5ad")).batches == ("one", "two")
    with pytest.raises(SystemExit, match="fit: --batch-key='walk' is not in"):
        cli.main([*start, "walk"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.h5ad", "out.h5ad"], "there is no"),
        (["cells.h5ad", "out.csv"], "must end in .h5ad, .zarr or .fcs"),
        (["cells.h5ad", "cells.h5ad"], "exists already; pass --overwrite"),
        (["cells.h5ad", "cells.h5ad", "--overwrite"], "is the input"),
        (["cells.h5ad", "no/out.h5ad"], "there is no folder"),
        (["notes.txt", "out.h5ad"], "must be a .h5ad, .zarr, .fcs or .lmd file"),
        (["broken.h5ad", "out.h5ad"], "is no readable .h5ad of AnnData"),
        (
            ["cells.h5ad", "out.h5ad", "--features", "CD3"],
            "--features: the input has no CD3; it has feature_0, feature_1,",
        ),
        (["cells.h5ad", "out.h5ad", "--layer", "raw"], "fit: --layer='raw' is not in .layers"),
        (["nan.h5ad", "out.h5ad"], "fit: nan.h5ad has NaN or infinite values in 1 features (feature_3)"),
        (["none.h5ad", "out.h5ad"], "fit: none.h5ad has no values to train on: 0 cells"),
        (["bad.fcs", "out.h5ad"], "fit: bad.fcs must be a complete FCS file"),
        (["empty", "out.h5ad"], "fit: empty must be an FCS file or a folder of them"),
        (["cells.fcs", "out.h5ad", "--compensate"], "fit: --compensate needs a spillover matrix"),
        (["cells.h5ad", "out.h5ad", "--mask-var", "x"], "fit: --mask-var='x' is not in .var"),
        (["cells.h5ad", "out.h5ad", "--use-rep", "X_x"], "fit: --use-rep='X_x' is not in .obsm"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_and_nothing_is_written(cells, paths, monkeypatch, arguments, message):
    monkeypatch.chdir(paths)
    io.write_fcs(cells, "cells.fcs", key=None)
    cells[:0].copy().write_h5ad("none.h5ad")
    cells.X[0, 3] = np.nan
    cells.write_h5ad("nan.h5ad")
    (paths / "bad.fcs").write_text("bad")
    (paths / "empty").mkdir()
    (paths / "notes.txt").write_text("")
    (paths / "broken.h5ad").write_text("broken")
    before = sorted(paths.iterdir()), (paths / "cells.h5ad").read_bytes()
    with pytest.raises(SystemExit) as stop:
        cli.main(["fit", *arguments])
    assert str(stop.value.code).startswith("scgsr fit: ")
    assert message in str(stop.value.code)
    assert (sorted(paths.iterdir()), (paths / "cells.h5ad").read_bytes()) == before


def test_a_model_that_cannot_be_saved_names_the_option(paths):
    (paths / "other").mkdir()
    (paths / "other" / "model.json").write_text("that of another program")
    arguments = [
        "fit",
        str(paths / "cells.h5ad"),
        str(paths / "out.h5ad"),
        "--save-model",
        str(paths / "other"),
        *QUICK,
    ]
    with pytest.raises(SystemExit, match=r"scgsr fit: --save-model='.*other' has a model.json of something else"):
        cli.main([*arguments, "--overwrite"])


@pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")
@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_a_folder_of_fcs_files_is_what_reading_and_transforming_it_gives(paths, fcs_folder, cells, ending):
    out, names = paths / f"out.{ending}", list(cells.var_names[:9])
    cli.main(["fit", str(fcs_folder), str(out), "--cofactor", "5", "--features", *names, *QUICK, "--quiet"])
    adata = io.read_fcs(fcs_folder)
    mask = adata.var_names.isin(names)
    pp.arcsinh(adata, 5, mask_var=mask)
    tl.fit(adata, (4, 5), n_epochs=3, mask_var=mask)
    found = ad.read_h5ad(out) if ending == "h5ad" else ad.read_zarr(out)
    np.testing.assert_array_equal(found.X, adata.X)
    np.testing.assert_array_equal(found.obsm["X_gsr"], adata.obsm["X_gsr"])
    pd.testing.assert_frame_equal(found.obs, adata.obs)
    pd.testing.assert_frame_equal(found.uns["arcsinh"]["X"], adata.uns["arcsinh"]["X"])
    assert found.uns["meta"] == adata.uns["meta"]


def test_a_layer_is_transformed_and_x_stays(cells, paths):
    cells.layers["raw"] = sparse.csr_matrix(np.abs(5 * np.sinh(cells.X)) * (cells.X > 0))
    cells.write_h5ad(paths / "cells.h5ad")
    out = paths / "out.h5ad"
    cli.main(["fit", str(paths / "cells.h5ad"), str(out), "--layer", "raw", "--cofactor", "5", *QUICK, "--quiet"])
    pp.arcsinh(cells, 5, layer="raw")
    tl.fit(cells, (4, 5), layer="raw", n_epochs=3)
    found = ad.read_h5ad(out)
    np.testing.assert_array_equal(found.layers["raw"].toarray(), cells.layers["raw"].toarray())
    np.testing.assert_array_equal(found.X, cells.X)
    np.testing.assert_array_equal(found.obsm["X_gsr"], cells.obsm["X_gsr"])


def test_a_copy_keeps_the_compression_of_the_input(cells, paths):
    cells.write_h5ad(paths / "cells.h5ad", compression="gzip")
    cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), *QUICK, "--quiet"])
    with h5py.File(paths / "out.h5ad") as root:
        assert root["X"].compression == "gzip"


@pytest.mark.filterwarnings("ignore:.*very old version of AnnData")
def test_a_file_of_the_first_versions_of_anndata_is_read_whole(cells, paths):
    with h5py.File(paths / "cells.h5ad", "r+") as root:
        for name in ("obs", "var"):
            names = cells.obs_names if name == "obs" else cells.var_names
            del root[name]
            root.create_dataset(name, data=np.array([(n.encode(),) for n in names], dtype=[("index", "S20")]))
    cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), *QUICK, "--quiet"])
    tl.fit(cells, (4, 5), n_epochs=3)
    np.testing.assert_array_equal(ad.read_h5ad(paths / "out.h5ad").obsm["X_gsr"], cells.obsm["X_gsr"])


def test_what_would_be_overwritten_is_refused_before_anything_is_copied(cells, paths, monkeypatch):
    monkeypatch.setattr("scgsr._adata._copy._copy_file", lambda *_, **__: pytest.fail("the input was copied"))
    with pytest.raises(SystemExit, match=r"--key-added='group' would overwrite \['group'\]"):
        cli.main(["fit", str(paths / "cells.h5ad"), str(paths / "out.h5ad"), "--key-added", "group", *QUICK])


def test_technical_channels_of_fcs_files_are_left_out_unless_named(paths, cells, capsys):
    raw = ad.AnnData((5 * np.sinh(cells.X)).astype(np.float32), var=cells.var.copy())
    raw.var_names = ["Time", "DNA1", *raw.var_names[2:]]
    io.write_fcs(raw, paths / "a.fcs", key=None)
    command = ["fit", str(paths / "a.fcs"), str(paths / "out.h5ad"), "--cofactor", "5", "--overwrite", *QUICK]
    for chosen, features in ([], list(raw.var_names[2:])), (["--features", "Time", "feature_5"], ["Time", "feature_5"]):
        cli.main([*command, *chosen])
        found = ad.read_h5ad(paths / "out.h5ad")
        transformed = (found.X != raw.X).any(axis=0)
        assert found.var_names[transformed].tolist() == list(found.uns["gsr"]["features"]) == features
        assert ("arcsinh: left out Time (time), DNA1 (DNA)" in capsys.readouterr().err) == (not chosen)
