"""Where the values of a data set lie: what the HEADER says, what TEXT says, and which of them counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

from scgsr.io._damage import DamageError, shown
from scgsr.io._text import whole_number

Span = tuple[int, int]  # the first and the last byte
Choice = Literal["header", "text"]
CHOICES: tuple[Choice, ...] = ("header", "text")

HEADER_SIZE = 58
_NOWHERE = (0, 0)
# Some programs write the second where the offset is larger than the HEADER has room for.
_NOT_IN_THE_HEADER = (0, 99_999_999)


class Places(NamedTuple):
    """What a file says of where its values lie; zeros where it does not say."""

    first: Choice  # which of the two the standard lets count
    header: Span
    text: Span

    @classmethod
    def of(cls, version: str, in_header: Span, keywords: Mapping[str, str]) -> Places:
        """Take TEXT first since FCS 3.0, because the HEADER has no room for large offsets, and the HEADER before."""
        in_text = whole_number(keywords, "begindata", 0), whole_number(keywords, "enddata", 0)
        return cls("header" if version == "2.0" else "text", in_header, in_text if all(in_text) else _NOWHERE)

    @property
    def given(self) -> bool:
        """Whether there is any place."""
        return self.header[0] > 0 or self.text[0] > 0

    def decided(self, is_possible: Callable[[Span], bool], offsets: Choice | None) -> tuple[Span, str]:
        """Return the place that counts, and if another would be the one of the standard or may be meant, why.

        `offsets` chooses where both are given; else the one that is possible counts. If both begin at the same byte,
        the number of events will tell whether the end is right.
        """
        if self.text == _NOWHERE or self.header[0] in _NOT_IN_THE_HEADER:
            return (self.header if self.text == _NOWHERE else self.text), ""
        if offsets is not None:
            return self._of(offsets), ""
        possible = [name for name in CHOICES if is_possible(self._of(name))]
        at_one = self.header[0] == self.text[0] or self.first == "header"
        if len(possible) == 1:
            (name,) = possible
            return self._of(name), "" if at_one and name == self.first else self._why(name)
        if at_one:
            return self._of(self.first), ""
        msg = (
            f"{self._contradiction()}, and {'both' if possible else 'neither'} can be right; `offsets='header'` or "
            "`offsets='text'` chooses"
        )
        raise DamageError(msg)

    def _of(self, name: Choice) -> Span:
        return self.header if name == "header" else self.text

    def _why(self, name: Choice) -> str:
        return f"{self._contradiction()}; only the {name.upper()} can be right, and counts"

    def _contradiction(self) -> str:
        what, which = ("begin", 0) if self.header[0] != self.text[0] else ("end", 1)
        return (
            f"its values {what} at byte {shown(self.header[which])} by the HEADER, but at ${what.upper()}DATA = "
            f"{shown(self.text[which])}"
        )
