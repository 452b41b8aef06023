"""FCS out: what is written is what is read back, by three readers, and a file is there complete or not at all."""

from __future__ import annotations

import logging
import os

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from scgsr import graphs, pp, tl
from scgsr.io import _encode, _write, read_fcs, write_fcs

flowio = pytest.importorskip("flowio", reason="FlowIO, of the extra `fcs`, is not installed")

N_NEURONS = 20


@pytest.fixture(scope="module")
def fit_of_cells() -> ad.AnnData:
    rng = np.random.default_rng(0)
    values = 4 * (np.arange(200)[:, None] % 4 == np.arange(8) % 4) + rng.normal(size=(200, 8))
    adata = ad.AnnData(values.astype(np.float32), var=pd.DataFrame(index=[f"CD{i}" for i in range(8)]))
    adata.var["channel"] = [f"Nd{140 + i}Di" for i in range(8)]
    tl.fit(adata, graphs.ring(N_NEURONS), n_epochs=2, device="cpu")
    return adata


@pytest.fixture
def fitted(fit_of_cells) -> ad.AnnData:
    """200 cells x 8 features with a fit on a ring."""
    return fit_of_cells.copy()


@pytest.fixture
def plain() -> ad.AnnData:
    """30 cells x 3 features without a fit, with negative and large values."""
    values = np.random.default_rng(1).normal(scale=1e5, size=(30, 3)).astype(np.float32)
    return ad.AnnData(values, var=pd.DataFrame(index=["CD3", "HLA/DR", "LIVE/DEAD|x"]))


def column(adata: ad.AnnData, name: str) -> np.ndarray:
    return adata[:, name].X.ravel()


# --- What is written is read back ------------------------------------------------------------------------------------


def test_features_and_results_are_read_back(fitted, tmp_path):
    fitted.obs["gsr_novelty"] = np.linspace(0, 1, 200)
    write_fcs(fitted, tmp_path / "a.fcs")
    again = read_fcs(tmp_path / "a.fcs")
    neurons = [f"gsr_n{i}" for i in range(N_NEURONS)]
    assert again.var_names.tolist() == [*fitted.var_names, *neurons, "gsr", "gsr_confidence", "gsr_novelty"]
    assert again.var["channel"][:8].tolist() == fitted.var["channel"].tolist()
    np.testing.assert_array_equal(again[:, fitted.var_names].X, fitted.X)
    np.testing.assert_array_equal(again[:, neurons].X, fitted.obsm["X_gsr"])
    np.testing.assert_array_equal(column(again, "gsr"), fitted.obs["gsr"].astype(float))
    np.testing.assert_array_equal(column(again, "gsr_confidence"), fitted.obs["gsr_confidence"])
    np.testing.assert_array_equal(column(again, "gsr_novelty"), fitted.obs["gsr_novelty"].astype(np.float32))
    assert not [key for key in again.uns["meta"] if "label" in key]


def test_labels_that_are_not_the_first_numbers_keep_their_number(fitted, tmp_path):
    some = fitted[fitted.obs["gsr"] != "0"].copy()
    write_fcs(some, tmp_path / "a.fcs")
    np.testing.assert_array_equal(column(read_fcs(tmp_path / "a.fcs"), "gsr"), some.obs["gsr"].astype(float))


def test_renamed_labels_are_codes_with_their_meaning(fitted, tmp_path):
    names = [f"Größe {label}" for label in fitted.obs["gsr"].cat.categories]
    fitted.obs["gsr"] = fitted.obs["gsr"].cat.rename_categories(names)
    write_fcs(fitted, tmp_path / "a.fcs")
    again = read_fcs(tmp_path / "a.fcs")
    meaning = {float(i): again.uns["meta"][f"gsr_label_{i}"] for i in range(len(names))}
    assert [meaning[number] for number in column(again, "gsr").tolist()] == fitted.obs["gsr"].tolist()


@pytest.mark.parametrize("at_once", [7, 65536])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
def test_a_layer_dense_or_sparse_in_blocks_without_a_fit(plain, tmp_path, monkeypatch, kind, at_once):
    monkeypatch.setattr(_write, "_ROWS_AT_ONCE", at_once)
    values = np.random.default_rng(0).poisson(1, size=plain.shape)
    plain.layers["counts"] = kind(values)
    write_fcs(plain, str(tmp_path / "a.fcs"), layer="counts", key=None)
    again = read_fcs(tmp_path / "a.fcs")
    np.testing.assert_array_equal(again.X, values)
    assert again.var_names.tolist() == plain.var_names.tolist()


def test_another_key(fitted, tmp_path):
    tl.fit(fitted, graphs.ring(5), n_epochs=2, key_added="other", device="cpu")
    write_fcs(fitted, tmp_path / "a.fcs", key="other")
    assert read_fcs(tmp_path / "a.fcs").var_names[8:].tolist() == [
        *(f"other_n{i}" for i in range(5)),
        "other",
        "other_confidence",
    ]


@pytest.mark.filterwarnings("ignore:Transforming to str index")  # readfcs
def test_flowio_and_readfcs_read_it(plain, tmp_path):
    readfcs = pytest.importorskip("readfcs", reason="readfcs, of the extra `fcs`, is not installed")
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    flow = flowio.FlowData(str(tmp_path / "a.fcs"))
    np.testing.assert_array_equal(flow.as_array(), plain.X)
    assert flow.pnn_labels == plain.var_names.tolist()
    assert flow.version == "3.1"
    np.testing.assert_array_equal(flow.pnr_values, np.floor(np.maximum(plain.X.max(axis=0), 0)) + 1)
    plain.var["channel"] = ["a", "b", "c"]
    write_fcs(plain, tmp_path / "a.fcs", key=None, overwrite=True)
    adata = readfcs.read(str(tmp_path / "a.fcs"))
    np.testing.assert_array_equal(adata.X, plain.X)
    assert adata.var_names.tolist() == plain.var_names.tolist()


def test_no_delimiter_is_doubled(plain, tmp_path):
    write_fcs(plain[:, :2].copy(), tmp_path / "a.fcs", key=None)
    content = (tmp_path / "a.fcs").read_bytes()
    assert b"|$P2N|HLA/DR|" in content
    plain.uns["meta"] = {"path": "/a|b||"}
    write_fcs(plain, tmp_path / "b.fcs", key=None)
    assert read_fcs(tmp_path / "b.fcs").uns["meta"]["path"] == "/a|b||"


NAMES = st.text(st.characters(codec="utf-8"), max_size=12)


@settings(deadline=None, max_examples=100)
@given(
    values=st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=2, max_size=2), min_size=1
    ),
    names=st.lists(NAMES, min_size=2, max_size=2, unique=True),
    channels=st.lists(NAMES, min_size=2, max_size=2),
    words=st.dictionaries(NAMES, NAMES, max_size=3),
)
def test_anything_is_read_back(tmp_path_factory, values, names, channels, words):
    adata = ad.AnnData(np.array(values, dtype=np.float32), var=pd.DataFrame({"channel": channels}, index=names))
    adata.uns["meta"] = words
    path = tmp_path_factory.mktemp("written") / "a.fcs"
    write_fcs(adata, path, key=None)
    again = read_fcs(path)
    np.testing.assert_array_equal(again.X, adata.X)
    if all(name == _encode.tidy(name) and name for name in names):
        assert again.var_names.tolist() == names
    assert len(set(again.var["channel"])) == 2
    assert not any("," in channel for channel in again.var["channel"])


def test_names_that_fcs_does_not_allow_are_changed_and_logged(plain, tmp_path, caplog):
    plain.var["channel"] = ["a,b", "a,b", " "]
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    again = read_fcs(tmp_path / "a.fcs")
    assert again.var["channel"].tolist() == ["a_b", "a_b-1", "LIVE/DEAD|x"]
    assert again.var_names.tolist() == plain.var_names.tolist()
    assert "'a,b' to 'a_b', 'a,b' to 'a_b-1'" in caplog.text


def test_a_neuron_is_not_taken_for_a_feature_of_its_name(fitted, tmp_path, caplog):
    fitted.var["channel"] = ["gsr_n0", *fitted.var["channel"][1:]]
    write_fcs(fitted, tmp_path / "a.fcs")
    assert "'gsr_n0' to 'gsr_n0-1'" in caplog.text
    np.testing.assert_array_equal(column(read_fcs(tmp_path / "a.fcs"), "gsr_n0-1"), fitted.obsm["X_gsr"][:, 0])


# --- Keywords and the spillover matrix -------------------------------------------------------------------------------


def test_keywords_of_the_sample_are_carried_over_and_those_of_the_layout_are_not(plain, tmp_path):
    sample = {"date": "01-JAN-2026", "cyt": "Helios", "tube name": "T cells", "patient": "/7|"}
    layout = {
        "tot": "7",
        "par": "9",
        "p1n": "x",
        "p1v": "400",
        "p9s": "y",
        "begindata": "1",
        "nextdata": "77",
        "mode": "C",
    }
    plain.uns["meta"] = {**sample, **layout, "blank": " ", "number": 3, "nested": {"a": "b"}, "compensated": False}
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    meta = read_fcs(tmp_path / "a.fcs").uns["meta"]
    assert sample.items() <= meta.items()
    assert (meta["tot"], meta["par"], meta["fil"], meta["nextdata"]) == ("30", "3", "a.fcs", "0")
    assert {"p1v", "p9s", "blank", "number", "nested"}.isdisjoint(meta)
    assert b"|$DATE|" not in (tmp_path / "a.fcs").read_bytes()  # "|" is in a value
    assert b"\x1e$DATE\x1e" in (tmp_path / "a.fcs").read_bytes()


@pytest.mark.parametrize(
    ("spoil", "kept"),
    [
        (lambda adata: None, True),
        (lambda adata: adata.uns["meta"].update(compensated=True), False),
        (lambda adata: pp.arcsinh(adata, 150), False),
        (lambda adata: adata.var.__setitem__("channel", ["a", "b", "z"]), False),
    ],
)
def test_the_matrix_is_carried_over_only_while_it_applies(plain, tmp_path, caplog, spoil, kept):
    spill = pd.DataFrame([[1, 0.1], [1 / 3, 1]], index=["c", "a"], columns=["c", "a"])
    plain.var["channel"] = ["a", "b", "c"]
    plain.uns["meta"] = {"spill": spill, "spillover": "1,a,1", "compensated": False}
    spoil(plain)
    with caplog.at_level(logging.INFO, logger="scgsr"):
        write_fcs(plain, tmp_path / "a.fcs", key=None)
    meta = read_fcs(tmp_path / "a.fcs").uns["meta"]
    assert ("spill" in meta) == kept
    assert ("the spillover matrix is not written" in caplog.text) != kept
    if kept:
        pd.testing.assert_frame_equal(meta["spill"], spill)


@pytest.fixture
def scaled(plain) -> ad.AnnData:
    """Three channels as they were read, two of which have a gain, and the last a wrong one."""
    plain.var["channel"] = ["Time", "FL1-A", "FL2-A"]
    names = {f"p{n}n": name for n, name in enumerate(["FL2-A", " FL1-A ", "FSC-A", "Time"], start=1)}
    plain.uns["meta"] = {**names, "p1g": "1.0", "p2g": "8", "p3g": "2", "p4g": "0.01", "p1e": "0,0"}
    return plain


def gains(path) -> dict[str, str]:
    return {key: value for key, value in read_fcs(path).uns["meta"].items() if key[0] == "p" and key[-1] == "g"}


def test_the_gain_of_a_channel_is_carried_over_wherever_it_is_now(scaled, tmp_path, caplog):
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {"p1g": "0.01", "p2g": "8.0", "p3g": "1.0"}
    flow = flowio.FlowData(str(tmp_path / "a.fcs"))
    np.testing.assert_allclose(flow.as_array(), scaled.X / [1, 8, 1], rtol=1e-6)  # FlowIO never scales Time
    write_fcs(scaled[:, ::-1], tmp_path / "b.fcs", key=None)
    assert gains(tmp_path / "b.fcs") == {"p3g": "0.01", "p2g": "8.0", "p1g": "1.0"}
    assert not caplog.records


def test_a_gain_goes_with_the_values_it_belongs_to(scaled, tmp_path, caplog):
    pp.arcsinh(scaled, {"HLA/DR": 150.0, "LIVE/DEAD|x": 150.0})
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {"p1g": "0.01"}
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "the gain ($PnG) of FL1-A is not written"
    ]


@pytest.mark.parametrize("gain", [" ", "", "-1", "0", "x", "inf", "nan"])
def test_a_gain_that_is_none_is_not_carried_over(scaled, tmp_path, caplog, gain):
    scaled.uns["meta"] |= {"p1g": gain, "p2g": gain, "p4g": gain}
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {}
    assert not caplog.records


def test_channels_of_one_name_have_a_gain_if_it_is_the_same(scaled, tmp_path, caplog):
    scaled.uns["meta"] |= {"p3n": "FL1-A"}
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert "p2g" not in gains(tmp_path / "a.fcs")
    assert "gain ($PnG) of FL1-A is not written" in caplog.text
    scaled.uns["meta"] |= {"p3g": "8.0"}
    write_fcs(scaled, tmp_path / "b.fcs", key=None)
    assert gains(tmp_path / "b.fcs")["p2g"] == "8.0"


def test_gains_of_a_folder_are_carried_over_if_all_files_agree(scaled, tmp_path, caplog):
    meta = scaled.uns["meta"]
    scaled.uns["meta"] = {"s1": {**meta, "compensated": False}, "s2": {**meta, "p2g": "4"}}
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {"p1g": "0.01", "p3g": "1.0"}
    assert "gain ($PnG) of FL1-A is not written" in caplog.text


def test_a_log_amplified_channel_is_told_of(scaled, tmp_path, caplog):
    scaled.uns["meta"] |= {"p2e": "4,1", "p3e": "4,1"}
    write_fcs(scaled, tmp_path / "a.fcs", key=None)
    assert gains(tmp_path / "a.fcs") == {"p1g": "0.01", "p3g": "1.0"}
    assert [record.getMessage()[:40] for record in caplog.records] == ["FL1-A were read from log-amplified chann"]


def test_keywords_that_are_not_text_are_passed_over(plain, tmp_path):
    plain.uns["meta"] = {5: "n", "com": "x", "p1n": 3}
    write_fcs(plain, tmp_path / "a.fcs", key=None)
    assert read_fcs(tmp_path / "a.fcs").uns["meta"]["com"] == "x"


def test_a_real_file_goes_round(shared_data, tmp_path):
    adata = read_fcs(shared_data / "flowsom_not_preprocessed.fcs")
    write_fcs(adata, tmp_path / "a.fcs", key=None)
    again = read_fcs(tmp_path / "a.fcs")
    np.testing.assert_array_equal(again.X, adata.X)
    assert again.var_names.tolist() == adata.var_names.tolist()
    assert again.var["channel"].tolist() == adata.var["channel"].tolist()
    pd.testing.assert_frame_equal(again.uns["meta"]["spill"], adata.uns["meta"]["spill"])
    again, before = again.uns["meta"], adata.uns["meta"]
    sample = [key for key in before if key.islower() and not key[-1].isdigit() and _encode.STANDARD.fullmatch(key)]
    assert len(sample) > 3
    assert {key: again.get(key, "") for key in sample} == {key: before[key].strip() for key in sample}


# --- The file --------------------------------------------------------------------------------------------------------


def test_offsets_beyond_the_header_are_in_the_text_alone():
    parameters = [_encode.Parameter(f"c{i}", "", 1.0) for i in range(10)]
    for n_events, in_header in [(1000, True), (3_000_000, False)]:
        head = _encode.header_and_text(n_events, parameters, {})
        start = str(len(head)) if in_header else "0"
        assert head[26:34] == start.rjust(8).encode()
        assert head[34:42] == (str(len(head) + 40 * n_events - 1) if in_header else "0").rjust(8).encode()
        assert f"|$BEGINDATA|{len(head)}|$ENDDATA|{len(head) + 40 * n_events - 1}|".encode() in head


def test_a_large_file_is_read_back(tmp_path):
    adata = ad.AnnData(np.zeros((100_000, 260), dtype=np.float32))
    adata.X[-1] = range(260)
    write_fcs(adata, tmp_path / "large.fcs", key=None)
    assert (tmp_path / "large.fcs").stat().st_size > 100_000_000
    again = read_fcs(tmp_path / "large.fcs")
    assert again.n_obs == adata.n_obs
    np.testing.assert_array_equal(again.X[-1], range(260))


def test_a_file_is_replaced_only_when_asked(plain, tmp_path):
    path = tmp_path / "a.fcs"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        write_fcs(plain, path, key=None)
    assert path.read_bytes() == b"precious"
    write_fcs(plain, path, key=None, overwrite=True)
    np.testing.assert_array_equal(read_fcs(path).X, plain.X)
    assert os.listdir(tmp_path) == ["a.fcs"]


def test_an_interrupted_write_leaves_nothing_new(plain, tmp_path, monkeypatch):
    def interrupted(*_):
        yield plain.X[:5]
        raise KeyboardInterrupt

    monkeypatch.setattr(_write, "_rows", interrupted)
    (tmp_path / "a.fcs").write_bytes(b"precious")
    with pytest.raises(KeyboardInterrupt):
        write_fcs(plain, tmp_path / "a.fcs", key=None, overwrite=True)
    assert (tmp_path / "a.fcs").read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["a.fcs"]


def test_nothing_of_the_anndata_changes(fitted, tmp_path):
    before = fitted.copy()
    write_fcs(fitted[:100], tmp_path / "a.fcs")
    np.testing.assert_array_equal(fitted.X, before.X)
    pd.testing.assert_frame_equal(fitted.obs, before.obs)
    pd.testing.assert_frame_equal(fitted.var, before.var)
    assert list(fitted.uns) == list(before.uns)


# --- What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "arguments", "error", "reason"),
    [
        (lambda adata: None, {}, KeyError, r"scgsr\.tl\.fit\(adata, key_added='gsr'\)"),
        (lambda adata: None, {"key": 3}, TypeError, "`key` must be str"),
        (lambda adata: None, {"key": None, "layer": "nowhere"}, KeyError, "`layer`"),
        (lambda adata: None, {"key": None, "overwrite": 1}, TypeError, "`overwrite`"),
        (lambda adata: adata.X.__setitem__((0, 1), np.nan), {"key": None}, ValueError, "HLA/DR"),
        (lambda adata: adata.X.__setitem__((0, 1), np.inf), {"key": None}, ValueError, "HLA/DR"),
        (lambda adata: setattr(adata, "X", adata.X.astype(float) * 1e300), {"key": None}, ValueError, "32-bit"),
        (lambda adata: adata._inplace_subset_obs([]), {"key": None}, ValueError, "no cells"),
    ],
)
def test_what_cannot_be_written_is_refused(plain, tmp_path, spoil, arguments, error, reason):
    spoil(plain)
    with pytest.raises(error, match=reason):
        write_fcs(plain, tmp_path / "a.fcs", **arguments)
    assert os.listdir(tmp_path) == []


def test_cells_without_labels_or_confidence_are_refused(fitted, tmp_path):
    fitted.obs.loc[fitted.obs_names[:3], "gsr"] = np.nan
    with pytest.raises(ValueError, match="no label for 3 cells"):
        write_fcs(fitted, tmp_path / "a.fcs")
    del fitted.obs["gsr"]
    with pytest.raises(KeyError, match=r"`key`='gsr': \.obs\['gsr'\] is missing; call `scgsr\.tl\.fit\(adata"):
        write_fcs(fitted, tmp_path / "a.fcs")
    fitted.obs["gsr"] = "0"
    del fitted.obs["gsr_confidence"]
    with pytest.raises(KeyError, match=r"`key`='gsr': \.obs\['gsr_confidence'\] is missing; call `scgsr\.tl\.fit"):
        write_fcs(fitted, tmp_path / "a.fcs")


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("path", "error", "reason"),
    [
        ("", ValueError, r"`path` must not be empty; give the file to write, such as 'cells\.fcs'"),
        (".", IsADirectoryError, r"`path`: \. is a folder; name a file in it, such as cells\.fcs"),
        ("nowhere/a.fcs", FileNotFoundError, r"`path`: there is no folder nowhere .*; make the folder first"),
        ("file/a.fcs", FileNotFoundError, r"`path`: there is no folder file "),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_with_the_cure(
    plain, tmp_path, monkeypatch, path, error, reason, overwrite
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(error, match=reason):
        write_fcs(plain, path, key=None, overwrite=overwrite)
    assert os.listdir(tmp_path) == ["file"]


def test_a_failure_names_the_file_that_was_asked_for(plain, tmp_path, monkeypatch):
    def full(*_):
        yield plain.X[:5]
        raise OSError(28, "No space left on device", str(tmp_path / ".hidden.part"))

    monkeypatch.setattr(_write, "_rows", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*/a\.fcs'"):
        write_fcs(plain, tmp_path / "a.fcs", key=None)
    assert os.listdir(tmp_path) == []


def test_a_name_as_long_as_names_may_be(plain, tmp_path):
    write_fcs(plain, tmp_path / ("x" * 251 + ".fcs"), key=None)
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize("path", [None, 3])
def test_path_must_be_a_path(plain, path):
    with pytest.raises(TypeError, match="`path`"):
        write_fcs(plain, path, key=None)


def test_other_objects_are_refused(plain, tmp_path):
    with pytest.raises(TypeError, match="`adata`"):
        write_fcs(plain.X, tmp_path / "a.fcs")
    with pytest.raises(FileNotFoundError):
        write_fcs(plain, tmp_path / "nowhere" / "a.fcs", key=None)
    plain.var_names = ["a", "b", "c"]
    plain.write_h5ad(tmp_path / "a.h5ad")
    backed = ad.read_h5ad(tmp_path / "a.h5ad", backed="r")
    with pytest.raises(TypeError, match="backed"):
        write_fcs(backed, tmp_path / "a.fcs", key=None)
    backed.file.close()
