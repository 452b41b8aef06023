"""What channels measure, by names as they stand in files of several makers: $PnN, "|", and $PnS where there is one."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pytest

from scgsr import io, pp, tl
from scgsr.io._channels import kind, kinds

TECHNICAL = {
    "time": """
Time|
TIME|Time
Time-1|
HDR-T|
    """,
    "scatter": """
FSC-A|
FSC-H|size
SSC-W|SSC
SSC-B-A|
FS INT|
FS PEAK LIN|FS PEAK
SS TOF|
VSSC-A|
Side Scatter|
FSC-PAR|
BSC-A|
*FSC|
    """,
    "event length": """
Event_length|Event_length
Cell_length|
EventLength|
    """,
    "DNA": """
Ir191Di|191Ir_DNA1
Ir193Di|DNA2
Ir191Di|
(Ir193)Dd|
191Ir|191Ir
FL1-A|DNA content
FITC-A|Hoechst
    """,
    "beads": """
Ce140Di|140Ce_EQ4_beads
Ce140Di|140Ce_Beads
Ce140Di|
Eu151Di|151Eu_EQ4
Ho165Di|165Ho_Bead3
    """,
    "barcode": """
Pd102Di|102Pd_BC1
Pd104Di|104Pd_Barcode2
Pd105Di|BC3
    """,
    "viability": """
Pt195Di|195Pt_cisplatin
Pt195Di|Cisplatin
Pt198Di|198Pt_Viability
Pt198Di|
Rh103Di|103Rh_Live/Dead
Rh103Di|103Rh
APC-Cy7-A|Zombie NIR
BV510-A|LIVE/DEAD Aqua
BV510-A|L/D
BV510-A|Live Dead
Alexa Fluor 700-A|L_D
PerCP-Cy5-5-A|7AAD
PerCP-Cy5-5-A|7-AAD
DAPI-A|
Pacific Blue-A|DAPI
AmCyan-A|FVS510
APC-Cy7-A|FVD eFluor 780
APC-Cy7-A|Fixable Viability Dye eFluor 780
PE-A|PI
Aqua Amine-A|
BV510-A|Ghost Dye Violet 510
Blue|SYTOX Blue
V500-A|Aqua
FL3|Propidium Iodide
BUV395-A|LIVE/DEAD Blue
x|Live
Pt195Di|195Pt_Live_Dead
AmCyan-A|l/d
    """,
    "pulse shape": """
Center|Center
Offset|Offset
Width|Width
Residual|Residual
    """,
    "record": """
File_Number|
beadDist|beadDist
FITC-A|Event
    """,
    "background": """
BCKG190Di|190BCKG
Xe131Di|131Xe
Pb206Di|206Pb
    """,
}
MARKERS = """
FITC-A|CD3
DAPI-A|CD19
PE-A|HLA-DR
PE-A|HLA/DR
Nd142Di|142Nd_CD19
Nd142Di|
Nd142Di|142Nd
Eu153Di|153Eu_TIM-3
Eu153Di|153Eu_TIM3
Eu151Di|151Eu_CD123
Eu151Di|
Ho165Di|
Lu175Di|175Lu_PD-1
Pt195Di|195Pt_CD45RA
Pt194Di|CD45_194Pt
Pd104Di|104Pd_CD45
Pd102Di|
FITC-A|CD45_DNA
FITC-A|DNAM-1
FITC-A|CD226 (DNAM1)
FITC-A|dsDNA
FITC-A|DNA-PK
FITC-A|PI3K
FITC-A|PI16
FITC-A|BCL2
FITC-A|Bcl-6
FITC-A|BCMA
FITC-A|BC1
FITC-A|EQ
FITC-A|CD14/CD19/LiveDead
FITC-A|LIVE/DEAD CD14 CD19
FITC-A|Dump
FITC-A|LDL-R
FITC-A|LDHA
FITC-A|PD-1
FITC-A|PD-L1
FITC-A|SSEA-4
FITC-A|FSHR
FITC-A|Ki-67
FITC-A|pS6
FITC-A|CD1d
FITC-A|TCRgd
FITC-A|IgD
FITC-A|CCR7
FITC-A|Aquaporin
FITC-A|Timeless
FITC-A|
FITC-W|
PE-Cy7-A|
Violet-A|
APC-H7-A|
BV421-A|
Pacific Orange-A|
FL1-H|
FL2-A|
GRN-HLin|
I127Di|127I_IdU
Y89Di|89Y_CD45
Bi209Di|209Bi_CD16
FITC-A|cPARP
FITC-A|cleaved Caspase 3
FITC-A|Annexin V
FITC-A|IL-2
FITC-A|CFSE
FITC-A|CellTrace Violet
FITC-A|Live-CD45
FITC-A|GFP
Dy164Di|164Dy_CD15
FITC-A|pan-Cytokeratin
FITC-A|H3K27me3
Sm149Di|149Sm_p4E-BP1
Tm169Di|169Tm_pSTAT3
In115Di|115In_CD45
FITC-A|W6/32
FITC-A|S100A9
FITC-A|Rhodamine 123
FITC-A|Center of mass
Qdot 605-A|
FITC-A|TCRyd
PE-A|NK1/1
Er166Di|166Er_Flt3
Gd155Di|155Gd_IRF4
Gd160Di|160Gd_Tbet
"""


def pairs(text: str) -> list[tuple[str, str]]:
    return [tuple(line.split("|")) for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("channel", "marker", "expected"), [(*pair, name) for name, text in TECHNICAL.items() for pair in pairs(text)]
)
def test_technical_channels_are_recognised(channel, marker, expected):
    assert kind(channel, marker) == expected


@pytest.mark.parametrize(("channel", "marker"), pairs(MARKERS))
def test_no_marker_is_lost(channel, marker):
    assert kind(channel, marker) == "marker"


def test_the_table_is_large_enough():
    assert sum(len(pairs(text)) for text in TECHNICAL.values()) > 60
    assert len(pairs(MARKERS)) > 60


def test_what_fcs_3_2_says_of_a_channel_counts():
    found = kinds(["VL1-A", "P2", "P3"], ["", "", "CD3"], {"p1type": "Forward_Scatter", "p2type": " Time "})
    assert found == ["scatter", "time", "marker"]


def test_of_real_files_and_sets_the_technical_channels_alone_are_recognised(shared_data):
    scatter = [f"{name}-{pulse}" for name in ("FSC", "SSC") for pulse in "AHW"]
    for name, technical in {
        "flowsom_ff.fcs": ["Time", *scatter, "l/d"],
        "flowsom_not_preprocessed.fcs": ["Time", *scatter, "l/d"],
        "sample_masscyt.fcs": [],
    }.items():
        found = io.read_fcs(shared_data / name).var["channel_kind"]
        assert found.index[found != "marker"].tolist() == technical
    of_set = ad.read_h5ad(shared_data / "cytof_levine32_gated1500.h5ad").var
    assert [kind(name, "") != "marker" for name in of_set.index] == of_set["is_technical"].tolist()


@pytest.fixture
def panel(tmp_path, fcs_bytes):
    """Cells as read from a file with four markers, time, scatter and a dead-cell stain; counts."""
    values = np.random.default_rng(0).gamma(2.0, 20.0, (300, 7))
    channels = ["Time", "FSC-A", "FITC-A", "PE-A", "APC-A", "BV421-A", "BV510-A"]
    names = ["", "", "CD3", "CD4", "CD8", "CD19", "Zombie Aqua"]
    (tmp_path / "a.fcs").write_bytes(fcs_bytes(values, channels=channels, markers=names, data_start=2048))
    return io.read_fcs(tmp_path / "a.fcs")


LEFT_OUT = (
    "left out Time (time), FSC-A (scatter), Zombie Aqua (viability); `mask_var` names what to take, None takes all"
)


def test_technical_channels_are_left_out_of_arcsinh_and_fit_and_named(panel, caplog):
    raw = panel.X.copy()
    with caplog.at_level(logging.INFO, logger="scgsr"):
        pp.arcsinh(panel, 150)
        tl.fit(panel, (3, 3), n_epochs=1)
    lines = [record.getMessage() for record in caplog.records]
    assert [line for line in lines if "left out" in line] == [f"arcsinh: {LEFT_OUT}", f"fit: {LEFT_OUT}"]
    np.testing.assert_array_equal(panel.X[:, [0, 1, 6]], raw[:, [0, 1, 6]])
    np.testing.assert_allclose(panel.X[:, 2:6], np.arcsinh(raw[:, 2:6] / 150), rtol=1e-6)
    assert list(panel.uns["gsr"]["features"]) == ["CD3", "CD4", "CD8", "CD19"]


def test_mask_var_has_the_last_word(panel):
    raw = panel.X.copy()
    pp.arcsinh(panel, 150, mask_var=["FSC-A", "CD3"])
    assert (raw != panel.X).any(axis=0).tolist() == [False, True, True, False, False, False, False]
    tl.fit(panel, (3, 3), n_epochs=1, mask_var=None)
    assert len(panel.uns["gsr"]["features"]) == 7
    every = pp.arcsinh(io_again(panel, raw), 150, mask_var=None, copy=True)
    np.testing.assert_allclose(every.X, np.arcsinh(raw / 150), rtol=1e-6)


def test_a_cofactor_by_name_is_taken_for_a_technical_channel_too(panel):
    raw = panel.X.copy()
    pp.arcsinh(panel, {"Zombie Aqua": 150, "CD3": 100})
    assert (raw != panel.X).any(axis=0).tolist() == [False, False, True, False, False, False, True]


def test_a_name_that_was_not_understood_can_be_set(panel):
    panel.var.loc["Zombie Aqua", "channel_kind"] = "marker"
    tl.fit(panel, (3, 3), n_epochs=1)
    assert list(panel.uns["gsr"]["features"]) == ["CD3", "CD4", "CD8", "CD19", "Zombie Aqua"]


def io_again(adata, values):
    """Return the cells with their raw values and without a record."""
    again = ad.AnnData(values, obs=adata.obs[[]].copy(), var=adata.var.copy())
    assert "channel_kind" in again.var
    return again


def test_a_folder_has_the_kinds_of_its_first_file_in_their_order(folder):
    assert io.read_fcs(folder).var["channel_kind"].to_dict() == {
        "Time": "time",
        "FSC-A": "scatter",
        "CD19": "marker",
    }
