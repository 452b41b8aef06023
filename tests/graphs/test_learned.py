"""The recipe of a graph that is estimated while the network trains."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from scgsr import graphs
from scgsr.graphs import LearnedGraph, Steps, UntilFragmented


def test_a_recipe_is_a_frozen_value():
    recipe = graphs.learned(30, n_neighbors=4, kernel="soft", warm_up=0.1, refresh_every=0.2, stop=0.9)
    assert recipe == graphs.LearnedGraph(30, 4, "soft", 0.1, 0.2, 0.9)
    assert graphs.learned() == graphs.LearnedGraph()
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.stop = 1.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"warm_up": 1, "stop": 1}, ValueError, "`warm_up` must be below 1"),
        ({"kernel": "gauss"}, ValueError, r"`kernel` must be one of \['knn', 'adaptive', 'soft'\], got 'gauss'"),
        ({"warm_up": -0.1}, ValueError, "`warm_up` must be finite and at least 0 and at most 1"),
        ({"warm_up": "soon"}, TypeError, "`warm_up` must be a number"),
        ({"refresh_every": 0}, ValueError, "`refresh_every` must be finite and above 0"),
        ({"refresh_every": 1.1}, ValueError, "`refresh_every` must be a share of the steps, at most 1, got 1.1"),
        ({"refresh_every": np.nan}, ValueError, "`refresh_every` must be finite"),
        ({"stop": np.inf}, ValueError, "`stop` must be finite"),
        ({"stop": True}, TypeError, "`stop` must be a number"),
        ({"stop": 0.1}, ValueError, "`stop` must not come before `warm_up`=0.2, got 0.1"),
        ({"warm_up": Steps(9), "stop": Steps(8)}, ValueError, r"`stop` must not come before `warm_up`=Steps\(n=9\)"),
        ({"warm_up": 5000}, ValueError, r"`warm_up` .* got 5000; a number of steps is `scgsr.graphs.Steps\(5000\)`"),
        ({"stop": 9000.0}, ValueError, r"`stop` .* got 9000.0; a number of steps is `scgsr.graphs.Steps\(9000\)`"),
        ({"stop": "never"}, TypeError, "`stop`"),
        ({"n_modules": 1}, ValueError, "`n_modules`"),
        ({"n_modules": 100}, ValueError, "`n_modules` must be below the number of neurons, 100, got 100"),
        ({"stop": graphs.UntilFragmented()}, ValueError, "`stop`=UntilFragmented.* needs `connected=False`"),
        ({"connected": 1}, TypeError, "`connected`"),
    ],
)
def test_a_bad_recipe_is_refused(arguments, error, message):
    for make in (graphs.learned, graphs.LearnedGraph):
        with pytest.raises(error, match=message):
            make(**arguments)


def test_moments_are_shares_or_numbers_of_steps():
    stop = graphs.UntilFragmented(more_steps=None)
    recipe = graphs.learned(30, warm_up=Steps(5000), refresh_every=Steps(100), stop=stop, connected=False)
    assert (recipe.warm_up, recipe.refresh_every, recipe.stop.more_steps) == (Steps(5000), Steps(100), None)
    assert graphs.learned(warm_up=0, refresh_every=1, stop=1).stop == 1  # the whole training, as a share
    assert graphs.learned(stop=Steps(1)).stop != graphs.learned(stop=1).stop
    graphs.learned(warm_up=Steps(5000), stop=0.8)  # which of them comes first depends on the data
    graphs.learned(warm_up=Steps(7), stop=Steps(7))


def test_steps_are_a_frozen_value_of_a_plain_integer():
    assert Steps(np.int64(5)) == Steps(5)
    assert type(Steps(np.int64(5)).n) is int
    with pytest.raises(dataclasses.FrozenInstanceError):
        Steps(5).n = 6


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (-3, ValueError), (2.5, TypeError), (True, TypeError)])
def test_steps_are_whole_and_at_least_one(n, error):
    with pytest.raises(error, match="`n` must be"):
        Steps(n)


@pytest.mark.parametrize(("name", "value"), [("warm_up", 5000), ("stop", 0.1), ("refresh_every", 0)])
def test_errors_carry_the_argument(name, value):
    with pytest.raises(ValueError) as caught:
        graphs.learned(**{name: value})
    assert caught.value.argument == name


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"eigenvalue": 0}, "eigenvalue"), ({"more_steps": -1}, "more_steps")],
)
def test_a_bad_rule_is_refused(arguments, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        graphs.UntilFragmented(**arguments)


def test_the_least_and_the_most_that_a_recipe_may_have():
    assert graphs.learned(2, n_neighbors=1).n_neurons == 2
    assert graphs.learned(5, n_modules=4).n_modules == 4
    assert graphs.learned(3, n_modules=2).n_modules == 2
    assert graphs.learned(warm_up=0.3, stop=0.3).stop == 0.3
    assert graphs.learned(warm_up=0.999, stop=1).warm_up == 0.999
    assert graphs.UntilFragmented(more_steps=0).more_steps == 0
    assert graphs.learned(warm_up=Steps(1), stop=Steps(1)).warm_up == Steps(1)
    for arguments in ({"n_neurons": 1}, {"n_neighbors": 0}, {"n_modules": 1}):
        with pytest.raises(ValueError, match=f"`{next(iter(arguments))}` must be at least"):
            graphs.learned(**arguments)


def test_a_weighted_graph_may_stop_once_it_is_in_pieces_though_it_is_connected():
    stop = graphs.UntilFragmented()
    assert graphs.learned(kernel="soft", stop=stop).stop == stop
    assert graphs.learned(connected=False, stop=stop).stop == stop


def test_the_defaults_are_those_that_are_written():
    recipe = graphs.LearnedGraph()
    assert (recipe.n_neurons, recipe.n_neighbors, recipe.kernel) == (100, 15, "knn")
    assert (recipe.warm_up, recipe.refresh_every, recipe.stop) == (0.2, 0.05, 0.8)
    assert (recipe.n_modules, recipe.connected) == (None, True)
    assert (graphs.UntilFragmented().eigenvalue, graphs.UntilFragmented().more_steps) == (0.001, 200)


RECIPES = [
    graphs.learned(),
    graphs.learned(30, n_neighbors=4, kernel="soft", warm_up=0.1, refresh_every=0.2, stop=0.9, n_modules=3),
    graphs.learned(warm_up=Steps(5), refresh_every=Steps(2), stop=Steps(9)),
    graphs.learned(connected=False, stop=UntilFragmented(0.01, more_steps=7)),
    graphs.learned(connected=False, stop=UntilFragmented(more_steps=None)),
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_comes_back_from_plain_values(recipe):
    def as_in_files(values):
        kinds = {int: np.int64, float: np.float64, bool: np.bool_, str: np.str_}
        return {n: as_in_files(v) if isinstance(v, dict) else kinds[type(v)](v) for n, v in values.items()}

    assert LearnedGraph.from_dict(recipe.to_dict()) == recipe
    again = LearnedGraph.from_dict(as_in_files(recipe.to_dict()))
    assert again == recipe
    assert type(again.connected) is bool


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(LearnedGraph)])
def test_a_recipe_without_a_value_is_refused_where_it_is_never_none(name):
    stored = graphs.learned(n_modules=3).to_dict()
    del stored[name]
    if name == "n_modules":
        assert LearnedGraph.from_dict(stored) == graphs.learned()
        return
    with pytest.raises(KeyError, match=name):
        LearnedGraph.from_dict(stored)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kernel": "gauss"}, ValueError, "`kernel`"),
        ({"connected": "yes"}, TypeError, "`connected`"),
        ({"stop": {"n": 0}}, ValueError, "`n`"),
        ({"stop": {"n": 3, "eigenvalue": 1.0}}, TypeError, "eigenvalue"),
        ({"stop": {"when": 3}}, TypeError, "when"),
        ({"warm_up": {"eigenvalue": 0.1}}, TypeError, "`warm_up` must be a number"),
    ],
)
def test_values_of_no_recipe_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        LearnedGraph.from_dict(graphs.learned().to_dict() | change)
