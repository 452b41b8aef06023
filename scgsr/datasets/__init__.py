"""Data sets: published ones, fetched by checksum, and simulated ones whose truth is known.

Published (kept in the folder named by the environment variable `SCGSR_DATA`, else in the user's cache):

- `thymus_masscyt`: mouse thymus, mass cytometry, 25,000 cells x 13 markers
- `paul15`: mouse bone marrow progenitors, MARS-seq, 2,660 cells x 3,004 genes

Simulated (each docstring states the model; the truth is in `.obs` and `.var`):

- `bit_patterns`: independent switches, each shown by features of its own
- `hub_and_spoke`: modules of correlated features, one of which is up in each cell
- `line`, `circle`: a curve hidden in many dimensions
- `branching_tree`: a tree of cells, with the distance between any two
- `cytof_panel`: blood cell populations, one of them rare, on 21 markers
"""

from scgsr.datasets._curves import circle, line
from scgsr.datasets._cytof import cytof_panel
from scgsr.datasets._published import paul15, thymus_masscyt
from scgsr.datasets._switches import bit_patterns, branching_tree, hub_and_spoke

__all__ = [
    "bit_patterns",
    "branching_tree",
    "circle",
    "cytof_panel",
    "hub_and_spoke",
    "line",
    "paul15",
    "thymus_masscyt",
]
