"""One file: texts stay texts, and nothing but its own script may run."""

from __future__ import annotations

import base64
import hashlib
import html

import numpy as np
import pytest

from scgsr._page import page, plain

PARTS = {
    "html": '<title>{{title}}</title><meta content="{{policy}}"><style>{{style}}</style>'
    '<script type="text/plain" id="data">{{data}}</script><script>{{script}}</script>',
    "css": "body { color: red }",
    "js": "const all = {{title}};",
}
NASTY = ["<img src=x onerror=alert(1)>", "</script><script>alert(1)</script>", "{{script}}", "\"'&", "日本語", "\u2028"]


def digest(text):
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_what_is_packed_comes_back(read_page):
    arrays = {
        "bytes": np.arange(5, dtype=np.uint8),
        "none": np.zeros(0, dtype=np.uint16),
        "swapped": np.arange(3, dtype=">u2"),
        "table": np.arange(6, dtype=np.int32).reshape(2, 3).T,
        "numbers": np.array([0.5, np.nan], dtype=np.float32),
    }
    header, found = read_page(page(PARTS, "a", {"names": NASTY, "n": 3}, arrays))
    assert header["names"] == NASTY
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array.ravel())
    assert all(of["start"] % 8 == 0 for of in header["arrays"].values())


@pytest.mark.parametrize("text", NASTY)
def test_texts_never_reach_the_markup(text, read_page):
    written = page(PARTS, text, {"names": [text]}, {})
    assert written.count("<script") == 2
    assert "<img" not in written
    assert written.count(PARTS["js"]) == 1
    assert html.unescape(written.split("<title>")[1].split("</title>")[0]) == text
    assert read_page(written)[0]["names"] == [text]


def test_the_policy_names_the_script_and_the_style_and_nothing_else():
    written = page(PARTS, "a", {}, {})
    policy = written.split('content="')[1].split('"')[0]
    assert policy.startswith("default-src 'none'; ")
    assert f"script-src '{digest(PARTS['js'])}';" in policy
    assert f"style-src '{digest(PARTS['css'])}';" in policy
    assert "unsafe" not in policy
    assert PARTS["js"] in written  # a filled-in text is not looked at again


def test_the_same_cells_make_the_same_file():
    assert page(PARTS, "a", {"n": 1}, {}) == page(PARTS, "a", {"n": 1}, {})


def test_a_number_that_is_no_json_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        page(PARTS, "a", {"n": float("nan")}, {})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32(0.5), 0.5),
        (np.nan, None),
        (np.inf, None),
        (np.int64(3), 3),
        (True, True),
        (np.bool_(False), False),
        (None, None),
        ("a", "a"),
        (("a", 1), "('a', 1)"),
    ],
)
def test_values_become_what_json_has(value, expected):
    assert plain(value) == expected
    assert type(plain(value)) is type(expected)
