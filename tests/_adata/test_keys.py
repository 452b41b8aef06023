"""Slot names."""

from __future__ import annotations

import pytest

from scgsr._adata._keys import Keys, colors_of


def test_names_follow_the_key():
    keys = Keys("foo")
    assert keys.activations == "X_foo"
    assert keys.labels == keys.record == "foo"
    others = [keys.confidence, keys.novelty, keys.colors, keys.programs]
    assert others == ["foo_confidence", "foo_novelty", "foo_colors", "foo_programs"]


@pytest.mark.parametrize("key", ["", "a/b", "..", "_index", "a\0"])
def test_keys_that_files_refuse(key):
    with pytest.raises(ValueError, match="`key_added`"):
        Keys(key)


def test_a_key_is_a_string():
    with pytest.raises(TypeError, match="`key_added`"):
        Keys(3)


def test_colors_of_a_fit_are_those_of_its_labels():
    keys = Keys("foo")
    assert keys.colors == colors_of(keys.labels) == "foo_colors"
