"""What holds for any value of the right type as an argument of a fit: it is fitted with, or refused by name."""

from __future__ import annotations

import logging
import re

import anndata as ad
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scgsr import graphs, nn, tl

# A fit takes longer than a graph: fewer of them.
fits = settings(max_examples=settings.default.max_examples // 4)
QUICK = {"graph": (2, 3), "hidden": (3,), "n_epochs": 1, "batch_size": 8, "progress": False, "device": "cpu"}

NUMBER, SHARE, WHOLE = st.floats(), st.floats(-0.5, 1.5), st.integers()
DECAY = st.builds(nn.Decay, st.floats(0, 1e6), st.floats(1e-6, 1), st.integers(1, 10**9))
PENALTIES = ["correlation", "quadratic", "rayleigh", "spectrum", "weight", "weight_cosine", "l1", "l2", "batch_mean"]
# Factors up to what float32 can still square and sum.
FACTORS = st.dictionaries(st.sampled_from(PENALTIES), st.floats(max_value=1e6))
# Whole numbers that stand for work or room are small here; too large ones are tried in test_sizes.py.
SMALL = st.integers(-3, 12)
ARGUMENTS = {
    "smoothness": NUMBER | DECAY,
    "start": st.none() | st.sampled_from(["ordered", "random"]) | st.text(max_size=3),
    "anneal": NUMBER,
    "balance": st.none() | NUMBER,
    "scale": st.none() | st.booleans() | st.sampled_from(["feature", "common", "pca"]) | st.text(max_size=3),
    "layer": st.none() | st.text(max_size=3),
    "use_rep": st.none() | st.just("X_rep") | st.text(max_size=3),
    "mask_var": st.none()
    | st.lists(st.sampled_from("abcd"))
    | st.text(max_size=3)
    | st.lists(st.booleans(), max_size=5),
    "batch_key": st.none() | st.just("batch") | st.text(max_size=3),
    "hidden": SMALL | st.lists(SMALL, max_size=3),
    "threshold": st.none() | NUMBER,
    "noise": NUMBER | st.builds(nn.FixedNoise, st.floats(0, 1e9)),
    "diffusion": st.integers(-3, 10**6),
    "atoms": st.none() | st.builds(graphs.Atoms),
    "penalty": st.sampled_from(PENALTIES) | st.text(max_size=3) | FACTORS,
    "laplacian": st.sampled_from(["combinatorial", "symmetric", "random_walk"]) | st.text(max_size=3),
    "resolution": NUMBER,
    "n_epochs": st.integers(-3, 3),
    "batch_size": WHOLE,
    "learning_rate": NUMBER | DECAY,
    "validation_fraction": SHARE | NUMBER,
    "early_stopping": st.booleans(),
    "rng": WHOLE,
    "precision": st.none() | st.sampled_from(["bf16", "tf32"]) | st.text(max_size=3),
    "key_added": st.text(max_size=3),
}
GRAPHS = st.one_of(
    st.tuples(SMALL, SMALL),
    st.builds(lambda n: graphs.ring(n + 3), st.integers(0, 5)),
    st.builds(lambda n: graphs.from_adjacency(np.zeros((n, n))), st.integers(1, 5)),
    st.builds(graphs.learned, st.integers(2, 9), n_neighbors=st.integers(1, 9), connected=st.booleans()),
)


@pytest.fixture(autouse=True)
def _silence(caplog):
    caplog.set_level(logging.CRITICAL, logger="scgsr")


def cells():
    rng = np.random.default_rng(0)
    adata = ad.AnnData((rng.normal(size=(24, 4)) + 3 * (np.arange(24)[:, None] % 2)).astype(np.float32))
    adata.var_names = list("abcd")
    adata.obs["batch"] = ["x", "y", "x"] * 8
    adata.obsm["X_rep"] = adata.X[:, :2].copy()
    return adata


# What else an error may name: what an argument is made of, and what it is multiplied by.
OF = {
    "graph": {"height", "width"},
    "smoothness": {"start", "factor", "every", "anneal"},
    "learning_rate": {"start", "factor", "every"},
    "noise": {"sd"},
}


def check(arguments):
    """Fit; what comes is finite, or it is refused by the name of an argument that was given. Return whether it is."""
    adata, refused = cells(), ""
    try:
        tl.fit(adata, **{**QUICK, **arguments})
    except (TypeError, ValueError, KeyError) as error:
        refused = f"{error}"
    if refused:
        named = re.match(r"['\"]?`(\w+)(\['\w+'\])?`", refused)
        assert named is not None, refused
        assert named[1] in set(arguments).union(*(OF.get(name, set()) for name in arguments)), refused
        assert list(adata.uns) == []
        assert list(adata.obs) == ["batch"]
        return False
    key = arguments.get("key_added", "gsr")
    assert np.isfinite(adata.obsm[f"X_{key}"]).all()
    assert adata.obs[key].notna().all()
    return True


@pytest.mark.hypothesis  # the weekly run chooses by this mark, and the trial is inside
@pytest.mark.parametrize("name", ARGUMENTS)
def test_any_value_of_one_argument(name):
    ended = set()

    @settings(max_examples=settings.default.max_examples // 10)
    @given(ARGUMENTS[name])
    def trial(value):
        ended.add(check({name: value}))

    trial()
    assert True in ended


def some_of(names):
    return st.fixed_dictionaries({"graph": GRAPHS, **{name: ARGUMENTS[name] for name in names}})


@fits
@given(st.lists(st.sampled_from(sorted(ARGUMENTS)), max_size=3, unique=True).flatmap(some_of))
def test_any_values_of_several_arguments(arguments):
    check(arguments)
