"""The layout of the values: what keywords say of it, and where they contradict each other."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr.io._damage import DamageError
from scgsr.io._layout import layout_of

VALUES = np.arange(21).reshape(7, 3) * 1.5


@pytest.mark.parametrize("dtype", ["<f4", "<u2"])
def test_version_2_has_its_offsets_in_the_header(read, dtype, fcs_bytes):
    content = fcs_bytes(VALUES, dtype=dtype).replace(b"BEGINDATA|1024", b"BEGINDATA|1028").replace(b"FCS3.1", b"FCS2.0")
    np.testing.assert_array_equal(read(content).X, VALUES.astype(dtype))


def test_an_end_one_byte_too_far_is_accepted(read, fcs_bytes):
    for dtype in ("<f4", ">f8", "<u2"):
        adata = read(fcs_bytes(VALUES, dtype=dtype, extra_bytes=1))
        np.testing.assert_array_equal(adata.X, VALUES.astype(dtype))


LENIENT = {
    "ANALYSIS from 0 to -1": {"beginanalysis": 0, "endanalysis": -1},
    "ANALYSIS blank": {"beginanalysis": " ", "endanalysis": " "},
    "ANALYSIS empty": {"beginanalysis": "", "endanalysis": ""},
    "ANALYSIS of nonsense": {"beginanalysis": "x", "endanalysis": "y"},
    "ANALYSIS begins nowhere": {"beginanalysis": 5_000_000, "endanalysis": 0},
    "STEXT blank": {"beginstext": " ", "endstext": " "},
    "STEXT of nonsense": {"beginstext": "0", "endstext": "x"},
    "NEXTDATA blank": {"nextdata": " "},
    "gain blank": {"p1g": " "},
    "amplification blank": {"p1e": " ", "p2e": "0", "p3e": "0;0"},
    "range blank": {"p1r": " "},
    "byte order with blanks": {"byteord": " 1, 2, 3, 4 "},
    "mode in lower case": {"mode": "l"},
    "type in lower case": {"datatype": "f"},
    "type per channel in lower case": {"p1datatype": "f", "p2datatype": " "},
    "numbers with blanks": {"tot": " 7 ", "par": "3  "},
}


@pytest.mark.parametrize("name", LENIENT)
def test_what_does_not_matter_is_not_refused(read, caplog, name, fcs_bytes):
    adata = read(fcs_bytes(VALUES, **LENIENT[name]))
    np.testing.assert_array_equal(adata.X, VALUES)
    assert adata.var_names.tolist() == ["Time", "FSC-A", "CD19"]
    assert {key: str(value) for key, value in LENIENT[name].items()}.items() <= adata.uns["meta"].items()
    assert not caplog.records


@pytest.mark.parametrize("blank", [b" " * 16, b"       0       0"])
@pytest.mark.parametrize("version", ["2.0", "3.0", "3.1"])
def test_offsets_that_only_the_text_has(read, version, blank, fcs_bytes):
    content = fcs_bytes(VALUES, version=version)
    np.testing.assert_array_equal(read(content[:26] + blank + content[42:]).X, VALUES)


@pytest.mark.parametrize("text", [None, "", " ", "0"])
@pytest.mark.parametrize("name", ["begindata", "enddata"])
def test_offsets_that_only_the_header_has(read, name, text, fcs_bytes):
    np.testing.assert_array_equal(read(fcs_bytes(VALUES, **{name: text})).X, VALUES)


@pytest.mark.parametrize("end", [b"99999999", b"    1108"])
def test_another_end_in_the_header_does_not_matter(read, end, fcs_bytes):
    content = fcs_bytes(VALUES)
    np.testing.assert_array_equal(read(content[:34] + end + content[42:]).X, VALUES)


def test_without_any_offset_nothing_is_read(read, fcs_bytes):
    content = fcs_bytes(VALUES, offsets_in_text=False, tot=None, version="2.0")
    with pytest.raises(ValueError, match="lacks the keyword 'tot'"):
        read(content[:26] + b" " * 16 + content[42:])
    content = fcs_bytes(VALUES[:0], offsets_in_text=False)
    assert read(content[:26] + b" " * 16 + content[42:]).shape == (0, 3)


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<u2"])
@pytest.mark.parametrize("extra", [0, 1])
@pytest.mark.parametrize("total", [None, " "])
def test_version_2_may_leave_the_number_of_events_to_the_header(read, dtype, extra, total, fcs_bytes):
    content = fcs_bytes(VALUES, dtype=dtype, version="2.0", tot=total, extra_bytes=extra)
    np.testing.assert_array_equal(read(content).X, VALUES.astype(dtype))
    with pytest.raises(ValueError, match=r"file\.fcs"):
        read(content[: -2 - extra])
    with pytest.raises(ValueError, match=r"file\.fcs.*TOT"):
        read(fcs_bytes(VALUES, dtype=dtype, version="2.0", tot=total, extra_bytes=2))


WORDS = {"mode": "L", "datatype": "F", "byteord": "1,2,3,4", "par": "1", "p1n": "a", "p1b": "32", "tot": "2"}


@pytest.mark.parametrize(("datatype", "n_bytes"), [("F", 4), ("D", 8), ("I", 4)])
def test_values_take_as_many_bytes_as_they_are_long(datatype, n_bytes):
    layout = layout_of("3.1", (100, 99 + 2 * n_bytes), {**WORDS, "datatype": datatype}, room=1000)
    assert (layout.start, layout.bytes_per_event, layout.n_bytes, layout.shape) == (100, n_bytes, 2 * n_bytes, (2, 1))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"tot": str(10**12), "par": "0", "p1n": None}, "has \\$TOT = 1000000000000 events, but no channels"),
        ({"tot": str(10**12)}, "8 bytes of values, but \\$TOT = 1000000000000"),
        ({"par": str(10**12)}, r"names channels \[1\], but has \$PAR = 1000000000000"),
        ({"p1n": None, "p2n": "a"}, r"names channels \[2\]"),
        ({"p1datatype": "D"}, r"types \['D'\]"),
        (
            {"begindata": "200", "enddata": "207"},
            "begin at byte 100 by the HEADER, but at .BEGINDATA = 200, and both can",
        ),
        ({"begindata": "50", "enddata": "57", "tot": "3"}, "HEADER, but at .BEGINDATA = 50, and neither can be right"),
    ],
)
def test_contradictions_are_refused_before_memory_is_taken(words, reason):
    span = (100, 99) if words.get("par") == "0" else (100, 107)
    keywords = {name: word for name, word in {**WORDS, **words}.items() if word is not None}
    with pytest.raises(DamageError, match=reason):
        layout_of("3.1", span, keywords, room=1000)


def test_values_follow_the_header():
    with pytest.raises(DamageError, match="must follow the HEADER, but begin at byte 57"):
        layout_of("2.0", (57, 64), WORDS, room=1000)
