"""Colours that people with any colour vision can tell apart."""

from __future__ import annotations

Colour = tuple[int, int, int]


def _colours(text: str) -> list[Colour]:
    """Return colours from six hexadecimal digits each."""
    red, green, blue = ([int(text[at : at + 2], 16) for at in range(start, len(text), 6)] for start in (0, 2, 4))
    return list(zip(red, green, blue, strict=True))


# Groups: the colours of Okabe and Ito, then those that lie farthest from all before them, from white, and from the grey
# of cells that are not selected, to full colour vision and to each kind of dichromacy.
PALETTE = _colours(
    "0072b2e69f00009e73cc79a756b4e9d55e008700f0692d0f5a3c5a3c2da59678ffe1004b"
    "f0c387690f78b4a54b3c693c87e14b963c00ff7896a54b87d20fb4961ed27896f096a569"
)
UNKNOWN: Colour = (150, 150, 150)  # of no group
# Numbers: viridis and the reversed RdBu of matplotlib, at every twentieth.
VIRIDIS = _colours(
    "4401544713654824754634804144873b528b355f8d2f6c8e2a788e25848e21918c"
    "1e9c8922a8842fb47c44bf705ec9627ad1519bd93cbddf26dfe318fde725"
)
DIVERGING = _colours(
    "0530611249842065ab327cb74393c36bacd190c4ddb1d5e7d1e5f0e4eef4f7f6f6"
    "fae9dffddbc7f8bfa4f3a481e48066d6604dc43b3cb1182b8a0b2567001f"
)
