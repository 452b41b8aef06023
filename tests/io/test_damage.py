"""Damage is refused whatever it is, by an error that names the file, before memory is taken for what is not there."""

from __future__ import annotations

import importlib.util
import re
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scgsr.io._damage import DamageError, naming
from scgsr.io._events import find_data_set, read_events

VALUES = np.arange(21).reshape(7, 3) * 1.5
CHANNELS = ["Time", "FSC-A", "Nd142Di"]
N_EVENTS = len(VALUES)
# Sizes of the file that `fcs_bytes(VALUES)` lays out, of its HEADER and TEXT, and of all.
HEADER_AND_TEXT, WHOLE = 290, 1108


@pytest.mark.parametrize("size", range(0, WHOLE, 11))
def test_a_truncated_file_is_refused(read, size, fcs_bytes):
    whole = fcs_bytes(VALUES)
    assert len(whole) == WHOLE
    with pytest.raises(ValueError, match=r"`path`: .*file\.fcs must be a complete FCS file, but is not") as caught:
        read(whole[:size])
    assert caught.value.argument == "path"


def refusal(path: Path) -> str | None:
    """Read what may be damaged: return why it is refused, or None if it has the shape that was promised.

    A flipped byte in a name or a value cannot be seen; one that matters must not lead to less than was promised.
    """
    try:
        events = read_events(path, find_data_set(path, 0))
    except ValueError as error:
        return str(error)
    assert events.values.shape == (N_EVENTS, len(CHANNELS))
    assert len(events.channels) == len(events.markers) == len(CHANNELS)
    return None


@pytest.mark.parametrize("offsets_in_text", [True, False])
def test_a_flipped_byte_is_refused_or_leaves_the_shape(tmp_path, offsets_in_text, fcs_bytes):
    intact = fcs_bytes(VALUES, offsets_in_text=offsets_in_text)
    path = tmp_path / "flipped.fcs"
    refusals = []
    for position in range(intact.rindex(b"|")):
        flipped = bytearray(intact)
        flipped[position] ^= (0xFF, 0x80, 0x01)[position % 3]
        path.write_bytes(flipped)
        refusals.append(refusal(path))
    assert (
        refusals[:3] == [f"`path`: {path} must be a complete FCS file, but is not: it does not begin with 'FCS'."] * 3
    )
    assert 50 < sum(reason is not None for reason in refusals) < len(refusals)


@pytest.mark.parametrize("seed", range(3))
def test_random_damage_is_refused_or_leaves_the_shape(tmp_path, seed, fcs_bytes):
    rng = np.random.default_rng(seed)
    intact = fcs_bytes(VALUES, dtype=[">f8", "<u4", "<u2"][seed])
    path = tmp_path / "damaged.fcs"
    refusals = []
    for _ in range(200):
        damaged = np.frombuffer(intact, np.uint8).copy()
        where = rng.integers(6, 600, size=rng.integers(1, 6))
        damaged[where] = (
            rng.integers(256, size=len(where)) if rng.random() < 0.5 else rng.choice(list(b"0123456789|/ "))
        )
        path.write_bytes(damaged.tobytes())
        refusals.append(refusal(path))
    assert 50 < sum(reason is not None and str(path) in reason for reason in refusals) < len(refusals)


def test_a_file_cut_anywhere_before_its_data_is_refused(tmp_path, fcs_bytes):
    path, intact = tmp_path / "cut.fcs", fcs_bytes(VALUES)
    assert len(intact[:1024].rstrip(b" ")) == HEADER_AND_TEXT
    for size in range(HEADER_AND_TEXT):
        path.write_bytes(intact[:size])
        assert str(path) in refusal(path)


@settings(deadline=None, max_examples=300)
@given(
    dtype=st.sampled_from(["<f4", ">f8", "<u2", ">u4"]),
    damage=st.lists(
        st.tuples(
            st.integers(3, HEADER_AND_TEXT), st.sampled_from([b"9", b"0", b"-", b"|", b"$", b"\xff", b"\0", b" "])
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_any_damage_is_refused_or_leaves_the_shape(tmp_path_factory, dtype, damage, fcs_bytes):
    content = bytearray(fcs_bytes(VALUES, dtype=dtype, spill="2,FSC-A,Nd142Di,1,0.1,0.2,1"))
    for position, byte in damage:
        content[position : position + 1] = byte
    path = tmp_path_factory.mktemp("damage") / "damaged.fcs"
    path.write_bytes(content)
    reason = refusal(path)
    assert reason is None or str(path) in reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "does not begin"),
        (b"\0" * 5000, "does not begin"),
        (b"cell,CD4,CD8\n0,1.5,2.5\n" * 100, "does not begin"),
        (b"FCS3.1    " + b"\0" * 5000, "HEADER must have the offsets"),
        (b"FCS3.1    " + b"not an offset" * 500, "HEADER must have the offsets"),
    ],
)
def test_what_is_no_fcs_file_is_refused_with_its_reason(read, content, reason):
    with pytest.raises(ValueError, match=rf"file\.fcs.*{reason}"):
        read(content)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ({"tot": N_EVENTS + 1}, "TOT"),
        ({"tot": N_EVENTS - 1}, "TOT"),
        ({"tot": "many"}, "many"),
        ({"tot": None}, "keyword 'tot'"),
        ({"par": len(CHANNELS) - 1}, "PAR"),
        ({"p2n": None}, "PAR"),
        ({"datatype": "A"}, "DATATYPE"),
        ({"mode": "C"}, "MODE"),
        ({"byteord": "3,4,1,2"}, "BYTEORD"),
        ({"nextdata": -4}, "NEXTDATA"),
        ({"p2datatype": "I"}, "P.DATATYPE"),
        ({"tot": 10**12}, "TOT"),
        ({"tot": -1}, "TOT"),
        ({"par": 10**12}, "PAR"),
        ({"beginanalysis": 0, "endanalysis": 10**12}, "ANALYSIS segment ends at byte 1000000000000"),
    ],
)
def test_what_is_not_a_complete_file_of_events_is_refused_with_its_reason(read, fcs_bytes, words, reason):
    with pytest.raises(ValueError, match=rf"file\.fcs.*{reason}"):
        read(fcs_bytes(VALUES, **words))


def test_values_before_the_file_or_beyond_float32_are_refused(read, fcs_bytes):
    with pytest.raises(ValueError, match=r"file\.fcs.*must follow the HEADER"):
        read(fcs_bytes(VALUES, begindata=17, enddata=100).replace(b"    1024    1107", b"       0       0"))
    with pytest.raises(ValueError, match=r"file\.fcs.*32-bit"):
        read(fcs_bytes(VALUES * 1e300, dtype="<f8"))


HUGE = {
    "events": {"tot": 10**11, "enddata": 1024 + 12 * 10**11 - 1},
    "integers": {"dtype": "<u4", "tot": 10**11, "enddata": 1024 + 12 * 10**11 - 1},
    "events without channels": {"channels": [], "markers": [], "tot": 10**11, "enddata": 1023},
}


@pytest.mark.parametrize("name", HUGE)
def test_no_memory_is_taken_for_what_the_file_does_not_hold(read, fcs_bytes, name):
    content = fcs_bytes(VALUES, **HUGE[name])
    read(fcs_bytes(VALUES))  # imports
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"file\.fcs.*TOT = 100000000000 events"):
        read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


UNREADABLE = {
    "$TOT is ' '": {"tot": " "},
    "lacks the keyword 'mode'": {"mode": None},
    "$NEXTDATA is 'none'": {"nextdata": "none"},
    "$P1B is '*', but must be a whole number": {"dtype": "<u2", "p1b": "*"},
    "$P1R is ' ', but must be a number": {"dtype": "<u2", "p1r": " "},
    "begin at byte 1024 by the HEADER, but at $BEGINDATA = 1028, and neither": {"begindata": 1028, "tot": 8},
    "has 84 bytes of values, but $TOT = 8 events of 12 bytes need 96": {"tot": 8},
}


@pytest.mark.parametrize("reason", UNREADABLE)
def test_the_reason_is_about_the_file_and_not_about_python(read, reason, fcs_bytes):
    content = fcs_bytes(VALUES, **UNREADABLE[reason])
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        read(content)
    assert not re.search("Error|InMemory|literal|base 10", str(caught.value))


def test_what_nobody_foresaw_names_the_file_too(read, monkeypatch, fcs_bytes):
    monkeypatch.setattr("scgsr.io._events.decode", lambda *_: 1 / 0)
    with pytest.raises(ValueError, match=r"file\.fcs must be .*, but is not: it cannot be decoded \(ZeroDivisionError"):
        read(fcs_bytes(VALUES))


@pytest.mark.parametrize("share", [0.0001, 0.1, 0.5, 0.999, 0.99999])
def test_a_truncated_real_file_is_refused(shared_data, read, share):
    content = (shared_data / "sample_masscyt.fcs").read_bytes()
    with pytest.raises(ValueError, match=r"file\.fcs"):
        read(content[: int(share * len(content))])


@pytest.mark.parametrize("error", [MemoryError("none left"), PermissionError(13, "Permission denied")])
def test_an_error_about_the_machine_is_not_one_about_the_file(error):
    with pytest.raises(type(error)) as caught, naming("a.fcs"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DamageError("it is short"), "it is short"),
        (KeyError("tot"), "it lacks the keyword 'tot'"),
        (RecursionError("too deep"), "it cannot be decoded (RecursionError: too deep)"),
    ],
)
def test_a_reason_becomes_a_sentence_with_the_file(error, reason):
    with pytest.raises(ValueError, match="a complete FCS file") as caught, naming("a.fcs"):
        raise error
    assert str(caught.value) == f"`path`: a.fcs must be a complete FCS file, but is not: {reason}."


def of_text(text: bytes) -> bytes:
    """Lay out a file that has a TEXT segment and no values."""
    return f"FCS3.1    {58:>8}{57 + len(text):>8}".encode() + b"       0" * 4 + text


ONE_CHANNEL = b"|$BYTEORD|1,2,3,4|$DATATYPE|I|$MODE|L|$PAR|1|$TOT|0|$P1N|a|$P1B|8|$P1R|1|"
LARGE = {
    "delimiters": lambda: b"|" * 16_000_000,
    "empty keywords": lambda: b"|a|" + b"|" * 900_000,
    "keywords": lambda: b"|" + b"".join(b"%d|v|" % i for i in range(200_000)),
    "keywords with blanks": lambda: b"|" + b"".join(b" %d|v|" % i for i in range(200_000)),
    "keywords with slashes": lambda: (
        ONE_CHANNEL + b"".join(b"/_"[i % 2 :] + b"%d|v|" % (i // 2) for i in range(200_000))
    ),
    "channels of one name": lambda: (
        ONE_CHANNEL.replace(b"$PAR|1|", b"$PAR|20000|")
        + b"".join(b"$P%dN|a|$P%dB|8|$P%dR|1|" % (i, i, i) for i in range(2, 20_001))
    ),
    "a value of many bytes": lambda: b"|$MODE|" + "\U0001f600".encode() * 4_000_000 + b"|",
    "a number of many digits": lambda: b"|$MODE|L|$NEXTDATA|" + b"9" * 16_000_000 + b"|",
    "a matrix": lambda: ONE_CHANNEL + b"SPILL|2800," + b"1," * (2800 + 2800**2 - 1) + b"1|",
    "a TEXT segment beyond bounds": lambda: b"|a|" + b"b" * 16_777_300 + b"|",
    "a chain of data sets": lambda: b"|$NEXTDATA|%08d|" + b"x" * 4,
}


@pytest.mark.parametrize("name", LARGE)
def test_time_and_memory_are_bounded(tmp_path, name):
    content, path = of_text(LARGE[name]()), tmp_path / "large.fcs"
    if name == "a chain of data sets":
        content = content % (len(content) + 4)
        content *= 50_000
    path.write_bytes(content)
    script = fuzz()
    start = time.process_time()
    ended = script.outcome(path)
    assert time.process_time() - start < script.MAX_SECONDS
    assert not script.is_fault(ended, 0, 0), ended
    assert script.measured(path)[2] < script.MAX_BYTES


def fuzz():
    """Return the script that breaks files in many ways, of which this file runs a few."""
    path = Path(__file__).parents[1] / "benchmarks" / "fuzz_fcs.py"
    spec = importlib.util.spec_from_file_location("fuzz_fcs", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(3))
def test_broken_files_end_as_cells_or_as_an_error_that_names_the_file(tmp_path, seed):
    script, path, ended = fuzz(), tmp_path / "broken.fcs", []
    for number in range(50):
        path.write_bytes(script.mutation(np.random.default_rng([seed, number])))
        how = script.measured(path, compensate=number % 2 == 0)
        assert not script.is_fault(*how), (seed, number, *how)
        ended.append(how[0])
    assert 5 < ended.count("read") < 40
    assert len(set(ended)) > 10


def test_the_fuzz_finds_what_ends_wrongly(tmp_path, monkeypatch, fcs_bytes):
    script, path = fuzz(), tmp_path / "a.fcs"
    path.write_bytes(fcs_bytes(VALUES))
    assert script.measured(path)[0] == "read"
    for error in (ZeroDivisionError("1 / 0"), ValueError("no file")):
        monkeypatch.setattr("scgsr.io._source.read_events", lambda *_, error=error: (_ for _ in ()).throw(error))
        assert script.is_fault(*script.measured(path))
    assert script.is_fault("read", 5.1, 0)
    assert script.is_fault("read", 0, 300_000_001)
    assert not script.is_fault("read", 1, 1)
