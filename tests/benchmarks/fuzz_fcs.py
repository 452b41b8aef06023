"""Break FCS files in many ways and read them: each ends as cells, or as an error that names the file.

    python tests/benchmarks/fuzz_fcs.py --n 10000 --seed 0

Prints how many files were read, how many were refused for which reason, and the longest time and the most memory that
one took. What ends in another way, takes more than 5 s or more than 300 MB is kept in a folder and named.
"""

from __future__ import annotations

import argparse
import logging
import re
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from scgsr.io import read_fcs

MAX_SECONDS, MAX_BYTES = 5.0, 300_000_000
# Numbers that a keyword or an offset may be spoilt by.
NUMBERS = "0 -1 1 2 7 8 10 16 58 64 255 1024 65536 99999999 2147483648 1000000000000 1e308 nan inf 9x 0x10".split()
NUMBERS += ["", " ", "9" * 30, "9" * 5000]
WORDS = ["A", "C", "I", "F", "D", "L", "1,2,3,4", "4,3,2,1", "3,4,1,2", "1,2", "2,1", "4,1", "0,0", "é", "\0"]
KEYS = "PAR TOT MODE DATATYPE BYTEORD NEXTDATA BEGINDATA ENDDATA BEGINSTEXT ENDSTEXT BEGINANALYSIS ENDANALYSIS".split()
KEYS += [f"P{n}{letter}" for n in (1, 2, 3, 4) for letter in "NSBRE"] + ["SPILL", "SPILLOVER", "COMP", "P1DATATYPE"]


def valid_file(rng: np.random.Generator) -> tuple[list[tuple[str, str]], bytes, str]:
    """Return the keywords, the values and the version of a file without faults."""
    kind = rng.choice(["<f4", ">f4", "<f8", ">f8", "<u1", "<u2", ">u2", "<u4", ">u4", "<u8"])
    n_events, n_channels = rng.integers(0, 40), rng.integers(1, 6)
    data = rng.integers(0, 200, (n_events, n_channels)).astype(kind).tobytes()
    words = {
        "$BYTEORD": "4,3,2,1" if kind[0] == ">" else "1,2,3,4",
        "$DATATYPE": {"f4": "F", "f8": "D"}.get(kind[1:], "I"),
        "$MODE": "L", "$NEXTDATA": "0", "$PAR": str(n_channels), "$TOT": str(n_events),
    }  # fmt: skip
    for n in range(1, n_channels + 1):
        words |= {f"$P{n}N": f"FL{n}-A", f"$P{n}B": str(8 * int(kind[2])), f"$P{n}R": "1024", f"$P{n}E": "0,0"}
        words |= {f"$P{n}S": f"CD{n}"} if rng.random() < 0.5 else {}
    spill = [n_channels, *(f"FL{n + 1}-A" for n in range(n_channels)), *np.eye(n_channels).ravel()]
    words |= {"SPILL": ",".join(map(str, spill))} if rng.random() < 0.5 else {}
    return list(words.items()), data, str(rng.choice(["2.0", "3.0", "3.1", "3.2"]))


def spoil_keywords(words: list[tuple[str, str]], rng: np.random.Generator) -> list[tuple[str, str]]:
    """Return keywords of which some are replaced, left out, doubled, spoilt or made up."""
    words = list(words)
    for _ in range(rng.integers(1, 4)):
        i, value = rng.integers(len(words)), str(rng.choice([*NUMBERS, *WORDS]))
        match rng.integers(7):
            case 0:
                words[i] = (words[i][0], value)
            case 1:
                del words[i]
            case 2:
                words.insert(i, words[rng.integers(len(words))])
            case 3:
                words[i] = (" " * rng.integers(3) + words[i][0] + " " * rng.integers(3), words[i][1])
            case 4:
                words.append((f"${rng.choice(KEYS)}", value))
            case 5:
                words[i] = (words[i][0], words[i][1] * int(rng.choice([2, 1000])))
            case _:
                words.append((str(rng.choice(["SPILL", "$SPILLOVER", "$COMP"])), matrix(rng)))
        words = words or [("$PAR", "1")]
    return words


def matrix(rng: np.random.Generator) -> str:
    """Return a spillover matrix, some of whose names occur twice or nowhere else, or that lacks or has too much."""
    n = int(rng.integers(0, 5))
    names = [f"FL{number}-A" for number in rng.integers(1, 6, size=n)]
    numbers = np.round(np.eye(n) + rng.choice([0.0, 0.1, 1.0, np.nan]), 1).ravel().tolist()
    parts = [str(rng.choice([n, n, n, n + 1, 10**9])), *names, *map(str, numbers)]
    return ",".join(parts[: int(rng.choice([len(parts), len(parts), rng.integers(len(parts) + 1)]))])


def laid_out(words: list[tuple[str, str]], data: bytes, version: str, rng: np.random.Generator) -> bytes:
    """Return the file, with offsets in the HEADER, in TEXT, or in both."""
    delimiter, where = str(rng.choice(list("|/\\!\x0c$"))), rng.integers(3)

    def text(pairs: list[tuple[str, str]]) -> bytes:
        return (delimiter + "".join(f"{key}{delimiter}{value}{delimiter}" for key, value in pairs)).encode()

    start = 58 + len(text(words)) + 80
    stop = start + len(data) - 1
    offsets = [("$BEGINDATA", str(start)), ("$ENDDATA", str(stop))] if where != 1 else []
    segment = text([*words, *offsets])
    in_header = (start, stop) if where != 0 and stop < 10**8 else (0, 0)
    header = f"FCS{version}    {58:>8}{57 + len(segment):>8}" + "".join(f"{n:>8}" for n in (*in_header, 0, 0))
    return (header.encode() + segment).ljust(start) + data


def spoil_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file that was cut, lengthened, or of which bytes were changed, moved or repeated."""
    changed = bytearray(content)
    match rng.integers(6):
        case 0:
            del changed[rng.integers(len(changed)) :]
        case 1:
            changed += rng.bytes(int(rng.integers(1, 500)))
        case 2:
            for position in rng.integers(len(changed), size=rng.integers(1, 30)):
                changed[position] = rng.integers(256)
        case 3:
            position = 10 + 8 * rng.integers(6)
            changed[position : position + 8] = f"{rng.choice(NUMBERS)!s:.8}".rjust(8).encode()
        case 4:
            start = rng.integers(len(changed))
            changed[start:start] = changed[rng.integers(len(changed)) :][: rng.integers(1, 300)]
        case _:
            start = rng.integers(len(changed))
            del changed[start : start + rng.integers(1, 100)]
    return bytes(changed)


def chained(parts: list[bytes], rng: np.random.Generator) -> bytes:
    """Return data sets one after the other, whose $NEXTDATA are right or lead backwards, nowhere or into themselves."""
    joined = b""
    for part in parts:
        step = int(rng.choice([len(part), len(part) - 1, 58, 0, -len(part), 10**12]))
        start, stop = part[:58], part[58:].replace(b"NEXTDATA|0", f"NEXTDATA|{step}".encode(), 1)
        joined += start + stop
    return joined


def extreme(rng: np.random.Generator) -> bytes:
    """Return a file of a megabyte at most that costs far more than that if work is not bounded."""
    match rng.integers(5):
        case 0:
            text, step = b"|$NEXTDATA|58|" + b"k|v|" * 50_000, 58
        case 1:
            text, step = b"|a|" + b"|" * 900_000, 0
        case 2:
            text, step = b"|$PAR|20000|$MODE|L|$DATATYPE|I|$BYTEORD|1,2|$TOT|0|", 0
            text += b"".join(b"$P%dN|a|$P%dB|8|$P%dR|9|" % (n, n, n) for n in range(1, 20_001))
        case 3:
            text, step = b"|$MODE|" + b"L " * 400_000 + b"|", 0
        case _:
            text, step = b"|$PAR|1|SPILL|99999," + b"1," * 400_000 + b"|", 0
    n = 1000 if step else 1  # headers that share one TEXT segment
    starts = [58 * (n - i) for i in range(n)]
    headers = [f"FCS3.1    {start:>8}{start + len(text) - 1:>8}" + f"{0:>8}" * 4 for start in starts]
    return "".join(headers).encode() + text


def mutation(rng: np.random.Generator) -> bytes:
    """Return a file with faults of one or more kinds."""
    if rng.random() < 0.01:
        return extreme(rng)
    words, data, version = valid_file(rng)
    if rng.random() < 0.7:
        words = spoil_keywords(words, rng)
    content = laid_out(words, data, version, rng)
    if rng.random() < 0.6:
        content = spoil_bytes(content, rng)
    return chained([content] * int(rng.integers(1, 5)), rng) if rng.random() < 0.15 else content


def outcome(path: Path, *, compensate: bool = False) -> str:
    """Read a file; return "read", why it was refused, or how else it ended."""
    try:
        cells = read_fcs(path, compensate=compensate)
    except ValueError as error:
        named = getattr(error, "argument", None) in ("path", "compensate") and str(path) in str(error)
        return reason_of(str(error), path) if named else f"UNNAMED {type(error).__name__}: {error}"
    except Exception as error:  # noqa: BLE001  # that nothing else is raised is what is tested
        return f"ESCAPED {type(error).__name__}: {error}"
    return "read" if cells.X.shape == cells.shape else "WRONG shape"


def reason_of(message: str, path: Path) -> str:
    """Return what is wrong with a file, without its names and numbers."""
    reason = message.partition("but is not: ")[2] or message.replace(str(path), "FILE")
    return re.sub(r"'[^']*'?|\[.*?\]|-?\d[\d,]*( \.\.\.)?", "_", reason)[:70]


def measured(path: Path, *, compensate: bool = False) -> tuple[str, float, int]:
    """Return how a file ends, the seconds and the bytes that it takes."""
    tracemalloc.start()
    start = time.process_time()
    try:
        ended = outcome(path, compensate=compensate)
        return ended, time.process_time() - start, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def is_fault(ended: str, seconds: float, n_bytes: int) -> bool:
    """Return whether a file ended as none may."""
    return ended.split()[0] in ("UNNAMED", "ESCAPED", "WRONG") or seconds > MAX_SECONDS or n_bytes > MAX_BYTES


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> int:
    """Break and read `--n` files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000, help="how many files (default: 10,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the faults (default: 0)")
    parser.add_argument("--keep", type=Path, default=Path("fuzz_fcs"), help="folder for files that end wrongly")
    options = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.ERROR)
    for kind in (RuntimeWarning, UserWarning):  # These are our own faults.
        warnings.simplefilter("error", kind)
    counts: Counter[str] = Counter()
    most_seconds, most_bytes, faults = 0.0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "broken.fcs"
        path.write_bytes(laid_out(*valid_file(np.random.default_rng(0)), np.random.default_rng(0)))
        read_fcs(path)  # what is imported by the first file is not measured
        for number in range(options.n):
            rng = np.random.default_rng([options.seed, number])
            content = mutation(rng)
            path.write_bytes(content)
            ended, seconds, n_bytes = measured(path, compensate=bool(rng.integers(2)))
            counts[ended] += 1
            most_seconds, most_bytes = max(most_seconds, seconds), max(most_bytes, n_bytes)
            if is_fault(ended, seconds, n_bytes):
                faults += 1
                options.keep.mkdir(exist_ok=True)
                (options.keep / f"{options.seed}_{number}.fcs").write_bytes(content)
                say(f"{options.seed}_{number}.fcs: {seconds:.1f} s, {n_bytes:,} bytes: {ended}")
    for ended, count in counts.most_common():
        say(f"{count:>7,}  {ended}")
    say(f"{options.n:,} files, {faults} faults; at most {most_seconds:.2f} s and {most_bytes / 1e6:.1f} MB for one")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
