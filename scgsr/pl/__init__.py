"""Pictures. They read an AnnData and never write to it.

A function that draws one panel returns its Axes; one that can draw several returns the Figure. ``return_fig=True``
always returns the Figure. As in Scanpy, a picture that was shown is not returned; ``show=False`` returns it. There is
no `save`: use ``fig.savefig("picture.pdf")``. Only `report` writes a file, an interactive page.

`figsize` may give only the width, such as ``figsize=(85 / 25.4, None)`` for a column of 85 mm; the height follows.
"""

from scgsr.pl._activation_heatmap import activation_heatmap
from scgsr.pl._activation_map import activation_map
from scgsr.pl._compare import compare
from scgsr.pl._consensus import consensus
from scgsr.pl._correlation_heatmap import correlation_heatmap
from scgsr.pl._evolution import evolution
from scgsr.pl._history import history
from scgsr.pl._images import images
from scgsr.pl._module_tree import module_tree
from scgsr.pl._neuron_graph import neuron_graph
from scgsr.pl._programs import programs
from scgsr.pl._report import report
from scgsr.pl._score import score
from scgsr.pl._segmentation import segmentation
from scgsr.pl._silence import silence
from scgsr.pl._spectrum import spectrum
from scgsr.pl._stars import stars

__all__ = [
    "activation_heatmap",
    "activation_map",
    "compare",
    "consensus",
    "correlation_heatmap",
    "evolution",
    "history",
    "images",
    "module_tree",
    "neuron_graph",
    "programs",
    "report",
    "score",
    "segmentation",
    "silence",
    "spectrum",
    "stars",
]
