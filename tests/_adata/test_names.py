"""What modules are called: renamed labels are the names everywhere, told from the cells and not from an order."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from _fits import whole_record
from scanpy.plotting import palettes

from scgsr import FittedModel, _adata, get, graphs, pl, tl

TYPES = {"0": "T cell", "1": "B cell", "2": "NK cell", "3": "monocyte"}


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(0)
    group = rng.choice(4, 300, p=[0.4, 0.3, 0.2, 0.1])
    values = (6 * (group[:, None] == np.repeat(np.arange(4), 3)) + rng.normal(size=(300, 12))).astype(np.float32)
    adata = ad.AnnData(values, obs=pd.DataFrame(index=[f"cell_{i}" for i in range(300)]))
    adata.var_names = [f"feature_{i}" for i in range(12)]
    tl.fit(adata, (5, 5), n_epochs=60, hidden=16)
    tl.cluster(adata, n_clusters=4)
    return adata


@pytest.fixture
def fitted(made):
    return made.copy()


def rename_in_place(adata):
    adata.rename_categories("gsr", list(TYPES.values()))


def map_to_another_order(adata):
    adata.obs["gsr"] = adata.obs["gsr"].astype(str).map(TYPES).astype("category")  # in the order of the alphabet


def reorder(adata):
    rename_in_place(adata)
    adata.obs["gsr"] = adata.obs["gsr"].cat.reorder_categories(["monocyte", "B cell", "NK cell", "T cell"])


every_way = pytest.mark.parametrize("rename", [rename_in_place, map_to_another_order, reorder])


@every_way
def test_modules_have_the_names_of_their_cells_however_they_were_renamed(fitted, rename):
    rename(fitted)
    assert _adata.module_names(fitted, "gsr") == list(TYPES.values())
    assert get.model(fitted).names == tuple(TYPES.values())


def test_labels_that_are_numbers_are_the_names(fitted):
    assert _adata.module_names(fitted, "gsr") == ["0", "1", "2", "3"]
    del fitted.obs["gsr"]
    assert _adata.module_names(fitted, "gsr") == ["0", "1", "2", "3"]


@every_way
def test_mapped_cells_have_the_names_and_the_colours_of_the_reference(fitted, rename, tmp_path):
    new = ad.AnnData(fitted.X.copy(), var=fitted.var.copy())
    before = fitted.obs["gsr"].astype(str).map(TYPES)
    rename(fitted)
    categories = list(fitted.obs["gsr"].cat.categories)
    colors = dict(zip(categories, ["#010000", "#020000", "#030000", "#040000"], strict=True))
    fitted.uns["gsr_colors"] = list(colors.values())
    tl.transform(new, fitted)
    assert (new.obs["gsr"].astype(str).to_numpy() == before.to_numpy()).all()
    assert dict(zip(new.obs["gsr"].cat.categories, new.uns["gsr_colors"], strict=True)) == colors
    get.model(fitted).save(tmp_path / "model")
    again = ad.AnnData(fitted.X.copy(), var=fitted.var.copy())
    tl.transform(again, FittedModel.load(tmp_path / "model"))
    assert (again.obs["gsr"].astype(str).to_numpy() == before.to_numpy()).all()
    assert get.model(again).names == tuple(TYPES.values())


@every_way
def test_tables_and_pictures_speak_of_the_names(fitted, rename):
    tl.programs(fitted)
    by_number = get.programs(fitted, module="1")
    rename(fitted)
    names = list(TYPES.values())
    assert list(get.activations(fitted, by="module").columns) == names
    assert list(get.neurons(fitted).var["module"].cat.categories) == names
    assert list(get.programs(fitted)["module"].unique()) == names
    pd.testing.assert_frame_equal(
        get.programs(fitted, module="B cell").drop(columns="module"), by_number.drop(columns="module")
    )
    with pytest.raises(ValueError, match=r"`module` must be one of \['T cell', .*got '1'"):
        get.programs(fitted, module="1")
    legend = pl.neuron_graph(fitted, show=False).figure.legends or [pl.neuron_graph(fitted, show=False).get_legend()]
    assert "1: B cell" in " ".join(text.get_text() for text in legend[0].get_texts())
    rows = [label.get_text() for label in pl.module_tree(fitted, show=False).get_yticklabels()]
    assert sorted(row.split(" (")[0] for row in rows) == sorted(names)
    tl.score(fitted, n_permutations=9)
    assert set(names) <= set(get.scores(fitted)["group"])


def test_two_modules_of_one_name_are_told_apart_in_tables_and_not_in_labels(fitted):
    one_name = {**TYPES, "3": "T cell"}
    fitted.obs["gsr"] = fitted.obs["gsr"].astype(str).map(one_name).astype("category")
    assert _adata.module_names(fitted, "gsr") == ["T cell (0)", "B cell", "NK cell", "T cell (3)"]
    new = ad.AnnData(fitted.X.copy(), var=fitted.var.copy())
    tl.transform(new, fitted)
    assert list(new.obs["gsr"].cat.categories) == ["T cell", "B cell", "NK cell"]
    assert (new.obs["gsr"].astype(str).to_numpy() == fitted.obs["gsr"].astype(str).to_numpy()).all()


def test_a_module_whose_cells_have_several_names_has_that_of_most(fitted, caplog):
    rename_in_place(fitted)
    fitted.obs["gsr"] = fitted.obs["gsr"].cat.add_categories("T reg")
    first = np.flatnonzero(fitted.obs["gsr"] == "T cell")[:5]
    fitted.obs.iloc[first, list(fitted.obs.columns).index("gsr")] = "T reg"
    with caplog.at_level("INFO", logger="scgsr"):
        assert _adata.module_names(fitted, "gsr") == list(TYPES.values())
    assert "several labels; each module has the name of most of its cells: T cell" in caplog.text


def test_a_part_of_the_cells_keeps_the_names_of_modules_that_it_lacks(fitted):
    rename_in_place(fitted)
    model = get.model(fitted)
    fitted.uns["gsr"] = model.to_record()
    part = fitted[fitted.obs["gsr"] != "B cell"].copy()
    assert _adata.module_names(part, "gsr") == list(TYPES.values())


def test_clustering_anew_gives_numbers_again(fitted):
    rename_in_place(fitted)
    tl.cluster(fitted, n_clusters=2)
    assert list(fitted.obs["gsr"].cat.categories) == ["0", "1"]
    assert get.model(fitted).names == ("0", "1")


def labelled(cells, labels, modules):
    cells.obs["gsr"] = pd.Categorical(np.resize(labels, cells.n_obs))
    cells.uns["gsr"] = whole_record(graphs.path(len(modules)), modules)
    cells.obsm["X_gsr"] = np.eye(len(modules), dtype=np.float32)[np.resize(np.arange(len(modules)), cells.n_obs)]
    return cells


def test_a_module_has_the_colour_of_its_label(cells):
    cells = labelled(cells, ["0", "2"], [0, 1, 2, -1, 3])
    cells.uns["gsr_colors"] = [palettes.default_20[1], "#000002"]
    colors = _adata.module_colors(cells, "gsr")
    assert [colors[0], colors[2]] == [palettes.default_20[1], "#000002"]
    assert len(set(colors)) == 4  # modules that no cell carries get colours of their own


def test_modules_without_labels_have_the_palette(cells):
    cells = labelled(cells, ["0"], [0, 0, 1])
    del cells.obs["gsr"]
    assert _adata.module_colors(cells, "gsr") == palettes.default_20[:2]
    assert _adata.module_colors(labelled(cells, ["0"], [-1, -1]), "gsr") == []
