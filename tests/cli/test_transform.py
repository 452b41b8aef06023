"""`scgsr transform` maps new cells."""

from __future__ import annotations

from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import cli, get, io, tl

QUICK = ["--n-epochs", "3", "--graph", "4x5"]


def test_a_folder_of_fcs_files_and_back_for_flowjo(cells, paths, capsys, fcs_folder):
    folder, model = fcs_folder, paths / "model"
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


@pytest.fixture
def references(cells, paths) -> Path:
    """The folder with "fitted.h5ad", its fit named "mine", "model", and "damaged", a model without its arrays."""
    tl.fit(cells, (4, 5), n_epochs=1, key_added="mine")
    cells.write_h5ad(paths / "fitted.h5ad")
    for name in ("model", "damaged"):
        get.model(cells, key="mine").save(paths / name)
    for arrays in (paths / "damaged").glob("*.safetensors"):
        arrays.unlink()
    cells.uns["mine"]["schema"] = 99
    cells.write_h5ad(paths / "newer.h5ad")
    (paths / "broken.h5ad").write_text("broken")
    (paths / "run").mkdir()
    return paths


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("cells.h5ad", r"cells.h5ad has no fit that can be read under --key gsr: \.uns\['gsr'\] is missing"),
        ("fitted.h5ad", r"fitted.h5ad has no fit that can be read under --key gsr: .* \(found \['mine'"),
        ("newer.h5ad --key mine", r"newer.h5ad has no fit that can be read under --key mine: holds a fit in form 99"),
        ("broken.h5ad", r"broken.h5ad is no readable .h5ad of AnnData"),
        ("run", r"run holds no model; name a folder that `scgsr fit --save-model` has written"),
    ],
)
def test_a_fault_of_the_reference_names_it_before_the_input_is_read(references, monkeypatch, reference, message):
    monkeypatch.chdir(references)
    arguments = ["transform", "nan.fcs", "out.h5ad", "--reference", *reference.split()]
    (references / "nan.fcs").write_text("not read")
    with pytest.raises(SystemExit, match=f"^scgsr transform: --reference: {message}"):
        cli.main(arguments)


def test_a_damaged_model_is_that_of_the_reference(references, monkeypatch):
    monkeypatch.chdir(references)
    with pytest.raises(SystemExit, match=r"^scgsr transform: --reference='damaged' holds a damaged model"):
        cli.main(["transform", "cells.h5ad", "out.h5ad", "--reference", "damaged"])


def test_what_the_fit_needs_and_the_input_lacks_names_the_input(references, cells, monkeypatch):
    monkeypatch.chdir(references)
    cells[:, :2].copy().write_h5ad("few.h5ad")
    with pytest.raises(SystemExit, match=r"^scgsr transform: few.h5ad lacks 10 of the 12 features of the fit"):
        cli.main(["transform", "few.h5ad", "out.h5ad", "--reference", "model"])
    cells.layers["counts"] = cells.X.copy()
    tl.fit(cells, (4, 5), n_epochs=1, layer="counts")
    cells.write_h5ad("of_a_layer.h5ad")
    with pytest.raises(SystemExit, match=r"^scgsr transform: cells.h5ad: `layer`='counts' is not in .layers"):
        cli.main(["transform", "cells.h5ad", "out.h5ad", "--reference", "of_a_layer.h5ad"])


@pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")
@pytest.mark.parametrize("reference", ["fitted.h5ad --key mine", "model"])
@pytest.mark.parametrize("ending", ["h5ad", "zarr"])
def test_what_is_written_is_what_the_api_writes(references, cells, monkeypatch, ending, reference):
    monkeypatch.chdir(references)
    new = ad.AnnData(cells.X[:, ::-1].copy(), obs=cells.obs[["group"]].copy(), var=cells.var[::-1])
    new.X[50:60] += 3
    new.write_h5ad("new.h5ad")
    cli.main(["transform", "new.h5ad", f"out.{ending}", "--reference", *reference.split(), "--quiet"])
    found = ad.read_h5ad("out.h5ad") if ending == "h5ad" else ad.read_zarr("out.zarr")
    fitted = ad.read_h5ad("fitted.h5ad") if "fitted" in reference else "model"
    tl.transform(new, fitted, key="mine" if "fitted" in reference else "gsr")
    np.testing.assert_array_equal(found.obsm["X_gsr"], new.obsm["X_gsr"])
    pd.testing.assert_frame_equal(found.obs, new.obs)
    assert list(found.uns["gsr_colors"]) == list(new.uns["gsr_colors"])
    np.testing.assert_array_equal(found.X, new.X)


def test_cells_that_cannot_be_mapped_are_refused_before_anything_is_copied(references, cells, monkeypatch):
    monkeypatch.chdir(references)
    monkeypatch.setattr("scgsr._adata._copy._copy_file", lambda *_, **__: pytest.fail("the input was copied"))
    cells[:, :2].copy().write_h5ad("few.h5ad")
    with pytest.raises(SystemExit, match="lacks 10 of the 12 features"):
        cli.main(["transform", "few.h5ad", "out.h5ad", "--reference", "model"])
