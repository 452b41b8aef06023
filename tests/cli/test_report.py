"""`scgsr report` writes a page from a file of fitted cells."""

from __future__ import annotations

from pathlib import Path

import pytest

from scgsr import cli, tl


@pytest.fixture
def fitted_file(cells, paths) -> Path:
    """The folder with "fitted.h5ad", whose fit is named "mine"."""
    tl.fit(cells, (4, 5), n_epochs=1, key_added="mine")
    cells.obsm["X_flat"] = cells.X[:, :2].copy()
    cells.write_h5ad(paths / "fitted.h5ad")
    return paths


OPTIONS = ["--basis", "flat", "--groupby", "group", "--names", "feature_1", "feature_2", "--title", "Four kinds"]


def test_a_file_of_fitted_cells_becomes_a_page(fitted_file, monkeypatch, capsys):
    monkeypatch.chdir(fitted_file)
    cli.main(["report", "fitted.h5ad", "-o", "page.html", "--key", "mine", "--max-cells", "100", *OPTIONS])
    said = capsys.readouterr()
    assert said.out == "written: page.html\n"
    assert "100 of 240 cells are shown in page.html" in said.err
    assert "<title>Four kinds</title>" in Path("page.html").read_text("utf-8")


@pytest.mark.filterwarnings("ignore:Writing zarr v2", "ignore:zarr v3 autosharding")
def test_a_page_of_a_zarr_is_that_of_the_cells_in_memory(fitted_file, cells, monkeypatch):
    from scgsr import pl

    monkeypatch.chdir(fitted_file)
    cells.write_zarr("fitted.zarr")
    cli.main(["report", "fitted.zarr", "-o", "page.html", "--key", "mine", "--quiet"])
    pl.report(cells, "memory.html", key="mine")
    assert Path("page.html").read_bytes() == Path("memory.html").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("nothing.h5ad -o page.html", "there is no nothing.h5ad"),
        ("run -o page.html", "run must be a .h5ad or .zarr file of fitted cells"),
        ("fitted.h5ad -o page.pdf", "the output must end in .html, got page.pdf"),
        ("fitted.h5ad -o there.html", "there.html exists already; pass --overwrite to replace it"),
        ("fitted.h5ad -o none/page.html", "there is no folder none to write to"),
        ("fitted.h5ad -o page.html", r"--key='gsr': .uns\['gsr'\] is missing"),
        ("fitted.h5ad -o page.html --key mine --basis umap", r"--basis='umap' is not in .obsm"),
        ("fitted.h5ad -o page.html --key mine --groupby colour", "--groupby='colour' is not in"),
        ("fitted.h5ad -o page.html --key mine --names CD3", "--names must be among the 12 names"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_the_option(fitted_file, monkeypatch, arguments, message):
    monkeypatch.chdir(fitted_file)
    (fitted_file / "run").mkdir()
    (fitted_file / "there.html").write_text("old")
    with pytest.raises(SystemExit, match=f"^scgsr report: {message}"):
        cli.main(["report", *arguments.split()])
    assert not (fitted_file / "page.html").exists()
    assert (fitted_file / "there.html").read_text() == "old"


def test_wrong_usage_exits_with_two(capsys):
    for arguments, message in [
        ("in.h5ad", "-o/--output"),
        ("in.h5ad -o a.html --max-cells 0", "--max-cells: must be at"),
    ]:
        with pytest.raises(SystemExit, match="2"):
            cli.main(["report", *arguments.split()])
        assert message in capsys.readouterr().err
