"""Modules that are almost entirely of one batch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scgsr._measures import about_alone, alone


def found(*modules: dict[str, int], n_modules: int | None = None) -> list:
    """Return what is found where each module has so many cells of each batch."""
    pairs = [(str(m), b) for m, batches in enumerate(modules) for b, n in batches.items() for _ in range(n)]
    labels, batches = zip(*pairs, strict=True)
    return alone(pd.Categorical(labels), pd.Categorical(batches))


def test_batches_that_split_a_population_are_found():
    split = found({"a": 95, "b": 3}, {"a": 2, "b": 99}, {"a": 50, "b": 50})
    assert [(a.module, a.batch, a.n_cells) for a in split] == [("0", "a", 98), ("1", "b", 101)]
    assert split[0].share == pytest.approx(95 / 98)
    assert split[0].overall == pytest.approx(147 / 299)


@pytest.mark.parametrize(
    "modules",
    [
        [{"a": 100}, {"a": 50}],  # one batch alone
        [{"a": 960, "b": 10}, {"a": 30}],  # beside a batch of one in a hundred
        [{"a": 89, "b": 11}, {"a": 40, "b": 60}],  # less than nine in ten
        [{"a": 950, "b": 40, "c": 10}, {"a": 850, "b": 100, "c": 50}],  # as the sizes of the batches say
        [{"a": 5}, {"a": 50, "b": 50, "c": 50}],  # few cells, which chance may give
    ],
)
def test_what_sizes_and_chance_explain_is_passed_over(modules):
    assert found(*modules) == []


def test_of_three_batches_small_ones_count():
    assert [a.module for a in found({"a": 40}, {"a": 5, "b": 900, "c": 50})] == ["0"]


def test_cells_without_module_or_batch_do_not_count():
    labels = pd.Categorical(["0"] * 50 + ["1"] * 50 + [None] * 50)
    batches = pd.Categorical(["a"] * 50 + ["b"] * 40 + [None] * 10 + ["a"] * 50)
    assert [(a.module, a.n_cells) for a in alone(labels, batches)] == [("0", 50), ("1", 40)]
    assert alone(pd.Categorical([None] * 3), pd.Categorical(["a", "b", "a"])) == []


def test_batches_without_connection_to_modules_are_hardly_ever_found():
    rng = np.random.default_rng(0)
    for _ in range(200):
        labels = pd.Categorical(rng.choice(12, 3000, p=rng.dirichlet(np.full(12, 0.3))).astype(str))
        batches = pd.Categorical(rng.choice(4, 3000, p=rng.dirichlet(np.ones(4))).astype(str))
        assert alone(labels, batches) == []


def test_the_sentence_names_module_batch_share_and_cure():
    modules = found({"a": 100}, {"b": 100})
    sentence = about_alone(modules, "plate", told=False)
    assert "Modules 0 (100% 'a', which has 50% of all cells), 1" in sentence
    assert "`scgsr.tl.fit(adata, batch_key='plate')`" in sentence
    assert '`use_rep="X_scVI"`' in sentence
    told = about_alone(modules[:1], "plate", told=True)
    assert told.startswith("Module 0 (")
    assert "batch_key" not in told
    assert '`use_rep="X_scVI"`' in told
    assert about_alone([], "plate", told=False) == ""


def test_at_each_limit_a_module_is_alone_and_beyond_it_is_not():
    modules_of = lambda *modules: [a.module for a in found(*modules)]
    # Nine tenths of its cells.
    assert modules_of({"a": 90, "b": 10}, {"a": 10, "b": 90}) == ["0", "1"]
    assert modules_of({"a": 899, "b": 101}, {"a": 101, "b": 899}) == []
    # A fifth of the cells of others that their size gives: 8 % where they have 40 %.
    assert modules_of({"a": 920, "b": 80}, {"a": 280, "b": 720}) == ["0"]
    assert modules_of({"a": 920, "b": 80}, {"a": 300, "b": 700}) == []
    # One in a thousand: 2 / 2 ** 11, but not 2 / 2 ** 10.
    assert modules_of({"a": 11}, {"a": 89, "b": 100}) == ["0"]
    assert modules_of({"a": 10}, {"a": 90, "b": 100}) == []
    # Of two batches a tenth of all cells.
    assert modules_of({"b": 20}, {"a": 180}) == ["0", "1"]
    assert modules_of({"b": 19}, {"a": 181}) == []
