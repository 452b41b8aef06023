"""Values and keywords -> the bytes of an FCS 3.1 file.

The delimiter is a character that no keyword holds. FlowIO's writer always takes "/": HLA/DR becomes HLA//DR, which
readers that allow empty values take apart, and a value that begins with "/" cannot be read back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scgsr.io._panel import unique

# The second is a control character, which `tidy` leaves in no keyword.
_DELIMITERS = ("|", "\x1e")
_TEXT_START = 256
_DATA_ALIGNMENT = 512  # values begin at a multiple of it
_LARGEST_HEADER_OFFSET = 99_999_999  # the largest number of eight digits

# These standard keywords are about the sample and not the layout of the file; written, they begin with "$".
STANDARD = re.compile(
    "abrt|btim|com|cyt|cytsn|date|etim|exp|inst|lost|op|plateid|platename|proj|smno|src|sys|timestep|vol|wellid"
)


class Parameter(NamedTuple):
    """One column of values."""

    channel: str  # $PnN
    marker: str  # $PnS, "" for none
    largest: float


def tidy(text: str, *, commas: bool = True) -> str:
    """Return what a reader gives back: no blanks around it, no control characters, no "$", and commas if allowed."""
    printable = "".join(character for character in text if character.isprintable() and character != "$")
    return (printable if commas else printable.replace(",", "_")).strip()


def tidy_channels(names: Sequence[str]) -> list[str]:
    """Return names that $PnN may have: not empty, without commas, all different."""
    return unique(tidy(name, commas=False) or f"P{n}" for n, name in enumerate(names, start=1))


def header_and_text(n_events: int, parameters: Sequence[Parameter], keywords: Mapping[str, str]) -> bytes:
    """Return all that precedes the values (little-endian float32, event by event), `keywords` with what they need."""
    n_bytes = 4 * n_events * len(parameters)
    words = {
        "$BEGINANALYSIS": "0", "$ENDANALYSIS": "0", "$BEGINSTEXT": "0", "$ENDSTEXT": "0", "$NEXTDATA": "0",
        "$BYTEORD": "1,2,3,4", "$DATATYPE": "F", "$MODE": "L", "$PAR": str(len(parameters)), "$TOT": str(n_events),
    }  # fmt: skip
    for n, parameter in enumerate(parameters, start=1):
        # $PnR is one more than the largest value; FlowJo scales its axis to it.
        words |= {f"$P{n}N": parameter.channel, f"$P{n}B": "32", f"$P{n}E": "0,0"}
        words |= {f"$P{n}R": str(int(max(parameter.largest, 0)) + 1)}
        words |= {f"$P{n}S": parameter.marker} if parameter.marker else {}
    words |= keywords
    # Offsets are part of the text whose length they depend on: room is left for long ones and filled with blanks.
    longest = "9" * 20
    text_size = len(_text({**words, "$BEGINDATA": longest, "$ENDDATA": longest}))
    start = -(-(_TEXT_START + text_size) // _DATA_ALIGNMENT) * _DATA_ALIGNMENT
    stop = start + n_bytes - 1
    text = _text({**words, "$BEGINDATA": str(start), "$ENDDATA": str(stop)})
    in_header = (start, stop) if stop <= _LARGEST_HEADER_OFFSET else (0, 0)
    offsets = (_TEXT_START, _TEXT_START + len(text) - 1, *in_header, 0, 0)
    header = "FCS3.1    " + "".join(f"{offset:>8}" for offset in offsets)
    return (header.ljust(_TEXT_START).encode() + text).ljust(start)


def _text(words: Mapping[str, str]) -> bytes:
    used = "".join([*words, *words.values()])
    delimiter = next(character for character in _DELIMITERS if character not in used)
    return (delimiter + "".join(f"{key}{delimiter}{value}{delimiter}" for key, value in words.items())).encode()
