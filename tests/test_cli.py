"""The command line."""

from __future__ import annotations

import logging

import anndata as ad
import pytest
from matplotlib.image import imread

from scgsr import cli


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
    with pytest.raises(SystemExit, match="cannot write"):
        cli.main(["demo", "--out", str(tmp_path / "file")])


@pytest.mark.parametrize("arguments", [[], ["unknown"], ["demo", "--unknown"]])
def test_wrong_usage_exits_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_help_explains_the_demo(capsys):
    with pytest.raises(SystemExit):
        cli.main(["demo", "--help"])
    assert "no network" in capsys.readouterr().out
