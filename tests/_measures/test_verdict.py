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
        ("merely smooth", {"mean_cosine": NAN}, 0.0009),
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
    assert ("`smoothness`" in advice) == (verdict != "structure real") or "only one group" in advice


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
