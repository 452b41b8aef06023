"""The TEXT segment -> keywords, and keywords -> numbers.

Empty values, escaped delimiters, blanks around keywords and keywords of vendors that lack the "$" of the standard ones
are told apart here, as files in use need it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from scgsr.io._damage import DamageError, shown

# More than 10,000 channels need; a damaged file must not fill the memory with pieces of text.
LARGEST_TEXT = 1 << 24  # bytes
MOST_KEYWORDS = 500_000


def keywords_of(segment: bytes) -> dict[str, str]:
    """Return the keywords in their order, in lower case and without "$", which marks the standard ones in front.

    A standard keyword wins over another of the same name; of two of a kind the last one wins. Values keep their "$".
    """
    try:
        text = segment.decode()
    except UnicodeDecodeError:
        text = segment.decode("latin-1")
    keys, values = _pairs(text)
    keywords: dict[str, str] = {}
    standard = set()
    for key, value in zip(_without_blanks(keys), values, strict=True):
        name = key.replace("$", "").lower()
        if key.startswith("$"):
            standard.add(name)
        if key.startswith("$") or name not in standard:
            keywords[name] = value
    return keywords


def _pairs(text: str) -> tuple[list[str], Iterable[str]]:
    """Split at the delimiter, the first character; a doubled one belongs to a value.

    No keyword is empty. So between two delimiters in the place of a keyword the value before goes on, and in the place
    of a value it is empty: the standard forbids that, but it is common. A delimiter inside a keyword is not understood.
    """
    delimiter = text[0]
    if text.count(delimiter) > 2 * MOST_KEYWORDS:
        msg = f"its TEXT segment has more than {MOST_KEYWORDS:,} keywords, which no file needs"
        raise DamageError(msg)
    if delimiter == "$":  # It precedes standard keywords twice.
        text = text.replace("$$", "$")
    parts = text[1:].split(delimiter)
    keys: list[str] = []
    values: list[list[str]] = []
    for key, value in zip(parts[::2], parts[1::2], strict=False):  # Padding follows the last delimiter.
        if key or not keys:
            keys.append(key)
            values.append([value])
        else:
            values[-1].append(value)
    return keys, (delimiter.join(pieces) for pieces in values)


def _without_blanks(keys: list[str]) -> Iterator[str]:
    """Yield the keywords without the blanks around them, unless two would then be the same."""
    bare = [key.strip() for key in keys]
    if bare == keys:
        return iter(keys)
    uses = Counter(name.lower() for name in bare)
    return (name if name.strip("$") and uses[name.lower()] == 1 else key for key, name in zip(keys, bare, strict=True))


def whole_number(keywords: Mapping[str, str], name: str, default: int | None = None) -> int:
    """Return the number that a keyword holds, or `default`, unless None, where the keyword is missing or blank."""
    if default is not None and not keywords.get(name, "").strip():
        return default
    try:
        return int(keywords[name])
    except ValueError as error:
        msg = f"${name.upper()} is {shown(keywords[name])}, but must be a whole number"
        raise DamageError(msg) from error


def offset_or_zero(text: str) -> int:
    """Return the offset of a segment that is not read, where no nonsense matters."""
    try:
        return int(text)
    except ValueError:
        return 0
