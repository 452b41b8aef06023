"""The TEXT segment -> keywords, and keywords -> numbers.

Empty values, escaped delimiters and keywords of vendors that lack the "$" of the standard ones are told apart here, as
files in use need it.
"""

from __future__ import annotations

from collections.abc import Mapping

from scgsr.io._damage import DamageError


def keywords_of(segment: bytes) -> dict[str, str]:
    """Return the keywords in their order, in lower case and without "$", which marks the standard ones in front.

    A standard keyword wins over another of the same name; of two of a kind the last one wins. Values keep their "$".
    """
    try:
        text = segment.decode()
    except UnicodeDecodeError:
        text = segment.decode("latin-1")
    keywords: dict[str, str] = {}
    standard = set()
    for key, value in _pairs(text):
        name = key.replace("$", "").lower()
        if key.startswith("$"):
            standard.add(name)
        if key.startswith("$") or name not in standard:
            keywords[name] = value
    return keywords


def _pairs(text: str) -> list[list[str]]:
    """Split at the delimiter, the first character; a doubled one belongs to a value.

    No keyword is empty. So between two delimiters in the place of a keyword the value before goes on, and in the place
    of a value it is empty: the standard forbids that, but it is common. A delimiter inside a keyword is not understood.
    """
    delimiter = text[0]
    if delimiter == "$":  # It precedes standard keywords twice.
        text = text.replace("$$", "$")
    parts = text[1:].split(delimiter)
    pairs: list[list[str]] = []
    for key, value in zip(parts[::2], parts[1::2], strict=False):  # Padding follows the last delimiter.
        if key or not pairs:
            pairs.append([key, value])
        else:
            pairs[-1][1] += delimiter + value
    return pairs


def whole_number(keywords: Mapping[str, str], name: str, default: int | None = None) -> int:
    """Return the number that a keyword holds, or `default`, unless None, where the keyword is missing or blank."""
    if default is not None and not keywords.get(name, "").strip():
        return default
    try:
        return int(keywords[name])
    except ValueError as error:
        msg = f"${name.upper()} is {keywords[name]!r}, but must be a whole number"
        raise DamageError(msg) from error


def offset_or_zero(text: str) -> int:
    """Return the offset of a segment that is not read, where no nonsense matters."""
    try:
        return int(text)
    except ValueError:
        return 0
