"""FCS in: what is stored is what is read, from a file and from a folder of files."""

from __future__ import annotations

import sys
import tracemalloc

import anndata as ad
import numpy as np
import pytest

from scgsr.io import read_fcs

VALUES = np.arange(21).reshape(7, 3) * 1.5
N_EVENTS = len(VALUES)


def test_neither_gain_nor_time_step_is_applied(read, fcs_bytes):
    adata = read(fcs_bytes(VALUES, p1g="0.01", p2g="4.0", timestep="0.1"))
    np.testing.assert_array_equal(adata.X, VALUES)
    assert (adata.uns["meta"]["p2g"], adata.uns["meta"]["timestep"]) == ("4.0", "0.1")


@pytest.mark.filterwarnings("ignore:Writing zarr v2")  # which version to write is the user's setting
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_result_can_be_written(read, tmp_path, kind, fcs_bytes):
    odd = {"LASER/1 DELAY": "0.5", ".": "dot", "..": "dots", "A/B": "1", "A_B": "2", "NUL": "x\0y", "NAME": "Zoë"}
    adata = read(fcs_bytes(VALUES, **odd))
    meta = {"laser_1 delay": "0.5", "_": "dot", "_-1": "dots", "a_b": "1", "a_b-1": "2", "nul": "xy", "name": "Zoë"}
    assert meta.items() <= adata.uns["meta"].items()
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")
    read_back = getattr(ad, f"read_{kind}")(tmp_path / f"a.{kind}")
    assert dict(read_back.uns["meta"]) == adata.uns["meta"]
    np.testing.assert_array_equal(read_back.X, adata.X)
    assert read_back.var_names.tolist() == adata.var_names.tolist()


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_a_folder_is_one_anndata(folder, tmp_path, kind):
    adata = read_fcs(str(folder))
    np.testing.assert_array_equal(adata.X, np.vstack([VALUES, VALUES[:2] + 1, VALUES[:4] + 2]))
    assert adata.X.dtype == np.float32
    assert adata.var_names.tolist() == ["Time", "FSC-A", "CD19"]
    assert adata.obs["sample"].cat.categories.tolist() == ["s1", "s2", "s10"]
    assert adata.obs["sample"].tolist() == ["s1"] * N_EVENTS + ["s2"] * 2 + ["s10"] * 4
    assert adata.obs_names[[0, N_EVENTS, -1]].tolist() == ["s1_0", "s2_0", "s10_3"]
    assert adata.obs_names.is_unique
    assert adata.uns["meta"]["s2"]["p1g"] == "3.0"
    getattr(adata, f"write_{kind}")(tmp_path / f"a.{kind}")
    read_back = getattr(ad, f"read_{kind}")(tmp_path / f"a.{kind}")
    assert read_back.uns["meta"]["s10"]["tot"] == "4"


def test_names_are_the_same_alone_and_in_a_folder(folder):
    alone, together = read_fcs(folder / "s1.fcs"), read_fcs(folder)
    assert alone.var.equals(together.var)
    assert alone.uns["meta"] == together.uns["meta"]["s1"]


def test_each_file_of_a_folder_is_compensated_by_its_own_matrix(folder, fcs_bytes):
    for sample, factor in [("s1.fcs", 2), ("s2.FCS", 4), ("s10.fcs", 8)]:
        (folder / sample).write_bytes(fcs_bytes(VALUES, spill=f"1,Nd142Di,{factor}"))
    np.testing.assert_array_equal(
        read_fcs(folder, compensate=True).X[:, 2], np.concatenate([VALUES[:, 2] / factor for factor in (2, 4, 8)])
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda folder, whole: (folder / "s2.FCS").write_bytes(whole[:-5]), r"s2\.FCS"),
        (lambda folder, whole: (folder / "s2.fcs").write_bytes(whole), r"several files of one sample.*s2"),
        (lambda folder, whole: [file.unlink() for file in folder.glob("s*")], r"no file ending in \.fcs"),
        (lambda folder, whole: (folder / "s3.fcs").write_bytes(b""), r"s3\.fcs"),
    ],
)
def test_a_spoilt_folder_is_refused(folder, spoil, reason, fcs_bytes):
    spoil(folder, fcs_bytes(VALUES))
    with pytest.raises(ValueError, match=reason):
        read_fcs(folder)


def test_a_folder_is_read_file_by_file(tmp_path, fcs_bytes):
    values = np.random.default_rng(0).random((5000, 200), dtype=np.float32)
    names = {"channels": [f"c{i}" for i in range(200)], "markers": [""] * 200}
    content = fcs_bytes(values, data_start=32768, **names)
    for i in range(12):
        (tmp_path / f"s{i}.fcs").write_bytes(content)
    read_fcs(tmp_path / "s0.fcs")  # imports
    tracemalloc.start()
    adata = read_fcs(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert adata.shape == (60_000, 200)
    strings = 400 * adata.n_obs  # `.obs_names`, and what pandas makes of them
    assert peak < adata.X.nbytes + 4 * values.nbytes + strings < 2 * adata.X.nbytes


@pytest.mark.parametrize(
    ("fcs", "h5ad", "layer"),
    [
        ("flowsom_ff.fcs", "flowsom_68983.h5ad", None),
        ("flowsom_not_preprocessed.fcs", "flowsom_68983.h5ad", "raw"),
        ("sample_masscyt.fcs", "thymus_masscyt.h5ad", None),
    ],
)
def test_real_files_are_read_as_stored(shared_data, fcs, h5ad, layer):
    adata, expected = read_fcs(shared_data / fcs), ad.read_h5ad(shared_data / h5ad)
    np.testing.assert_array_equal(adata.X, expected.X if layer is None else expected.layers[layer])
    assert adata.var_names.tolist() == expected.var_names.tolist()
    assert adata.var["channel"].tolist() == expected.var["fcs_channel"].tolist()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_float64_keeps_what_float32_rounds(tmp_path, fcs_bytes, kind):
    values = np.array([[2.0**24 + 1, 0.1, 1e300], [2.0**53, 1 / 3, -1e300]])
    (tmp_path / "a.fcs").write_bytes(fcs_bytes(values, dtype=">f8"))
    path = tmp_path if kind == "folder" else tmp_path / "a.fcs"
    adata = read_fcs(path, dtype="float64")
    assert adata.X.dtype == np.float64
    np.testing.assert_array_equal(adata.X, values)
    with pytest.raises(
        ValueError, match=r"a\.fcs must be .*, but is not: it holds values beyond the range of 32-bit floats"
    ):
        read_fcs(path)


def test_float64_of_large_integers(tmp_path, fcs_bytes):
    stored = np.array([[2**24 + 1, 2**32 - 1, 7]], dtype="<u4")
    (tmp_path / "a.fcs").write_bytes(fcs_bytes(stored, dtype="<u4", p1r=2**32, p2r=2**32, p3r=2**32))
    np.testing.assert_array_equal(read_fcs(tmp_path / "a.fcs", dtype="float64").X, stored)
    assert read_fcs(tmp_path / "a.fcs").X[0, 0] == 2**24


@pytest.mark.parametrize("dtype", [np.float64, float, "f8", "double", np.dtype("float64"), np.float32, "f4", "single"])
def test_a_dtype_is_whatever_numpy_takes_for_it(read, tmp_path, fcs_bytes, dtype):
    read(fcs_bytes(VALUES))
    assert read_fcs(tmp_path / "file.fcs", dtype=dtype).X.dtype == np.dtype(dtype)


@pytest.mark.parametrize(
    ("dtype", "error"),
    [
        ("float16", ValueError),
        (np.float16, ValueError),
        (int, ValueError),
        ("f4,f8", ValueError),
        ("abacus", ValueError),
        ("f4,,", ValueError),
        (np.dtype(np.float64).newbyteorder(), ValueError),
        (None, TypeError),
        (64, TypeError),
    ],
)
def test_another_dtype_is_refused(folder, dtype, error):
    with pytest.raises(error, match="`dtype` must be float32 or float64") as caught:
        read_fcs(folder, dtype=dtype)
    assert caught.value.argument == "dtype"


@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<u2"])
def test_no_other_package_is_needed_to_read(read, fcs_bytes, monkeypatch, dtype):
    for package in ("flowio", "readfcs"):
        monkeypatch.setitem(sys.modules, package, None)
    np.testing.assert_array_equal(read(fcs_bytes(VALUES, dtype=dtype)).X, VALUES.astype(dtype))
