"""FCS files in and out: one row per event, one column per channel.

`read_fcs`: a flow or mass cytometry file, or a folder of them, as an AnnData.
`convert_fcs`: the same as a .h5ad or .zarr, file by file, where it would not fit into memory.
`write_fcs`: features, activations, labels and confidence as the parameters of a file for FlowJo or OMIQ.
"""

from scgsr.io._convert import convert_fcs
from scgsr.io._read import read_fcs
from scgsr.io._write import write_fcs

__all__ = ["convert_fcs", "read_fcs", "write_fcs"]
