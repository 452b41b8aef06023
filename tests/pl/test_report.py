"""The report: what is in the file is what is in the object, and bad input leaves nothing behind."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr import graphs, pl, tl

NASTY = ["<img src=x onerror=alert(1)>", "</script>", "日本語", '"quoted", with comma']


def cells(n=300, n_features=6):
    rng = np.random.default_rng(0)
    kind = rng.integers(0, 4, n)
    values = rng.normal(size=(n, n_features)) + 4 * (kind[:, None] == np.arange(n_features) % 4)
    obs = pd.DataFrame({"kind": pd.Categorical(np.array(NASTY, dtype=object)[kind])}, index=[f"c{i}" for i in range(n)])
    var = pd.DataFrame(index=[*NASTY, *(f"f{i}" for i in range(n_features - 4))])
    adata = ad.AnnData(values.astype(np.float32), obs=obs, var=var)
    adata.obsm["X_flat"] = values[:, :2].astype(np.float32)
    return adata


def fit(graph, **settings):
    adata = cells()
    tl.fit(adata, graph, hidden=(16,), n_epochs=3, progress=False, **settings)
    return adata


@pytest.fixture(scope="module")
def on_sheet():
    return fit((4, 5))


@pytest.fixture
def written(tmp_path, read_page):
    """Return the function that writes a report and reads it back."""

    def write(adata, **arguments):
        pl.report(adata, tmp_path / "page.html", **arguments)
        return read_page((tmp_path / "page.html").read_text("utf-8"))

    return write


def unrolled(arrays):
    """Return the row of each cell."""
    return np.cumsum(arrays["rows"])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("graph", [graphs.grid(4, 5), graphs.ring(12), graphs.path(1)], ids=lambda graph: graph.name)
def test_activations_are_those_of_the_object_up_to_a_step(written, graph, signed):
    adata = fit(graph, threshold=None) if signed else fit(graph)
    header, arrays = written(adata)
    n = graph.n_neurons
    codes = arrays["pictures"].reshape(n, -1).T.astype(float)
    found = (codes - header["zero"]) * arrays["steps"]
    expected = adata.obsm["X_gsr"][unrolled(arrays)]
    assert (np.abs(found - expected) <= arrays["steps"] + 1e-7).all()
    assert np.median(np.abs(found - expected)) <= arrays["steps"].max() / 2
    assert np.array_equal(found == 0, expected == 0)
    assert header["zero"] == (128 if (expected < 0).any() else 0)


def test_cells_groups_numbers_and_places_are_those_of_the_object(on_sheet, written):
    header, arrays = written(on_sheet, basis="flat", groupby="kind")
    rows = unrolled(arrays)
    assert sorted(rows.tolist()) == list(range(300))
    module, kind = header["group"]
    for group, column, code in ((module, "gsr", "group 0"), (kind, "kind", "group 1")):
        names = np.array(group["names"])[arrays[code]]
        assert names.tolist() == on_sheet.obs[column].astype(str).to_numpy()[rows].tolist()
        assert dict(zip(group["names"], group["sizes"], strict=True)) == on_sheet.obs[column].value_counts().to_dict()
    assert [number["title"] for number in header["number"]] == ["confidence", *on_sheet.var_names]
    confidence = header["number"][0]["low"] + header["number"][0]["step"] * arrays["number 0"]
    assert np.allclose(confidence, on_sheet.obs["gsr_confidence"].to_numpy()[rows], atol=1e-4)
    for k, marker in enumerate(header["number"][1:]):
        values = on_sheet.X[rows, k]
        assert np.corrcoef(np.array(marker["means"])[arrays[f"number {k + 1}"]], values)[0, 1] > 0.99
        assert marker["sd"] == pytest.approx(on_sheet.X[:, k].std(), rel=1e-4)
    flat, sheet = header["places"]
    assert (flat["title"], flat["frame"], sheet["title"]) == ("flat", None, "sheet of neurons")
    assert np.corrcoef(arrays["places 0"].reshape(2, -1)[0], on_sheet.obsm["X_flat"][rows, 0])[0, 1] > 0.9999
    assert np.corrcoef(arrays["places 0"].reshape(2, -1)[1], on_sheet.obsm["X_flat"][rows, 1])[0, 1] < -0.9999


def test_names_are_data_and_never_markup(on_sheet, tmp_path, read_page):
    on_sheet = on_sheet.copy()
    title = "<b>&lt; " + "".join(NASTY)
    pl.report(on_sheet, tmp_path / "page.html", groupby=["kind"], title=title)
    text = (tmp_path / "page.html").read_text("utf-8")
    assert "<img" not in text
    assert "<b>" not in text
    assert text.count("</script>") == 2
    header, _ = read_page(text)
    assert sorted(header["group"][1]["names"]) == sorted(NASTY)


def test_a_large_set_is_sampled_by_module_and_said(on_sheet, written):
    header, arrays = written(on_sheet, max_cells=100)
    assert (header["n_cells"], header["n_shown"]) == (300, 100)
    assert "Shown are 100 cells" in header["about"]
    assert "Shown" not in written(on_sheet)[0]["about"]
    stands = np.bincount(arrays["group 0"], arrays["weight"], minlength=len(header["group"][0]["sizes"]))
    assert np.allclose(stands, header["group"][0]["sizes"])
    assert np.array_equal(arrays["rows"], written(on_sheet, max_cells=100)[1]["rows"])


def test_the_object_stays_and_the_file_is_the_same_each_time(on_sheet, tmp_path):
    before = on_sheet.copy()
    for name in ("a.html", "b.HTML"):
        pl.report(on_sheet, str(tmp_path / name), groupby="kind")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.HTML").read_bytes()
    assert list(on_sheet.uns) == list(before.uns)
    pd.testing.assert_frame_equal(on_sheet.obs, before.obs)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.HTML"]


def test_a_view_and_mapped_cells_have_a_report(on_sheet, written):
    assert written(on_sheet[on_sheet.obs["kind"] != NASTY[0]], groupby="kind")[0]["n_cells"] < 300
    new = cells()
    tl.transform(new, on_sheet)
    header, arrays = written(new)
    assert [number["title"] for number in header["number"]][:2] == ["confidence", "novelty"]
    novelty = header["number"][1]["low"] + header["number"][1]["step"] * arrays["number 1"]
    assert np.allclose(novelty, new.obs["gsr_novelty"].to_numpy()[unrolled(arrays)], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"path": "page.pdf"}, ValueError, "`path` must name a file that ends in .html"),
        ({"path": "none/page.html"}, FileNotFoundError, "`path`: there is no folder"),
        ({"path": "folder.html"}, IsADirectoryError, "`path`: .* is a folder"),
        ({"path": 3}, TypeError, "`path` must be str or PathLike"),
        ({"basis": "umap"}, KeyError, "`basis`='umap' is not in .obsm"),
        ({"groupby": "colour"}, KeyError, "`groupby`='colour' is not in"),
        ({"groupby": ["kind", "gsr_confidence"]}, TypeError, "`groupby`='gsr_confidence' must name a column of groups"),
        ({"groupby": 3}, TypeError, "`groupby` must be a name or a list of names"),
        ({"names": ["CD3"]}, KeyError, "`names` must be among the 6 names"),
        ({"names": ["f0", "f0"]}, ValueError, "`names` must be different names"),
        ({"max_cells": 0}, ValueError, "`max_cells` must be at least 1"),
        ({"title": 3}, TypeError, "`title` must be str"),
        ({"key": "other"}, KeyError, "scgsr.tl.fit"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(on_sheet, tmp_path, monkeypatch, arguments, error, message):
    monkeypatch.chdir(tmp_path)
    Path("folder.html").mkdir()
    with pytest.raises(error, match=message):
        pl.report(on_sheet, **{"path": "page.html", **arguments})
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]


def test_cells_that_are_not_fitted_are_told_the_call(tmp_path):
    with pytest.raises(KeyError, match=r"scgsr\.tl\.fit\(adata, key_added='gsr'\)"):
        pl.report(cells(), tmp_path / "page.html")


def test_no_cells_and_activations_that_are_missing_are_refused(on_sheet, tmp_path):
    with pytest.raises(ValueError, match="`adata` has no cells"):
        pl.report(on_sheet[:0], tmp_path / "page.html")
    torn = on_sheet.copy()
    torn.obsm["X_gsr"][3, 2] = np.nan
    with pytest.raises(ValueError, match="no activations for 1 of 300 cells"):
        pl.report(torn, tmp_path / "page.html")
    assert not list(tmp_path.iterdir())


def test_a_failure_leaves_the_old_page(on_sheet, tmp_path, monkeypatch):
    (tmp_path / "page.html").write_text("old")

    def fail(*_, **__):
        msg = "disk full"
        raise OSError(msg)

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(OSError, match="disk full"):
        pl.report(on_sheet, tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_script_is_small():
    assert len(files("scgsr.pl").joinpath("report.js").read_bytes()) <= 25_000


def spots(n):
    """Return a module for each of n cells, and pictures of a spot, 70 % zeros as in real fits, (n, 100)."""
    rng = np.random.default_rng(0)
    middles = rng.uniform(0, 9, (12, 2))
    module = rng.integers(0, 12, n)
    centre = middles[module] + rng.normal(0, 0.6, (n, 2))
    away = np.linalg.norm(np.mgrid[:10, :10].reshape(2, -1).T - centre[:, None], axis=2)
    light = rng.lognormal(0, 0.4, (n, 1)) * np.exp(-((away / 2.6) ** 2) / 2) * rng.lognormal(0, 0.1, (n, 100))
    return module, np.maximum(light - np.quantile(light, 0.7), 0).astype(np.float32)


def test_a_page_of_50_000_cells_is_small(tmp_path):
    rng = np.random.default_rng(0)
    n = 50_000
    module, pictures = spots(n)
    obs = pd.DataFrame({"gsr": pd.Categorical(module.astype(str)), "gsr_confidence": rng.random(n)})
    obs["kind"] = pd.Categorical(rng.permutation(module).astype(str))
    adata = ad.AnnData(rng.normal(size=(n, 40)).astype(np.float32), obs=obs.set_index(obs.index.astype(str)))
    some = ad.AnnData(adata.X[:300].copy())
    tl.fit(some, (10, 10), n_epochs=1, hidden=(16,), progress=False)
    adata.obsm["X_gsr"], adata.uns["gsr"], adata.obsm["X_umap"] = pictures, some.uns["gsr"], rng.normal(size=(n, 2))
    pl.report(adata, tmp_path / "page.html", basis="umap", groupby="kind")
    assert 0.69 < (pictures == 0).mean() < 0.71
    assert (tmp_path / "page.html").stat().st_size <= 5_000_000
