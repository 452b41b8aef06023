"""Value checks: right types and ranges pass, wrong ones name the argument."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import _checks


@pytest.mark.parametrize("value", [1, np.int32(5)])
def test_positive_int_takes_any_integer(value):
    assert _checks.positive_int("n", value) == value
    assert type(_checks.positive_int("n", value)) is int


@pytest.mark.parametrize(("value", "error"), [(0, ValueError), (-3, ValueError), (1.0, TypeError), (True, TypeError)])
def test_positive_int_refuses(value, error):
    with pytest.raises(error, match="`n`"):
        _checks.positive_int("n", value)


def test_names_are_one_or_several():
    assert _checks.names("n", "a b") == ["a b"]
    assert _checks.names("n", np.array(["a", "b"])) == ["a", "b"]
    with pytest.raises(TypeError, match="`n` must be a name or a list of names, got 5 of type int"):
        _checks.names("n", 5)


@pytest.mark.parametrize("value", [0, 0.5, np.float32(1)])
def test_number_takes_what_lies_in_range(value):
    assert _checks.number("x", value, minimum=0, maximum=1) == value


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_number_refuses_what_does_not(value):
    with pytest.raises(ValueError, match="`x` must be finite and at least 0 and at most 1"):
        _checks.number("x", value, minimum=0, maximum=1)


def test_exclusive_minimum_is_excluded():
    with pytest.raises(ValueError, match="above 0"):
        _checks.number("x", 0, minimum=0, exclusive=True)


@pytest.mark.parametrize("value", ["1", None, False])
def test_number_refuses_other_types(value):
    with pytest.raises(TypeError, match="`x`"):
        _checks.number("x", value)


def test_one_of_lists_what_is_allowed():
    assert _checks.one_of("kind", "a", ["a", "b"]) == "a"
    with pytest.raises(ValueError, match=r"`kind` must be one of \['a', 'b'\], got 'c'"):
        _checks.one_of("kind", "c", ["a", "b"])
    with pytest.raises(TypeError, match="`kind`"):
        _checks.one_of("kind", 1, ["a", "b"])


def test_instance_names_both_types_and_the_cure():
    with pytest.raises(TypeError, match=r"`graph` must be int or str, got float\. Try harder\."):
        _checks.instance("graph", 1.0, (int, str), hint="Try harder.")


def test_existing_key_lists_what_exists():
    with pytest.raises(KeyError, match=r"`layer`='x' is not in \.layers, which has \['a'\]"):
        _checks.existing_key("layer", "x", [None, "a"], where=".layers")  # anndata lists .X as None
