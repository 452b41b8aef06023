"""The verdict and the advice."""

from __future__ import annotations

import pytest

from scgsr import _measures
from scgsr._measures import _verdict

GOOD = {
    "validation_r2": 0.9,
    "dead_neurons": 0.0,
    "silent_cells": 0.0,
    "mean_cosine": 0.3,
    "morans_i": 0.6,
    "segment_connectivity": 0.9,
}
NAN = float("nan")


@pytest.mark.parametrize(
    ("verdict", "changed", "p"),
    [
        ("structure real", {}, 0.0009),
        ("structure real", {"validation_r2": NAN}, 0.0009),
        ("collapsed", {"validation_r2": 0.0}, 0.0009),
        ("collapsed", {"dead_neurons": 0.6}, 0.0009),
        ("collapsed", {"silent_cells": 0.6}, 0.0009),
        ("collapsed", {"mean_cosine": 0.99, "validation_r2": 0.05}, 0.0009),
        ("merely smooth", {"mean_cosine": 0.99}, 0.0009),
        ("not proven", {"mean_cosine": NAN}, 0.0009),
        ("not proven", {"mean_cosine": NAN, "segment_connectivity": NAN}, 0.0009),
        ("structure real", {"validation_r2": 0.03, "explainable_r2": 0.04}, 0.0009),
        ("collapsed", {"validation_r2": 0.1, "explainable_r2": 0.9}, 0.0009),
        ("collapsed", {"explainable_r2": 0.0}, 0.0009),
        ("too weak", {"morans_i": 0.2}, 0.0009),
        ("too weak", {"morans_i": NAN}, NAN),
        ("too weak", {}, 0.01),
        ("too weak", {"morans_i": 0.2, "mean_cosine": 0.99}, 0.0009),
        ("too weak", {"segment_connectivity": 0.3}, 0.0009),
    ],
)
def test_verdicts(verdict, changed, p):
    found, advice = _measures.judge(GOOD | changed, p, _measures.Context(n_permutations=1000))
    assert found == verdict
    assert found in _verdict.VERDICTS
    silent = verdict in ("structure real", "not proven") or changed.get("explainable_r2") == 0
    assert ("`smoothness`" in advice) != silent


def test_a_fault_makes_a_sound_fit_not_proven_and_all_are_said():
    faults = ["A / B are drawn as one picture.", "The labels do not hold."]
    judge = lambda changed: _measures.judge(GOOD | changed, 0.0009, _measures.Context(1000), faults)
    verdict, advice = judge({})
    assert verdict == "not proven"
    assert all(fault in advice for fault in faults)
    assert judge({"mean_cosine": 0.95})[0] == "merely smooth"
    assert judge({"morans_i": 0.1})[0] == "too weak"
    assert all(fault in judge({"morans_i": 0.1})[1] for fault in faults)
    verdict, advice = judge({"validation_r2": 0.0})
    assert verdict == "collapsed"
    assert not any(fault in advice for fault in faults)  # of a code that carries nothing they say nothing


def test_verdicts_are_in_order():
    assert _verdict.VERDICTS == ("collapsed", "merely smooth", "too weak", "not proven", "structure real")


def test_where_features_have_nothing_in_common_no_setting_is_blamed():
    advice = _measures.judge(GOOD | {"explainable_r2": 0.0}, 0.0009, _measures.Context(1000))[1]
    assert "nothing in common" in advice
    assert "choose other features" in advice


def test_the_advice_says_what_is_true_by_construction():
    say = lambda values, **known: _measures.judge(GOOD | values, 0.0009, _measures.Context(1000, **known))[1]
    assert "circular" in say({}, learned=True)
    assert "`diffusion`" in say({}, diffused=True)
    assert "smooth by construction" in say({}, composed=True)
    assert "`groupby`" in say({}, own_labels=True)
    assert "added little" in say({"morans_i_ratio": 1.1})
    assert "added little" not in say({"morans_i_ratio": 1.8})
    assert all(word not in say({}) for word in ("circular", "diffusion", "groupby", "baseline"))
    # With few permutations the least p-value that can be is enough.
    assert _measures.judge(GOOD, 0.01, _measures.Context(n_permutations=99))[0] == "structure real"


@pytest.mark.parametrize(
    ("verdict", "at", "beyond"),
    [
        ("collapsed", {"dead_neurons": 1 / 2}, {"dead_neurons": 0.51}),
        ("collapsed", {"silent_cells": 1 / 2}, {"silent_cells": 0.51}),
        ("too weak", {"morans_i": 0.3}, {"morans_i": 0.299}),
        ("merely smooth", {"mean_cosine": 0.9}, {"mean_cosine": 0.901}),
        ("too weak", {"segment_connectivity": 0.5}, {"segment_connectivity": 0.499}),
    ],
)
def test_at_its_limit_a_measure_is_sound_and_beyond_it_is_not(verdict, at, beyond):
    judge = lambda changed: _measures.judge(GOOD | changed, 0.001, _measures.Context(n_permutations=1000))[0]
    assert judge(at) == "structure real"
    assert judge(beyond) == verdict


def test_one_picture_has_collapsed_only_if_strength_carries_nothing_either():
    judge = lambda **changed: _measures.judge(GOOD | changed, 0.001, _measures.Context(1000))
    assert judge(mean_cosine=0.981, validation_r2=0.099)[0] == "collapsed"
    assert judge(mean_cosine=0.981, validation_r2=0.1)[0] == "merely smooth"
    assert judge(mean_cosine=0.98, validation_r2=0.099)[0] == "merely smooth"
    # Where another reason is known, this one is not said too.
    assert "one picture" not in judge(mean_cosine=0.99, validation_r2=0.05, dead_neurons=0.9)[1]


def test_what_is_significant_follows_from_the_number_of_permutations():
    judge = lambda p, n: _measures.judge(GOOD, p, _measures.Context(n_permutations=n))[0]
    assert judge(0.001, 100_000) == "structure real"
    assert judge(0.0011, 100_000) == "too weak"
    assert judge(1 / 100, 99) == "structure real"
    assert judge(2 / 100, 99) == "too weak"


def test_a_penalty_is_worth_while_from_a_fifth_more_on():
    say = lambda ratio: _measures.judge(GOOD | {"morans_i_ratio": ratio}, 0.001, _measures.Context(1000))[1]
    assert "added little" not in say(1.2)
    assert "added little" in say(1.199)
