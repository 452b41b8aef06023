"""`scgsr transform` maps new cells."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pytest

from scgsr import cli, io

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


def test_without_a_fit_in_the_reference(paths):
    cells = str(paths / "cells.h5ad")
    with pytest.raises(SystemExit, match=r"scgsr transform: (--key: )?`key`='gsr': \.uns\['gsr'\] is missing"):
        cli.main(["transform", cells, str(paths / "out.h5ad"), "--reference", cells])
    with pytest.raises(SystemExit, match=r"scgsr transform: .* holds no model"):
        cli.main(["transform", cells, str(paths / "out.h5ad"), "--reference", str(paths)])
