"""What holds for any text as a name of a fit, a cell, a feature, a group: it is kept, or refused by our own error."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from scgsr import get, tl
from scgsr._adata import Keys

# A fit and a file take longer than a graph: fewer of them.
fits = settings(max_examples=settings.default.max_examples // 8)
QUICK = {"graph": (2, 2), "hidden": (3,), "n_epochs": 1, "batch_size": 8, "progress": False, "device": "cpu"}
TEXT = st.text(max_size=12) | st.sampled_from(
    ["0", "nan", "None", "_index", "é", "a b", "1e5", "__categories", "X", "\u202e"]
)
NAMES = st.lists(TEXT, min_size=4, max_size=4, unique=True)


@pytest.fixture(autouse=True)
def _silence(caplog):
    caplog.set_level(logging.CRITICAL, logger="scgsr")


def cells(*, obs_names=None, features=None, groups=("a", "b")):
    """Return 40 cells x 4 features of two groups."""
    values = np.random.default_rng(0).normal(size=(40, 4)) + 3 * (np.arange(40)[:, None] % 2)
    index = [f"{obs_names[i % 4]}{i}" for i in range(40)] if obs_names else [str(i) for i in range(40)]
    group = pd.Categorical.from_codes(np.arange(40) % 2, categories=pd.Index(list(groups), dtype=object))
    return ad.AnnData(
        values.astype(np.float32),
        obs=pd.DataFrame({"group": group}, index=pd.Index(index, dtype=object)),
        var=pd.DataFrame(index=pd.Index(features or list("abcd"), dtype=object)),
    )


def written_and_read(adata):
    """Return the cells as a file gives them back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cells.h5ad"
        adata.write_h5ad(path)
        return ad.read_h5ad(path)


def can_be_written(adata):
    """Whether AnnData writes these cells, and reads the same names, before there is a fit."""
    try:
        read = written_and_read(adata)
    except Exception:  # noqa: BLE001  # whatever AnnData and HDF5 say about a name, it is theirs
        return False
    return list(read.obs_names) == list(adata.obs_names) and list(read.var_names) == list(adata.var_names)


def check_the_same(read, adata, key="gsr"):
    """Check that all of a fit has come back from a file."""
    keys, model = Keys(key), get.model(adata, key=key)
    np.testing.assert_array_equal(read.obsm[keys.activations], adata.obsm[keys.activations])
    assert list(read.obs[keys.labels].astype(str)) == list(adata.obs[keys.labels].astype(str))
    again = get.model(read, key=key)
    assert again.features == model.features
    assert read.uns[key]["id"] == adata.uns[key]["id"]
    np.testing.assert_array_equal(again.activations(read.X), model.activations(adata.X))


@fits
@given(TEXT)
@example("gsr/x")
@example("")
@example("a\0b")
@example("\ud800")
def test_a_key_is_kept_or_refused(key):
    adata = cells()
    try:
        tl.fit(adata, key_added=key, **QUICK)
    except ValueError as error:
        assert str(error).startswith("`key_added`")  # noqa: PT017
        assert list(adata.uns) == list(adata.obsm) == []
        assert list(adata.obs) == ["group"]
        return
    check_the_same(written_and_read(adata), adata, key)
    assert get.images(adata, key=key).shape == (40, 2, 2)


@fits
@given(st.text(min_size=1))
def test_a_key_that_no_fit_has_written_is_missed_by_name(key):
    adata = cells()
    with pytest.raises((KeyError, ValueError), match="`key"):
        get.model(adata, key=key)


@fits
@given(NAMES, NAMES)
def test_names_of_cells_and_features_are_kept(obs_names, features):
    adata = cells(obs_names=obs_names, features=features)
    permitted = can_be_written(adata)
    tl.fit(adata, **QUICK)
    assert get.model(adata).features == tuple(features)
    assert list(get.neurons(adata).obs_names) == list(adata.obs_names)
    new = adata[:, ::-1].copy()  # by name, whatever their order
    tl.transform(new, adata, key_added="again")
    np.testing.assert_array_equal(new.obsm["X_again"], adata.obsm["X_gsr"])
    if permitted:
        check_the_same(written_and_read(adata), adata)


@fits
@given(NAMES)
def test_names_of_features_are_kept_by_a_folder(features):
    adata = cells(features=features)
    tl.fit(adata, **QUICK)
    with tempfile.TemporaryDirectory() as folder:
        model = get.model(adata)
        try:
            model.save(Path(folder) / "model")
        except ValueError as error:
            assert str(error).startswith("`features`")  # noqa: PT017
            return
        tl.transform(adata, Path(folder) / "model", key_added="again")
    np.testing.assert_array_equal(adata.obsm["X_again"], adata.obsm["X_gsr"])


@fits
@given(TEXT, TEXT)
def test_names_of_batches_and_groups_are_kept(one, other):
    assume(one != other)
    adata = cells(groups=(one, other))
    permitted = can_be_written(adata)
    tl.fit(adata, batch_key="group", **QUICK)
    assert set(get.model(adata).network.config.origins) == {one, other}
    tl.score(adata, groupby="group", n_permutations=9)
    if permitted:
        check_the_same(written_and_read(adata), adata)


@fits
@given(TEXT, TEXT)
def test_labels_that_got_names_are_handed_on(one, other):
    assume(one != other)
    adata = cells()
    tl.fit(adata, **QUICK)
    numbers = list(adata.obs["gsr"].cat.categories)
    names = dict(zip(numbers, [one, other, *numbers[2:]], strict=False))
    assume(len(set(names.values())) == len(names))
    adata.obs["gsr"] = adata.obs["gsr"].cat.rename_categories(names)
    new = cells()
    tl.transform(new, adata)
    assert list(new.obs["gsr"].astype(str)) == list(adata.obs["gsr"].astype(str))
