"""What a table says of each file of a folder."""

from __future__ import annotations

import logging

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgsr.io import convert_fcs, read_fcs

FILES = ["s1.fcs", "s2.FCS", "s10.fcs"]
SIZES = [7, 2, 4]


def table(**columns) -> pd.DataFrame:
    return pd.DataFrame({"file": FILES[::-1], **columns})


def per_file(adata, column) -> list:
    return adata.obs[column].iloc[[0, 7, 9]].tolist()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("where", ["here", "in the folder"])
def test_a_table_in_a_file_describes_the_cells(folder, tmp_path, separator, where):
    text = "\n".join(
        separator.join(row)
        for row in [
            ["condition", "FCS file", "donor", "age", "plate"],
            ["treated", "s10.fcs", "d10", "41.5", "01"],
            ["control", "s1.fcs", "d2", "38", "02"],
            [" treated ", "s2.FCS", "d1", "", "01"],
            ["", "", "", "", ""],
        ]
    )
    path = (folder if where == "in the folder" else tmp_path) / "samples.csv"
    path.write_text(text, "utf-8-sig")
    adata = read_fcs(folder, samples="samples.csv" if where == "in the folder" else str(path))
    assert adata.obs.columns.tolist() == ["sample", "condition", "donor", "age", "plate"]
    assert per_file(adata, "condition") == ["control", "treated", "treated"]
    assert adata.obs["donor"].cat.categories.tolist() == ["d1", "d2", "d10"]
    np.testing.assert_array_equal(per_file(adata, "age"), [38, np.nan, 41.5])
    assert per_file(adata, "plate") == ["02", "01", "01"]
    assert adata.obs["condition"].value_counts(sort=False).to_dict() == {"control": 7, "treated": 6}
    assert adata.obs_names[[0, -1]].tolist() == ["s1_0", "s10_3"]


@pytest.mark.parametrize(
    "names",
    [
        FILES,
        ["s1", "s2", "s10"],
        ["/data/run/s1.fcs", "/data/run/s2.FCS", "/data/run/s10.fcs"],
        [rf"C:\run\{name}" for name in FILES],
    ],
)
@pytest.mark.parametrize("place", ["column", "index"])
def test_files_are_known_by_name_in_a_column_or_the_index(folder, names, place):
    frame = pd.DataFrame({"which": names, "donor": ["a", "b", "c"]})
    adata = read_fcs(folder, samples=frame if place == "column" else frame.set_index("which"))
    assert per_file(adata, "donor") == ["a", "b", "c"]
    assert adata.obs.columns.tolist() == ["sample", "donor"]


def test_what_a_frame_knows_of_its_columns_is_kept(folder):
    dose = pd.Categorical(["high", "none", "low"], categories=["none", "low", "high"], ordered=True)
    adata = read_fcs(
        folder,
        samples=table(dose=dose, n=[1, 2, 3], female=[True, False, True], seen=pd.to_datetime(["2024-01-05"] * 3)),
    )
    assert per_file(adata, "dose") == ["low", "none", "high"]
    assert adata.obs["dose"].cat.ordered
    assert per_file(adata, "n") == [3, 2, 1]
    assert adata.obs["n"].dtype.kind == "i"
    assert adata.obs["female"].dtype == bool
    assert adata.obs["seen"].cat.categories.tolist() == ["2024-01-05 00:00:00"]


def test_samples_of_the_users_own_are_taken_before_names_of_files(folder):
    adata = read_fcs(folder, samples=table(sample=["patient 2", "patient 1", "patient 1"]))
    assert per_file(adata, "sample") == ["patient 1", "patient 1", "patient 2"]
    assert adata.uns["meta"].keys() == {"s1", "s2", "s10"}


def test_names_with_their_ending_are_taken_before_numbers_that_look_like_files(tmp_path, fcs_bytes):
    for name in ("1.fcs", "2.fcs"):
        (tmp_path / name).write_bytes(fcs_bytes(np.ones((2, 3))))
    frame = pd.DataFrame({"donor": [2, 1], "name": ["1.fcs", "2.fcs"]})
    adata = read_fcs(tmp_path, samples=frame)
    assert adata.obs.groupby("sample", observed=True)["donor"].first().to_dict() == {"1": 2, "2": 1}
    frame["name"] = ["1", "2"]
    with pytest.raises(ValueError, match=r"`samples` has several columns that name files, each others: donor, name"):
        read_fcs(tmp_path, samples=frame)


@pytest.mark.filterwarnings("ignore:Writing zarr v2")
@pytest.mark.parametrize("kind", ["h5ad", "zarr"])
def test_the_same_goes_to_a_file(folder, tmp_path, kind):
    given = table(condition=["a", "b", "b"], age=[1.5, np.nan, 3])
    convert_fcs(folder, tmp_path / f"all.{kind}", samples=given)
    written = getattr(ad, f"read_{kind}")(tmp_path / f"all.{kind}")
    pd.testing.assert_frame_equal(written.obs, read_fcs(folder, samples=given).obs, check_categorical=False)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (table().iloc[1:], r"one row for each file, but 'file' has no row for s10\.fcs; mend"),
        (pd.DataFrame({"f": [*FILES, "s3.fcs"]}), r"'f' has rows without a file s3\.fcs; mend"),
        (pd.DataFrame({"f": [*FILES, "s1"]}), r"'f' has several rows for s1\.fcs; mend"),
        (pd.DataFrame({"f": ["s1", "s1", "x"]}), r"no row for s2\.FCS, s10\.fcs, rows without a file x, several rows"),
        (pd.DataFrame({"f": ["a", "b", "c"]}), r"a column with the names of the files, such as s1\.fcs, got .*f, none"),
        (pd.DataFrame(), "got the columns of an empty table"),
        (table(**{"a/b": [1, 2, 3]}), "names that AnnData files do not take: a/b; rename"),
        (table(x=[1, 2, 3], y=[1, 2, 3]).set_axis(["f", "x", "x"], axis=1), "got x more than once"),
    ],
)
def test_a_table_that_does_not_fit_the_files_is_refused(folder, samples, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_fcs(folder, samples=samples)
    assert caught.value.argument == "samples"


def test_what_is_no_table_is_refused(folder):
    with pytest.raises(TypeError, match=r"`samples` must be str or PathLike or DataFrame, got int"):
        read_fcs(folder, samples=3)
    with pytest.raises(FileNotFoundError, match=r"`samples` must be a table that exists, got 'none\.csv'"):
        read_fcs(folder, samples="none.csv")
    with pytest.raises(ValueError, match=r"`samples` must be a table as text"):
        read_fcs(folder, samples=folder / "s1.fcs")
    (folder / "empty.csv").touch()
    with pytest.raises(ValueError, match=r"`samples` must be a table as text"):
        read_fcs(folder, samples="empty.csv")
    with pytest.raises(ValueError, match=r"`samples` describes the files of a folder, but `path` is the file"):
        read_fcs(folder / "s1.fcs", samples=table())


def test_an_index_that_was_written_along_is_left_out_and_one_line_says_what_is_taken(folder, caplog):
    table(donor=["a", "b", "c"]).to_csv(folder / "samples.csv")
    with caplog.at_level(logging.INFO, logger="scgsr"):
        adata = read_fcs(folder, samples="samples.csv")
    assert adata.obs.columns.tolist() == ["sample", "donor"]
    assert [r.getMessage() for r in caplog.records] == ["samples: 'file' names the files; .obs gets donor"]
