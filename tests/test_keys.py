"""Slot names."""

from __future__ import annotations

import pytest

from scgsr._keys import Keys


def test_names_follow_the_key():
    keys = Keys("foo")
    assert keys.activations == "X_foo"
    assert keys.labels == keys.record == "foo"
    others = [keys.confidence, keys.novelty, keys.colors, keys.programs]
    assert others == ["foo_confidence", "foo_novelty", "foo_colors", "foo_programs"]


@pytest.mark.parametrize(("key", "error"), [("", ValueError), ("a/b", ValueError), (3, TypeError)])
def test_keys_that_files_refuse(key, error):
    with pytest.raises(error, match="`key_added`"):
        Keys(key)
