"""What the page of a report is made of: compact numbers, and the file around them.

- `_sample`: which cells are shown, and for how many each of them stands.
- `_places`: where a cell lies on the sheet of neurons.
- `_codes`: activations, numbers and places in one or two bytes each.
- `_colours`: what groups and numbers look like.
- `_markers`: which features tell the groups of cells apart.
- `_borders`: where areas of different modules meet.
- `_html`: all of it as one page that asks the network for nothing.
"""

from scgsr._page._borders import borders
from scgsr._page._codes import Bins, Steps, picture_codes, place_codes, place_of
from scgsr._page._colours import DIVERGING, PALETTE, UNKNOWN, VIRIDIS
from scgsr._page._html import page, plain
from scgsr._page._markers import telling
from scgsr._page._places import on_sheet
from scgsr._page._sample import LEAST, sample, stands_for

__all__ = [
    "DIVERGING",
    "LEAST",
    "PALETTE",
    "UNKNOWN",
    "VIRIDIS",
    "Bins",
    "Steps",
    "borders",
    "on_sheet",
    "page",
    "picture_codes",
    "place_codes",
    "place_of",
    "plain",
    "sample",
    "stands_for",
    "telling",
]
