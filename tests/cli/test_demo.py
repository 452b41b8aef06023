"""`scgsr demo` does the whole job and says what it wrote."""

from __future__ import annotations

import anndata as ad
import pytest
from matplotlib.image import imread

from scgsr import cli


def test_demo_writes_and_says_what_it_did(tmp_path, capsys):
    cli.main(["demo", "--out", str(tmp_path / "new" / "folder")])
    output = capsys.readouterr().out
    adata = ad.read_h5ad(tmp_path / "new" / "folder" / "pbmc.h5ad")
    assert adata.obsm["X_gsr"].shape == (700, 100)
    for name in ("activation_map", "neuron_graph", "segmentation", "history"):
        path = tmp_path / "new" / "folder" / f"{name}.png"
        assert imread(path).std() > 0.05
        assert str(path) in output
    assert "training on" in output
    assert "fit and label:" in output
    assert f"{adata.obs['gsr'].nunique()} clusters" in output
    score = float(output.split("adjusted Rand index ")[1].split()[0])
    assert score > 0.3


def test_demo_cannot_write(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match=r"scgsr demo: --out: cannot write to .*: it is a file; name a folder"):
        cli.main(["demo", "--out", str(tmp_path / "file")])
