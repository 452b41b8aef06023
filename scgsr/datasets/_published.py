"""Published data sets, fetched from their public repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from scgsr._adata import ARCSINH
from scgsr.datasets._registry import fetch, provenance
from scgsr.io import read_fcs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from anndata import AnnData

_POSITIVE_FROM = 2.0  # arcsinh scale: the valley between the modes of CD4 and of CD8


def thymus_masscyt() -> AnnData:
    """Mouse thymus by mass cytometry: 25,000 developing T cells x 13 surface markers (2.6 MB).

    T cells mature from double negative (DN) through double positive (DP) to CD4 or CD8 single positive (CD4SP, CD8SP).
    The file is the mass cytometry sample of Wishbone, read with :func:`scgsr.io.read_fcs`. Its values are *already*
    `arcsinh(ion counts / 5)`: do not transform `.X` again.

    The file is kept in the folder named by the environment variable
    `SCGSR_DATA`, else in the user's cache. Its repository is under GPL-2.0 and states no separate licence for data.

    Returns
    -------
    AnnData of shape (25000, 13):

    `.X`
        float32 ndarray, `arcsinh(ion counts / 5)`, as published.
    `.layers["ion_counts"]`
        float32 ndarray, computed back from the stored doubles as `5 * sinh(x)`, rounded to the 3 decimals they had.
    `.obs["gate_cd4_cd8"]`
        categorical DN, DP, CD4SP, CD8SP, derived here: a marker is positive from 2 on in `.X`.
    `.var["channel"]`, `.var["marker"]`
        $PnN and $PnS.
    `.uns["source"]`, `.uns["arcsinh"]`
        dict: source, licence, citation; the record of the transform, as :func:`scgsr.pp.arcsinh` writes it.

    Raises
    ------
    OSError
        If the file is not in the cache folder and cannot be downloaded.

    References
    ----------
    Setty M, Tadmor MD, Reich-Zeliger S, et al. Wishbone identifies bifurcating developmental trajectories from
    single-cell data. Nat Biotechnol 2016;34:637-645. https://doi.org/10.1038/nbt.3569

    Examples
    --------
    >>> import scgsr
    >>> adata = scgsr.datasets.thymus_masscyt()
    >>> adata.obs["gate_cd4_cd8"].value_counts().to_dict()
    {'DP': 21518, 'CD4SP': 2126, 'CD8SP': 956, 'DN': 400}
    """
    file = read_fcs(fetch("thymus_masscyt", "sample_masscyt.fcs"), dtype="float64")
    values, channels, markers = file.X, file.var["channel"].to_list(), file.var["marker"].to_list()
    from anndata import AnnData  # slow to import

    adata = AnnData(
        values.astype(np.float32),
        obs=pd.DataFrame(index=[f"cell_{i}" for i in range(len(values))]),
        var=pd.DataFrame({"channel": channels, "marker": markers}, index=markers),
        layers={"ion_counts": np.round(5 * np.sinh(values), 3).astype(np.float32)},
        uns={
            "source": provenance("thymus_masscyt"),
            # The authors have transformed the values; on record, so that `scgsr.pp.arcsinh` refuses to do it again.
            ARCSINH: {"X": pd.DataFrame({"cofactor": 5.0}, index=markers)},
        },
    )
    adata.obs["gate_cd4_cd8"] = _cd4_cd8_gate(adata.to_df())
    return adata


def paul15() -> AnnData:
    """Mouse bone marrow progenitors by MARS-seq: 2,660 cells x 3,004 genes, UMI counts (1.6 MB).

    Myeloid and erythroid cells with their common progenitors, in the selection and with the labels that tradeSeq
    publishes. Take the names of the small myeloid groups as group ids only: in these counts Basophils express Irf8,
    Csf1r and Ly86, and some 20 Neutrophils express Prss34 and Mcpt8. Erythrocyte, Megakaryocytes and Multipotent
    progenitors agree with their markers.

    Needs the package rdata (``pip install rdata``). The two files are kept in the folder named by the environment
    variable `SCGSR_DATA`, else in the user's cache. Their repository is under the MIT licence; the counts are public as
    GSE72857.

    Returns
    -------
    AnnData of shape (2660, 3004):

    `.X`
        float32 CSR, UMI counts.
    `.obs["cell_type"]`
        categorical, seven groups.
    `.uns["source"]`
        dict: source, licence, citation.

    Raises
    ------
    OSError
        If a file is not in the cache folder and cannot be downloaded.
    ImportError
        If rdata is missing.

    References
    ----------
    Paul F, Arkin Y, Giladi A, et al. Transcriptional heterogeneity and lineage commitment in myeloid progenitors. Cell
    2015;163:1663-1677. https://doi.org/10.1016/j.cell.2015.11.013

    Van den Berge K, Roux de Bezieux H, Street K, et al. Trajectory-based differential expression analysis for
    single-cell sequencing data. Nat Commun 2020;11:1201. https://doi.org/10.1038/s41467-020-14766-3

    Examples
    --------
    >>> import scgsr
    >>> adata = scgsr.datasets.paul15()
    >>> adata.obs["cell_type"].value_counts().head(3).to_dict()
    {'Erythrocyte': 1095, 'Monocytes': 559, 'Basophils': 369}
    """
    counts = _read_rda(fetch("paul15", "tradeSeq_counts.rda"))["counts"]  # genes x cells
    cell_type = _read_rda(fetch("paul15", "tradeSeq_celltype.rda"))["celltype"]
    genes, cells = counts["names"]
    from anndata import AnnData  # slow to import

    return AnnData(
        sparse.csr_matrix(counts["values"].T, dtype=np.float32),
        obs=pd.DataFrame({"cell_type": pd.Categorical(cell_type)}, index=cells),
        var=pd.DataFrame(index=genes),
        uns={"source": provenance("paul15")},
    )


def _cd4_cd8_gate(expression: pd.DataFrame) -> pd.Categorical:
    cd4, cd8 = (expression[marker].to_numpy() >= _POSITIVE_FROM for marker in ("CD4", "CD8"))
    gate = np.select([cd4 & cd8, cd4, cd8], ["DP", "CD4SP", "CD8SP"], default="DN")
    return pd.Categorical(gate, categories=["DN", "DP", "CD4SP", "CD8SP"])


def _read_rda(path: Path) -> dict[str, Any]:
    try:
        import rdata
    except ImportError as error:
        msg = "Reading R files needs the package rdata: `pip install rdata`."
        raise ImportError(msg) from error
    return rdata.read_rda(path, constructor_dict={**rdata.conversion.DEFAULT_CLASS_MAP, "dgCMatrix": _sparse_matrix})


def _sparse_matrix(_: object, slots: Mapping[str, Any]) -> dict[str, Any]:
    """Read R's compressed sparse columns, a class that rdata leaves to its user."""
    values = sparse.csc_matrix((slots["x"], slots["i"], slots["p"]), shape=tuple(slots["Dim"]))
    return {"values": values, "names": slots["Dimnames"]}
