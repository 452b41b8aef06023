"""Files whose events are read one file at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scgsr.io import read_fcs
from scgsr.io._source import Source

OF_READ = {"data_set": 0, "compensate": False, "panel": "same", "dtype": "float32", "offsets": None, "samples": None}


def test_the_files_of_a_folder_come_one_after_the_other(folder):
    source, whole = Source.of(folder, **OF_READ), read_fcs(folder)
    assert (source.is_folder, source.shape) == (True, whole.shape)
    metas = []
    for (rows, values, columns, meta), n in zip(source.read(), [7, 2, 4], strict=True):
        assert rows.stop - rows.start == len(values) == n
        np.testing.assert_array_equal(values[:, columns], whole.X[rows])
        metas.append(meta)
    cells = source.cells(None, metas)
    assert cells.X is None
    pd.testing.assert_frame_equal(cells.obs, whole.obs)
    pd.testing.assert_frame_equal(cells.var, whole.var)
    assert cells.uns["meta"].keys() == whole.uns["meta"].keys() == {"s1", "s2", "s10"}


def test_a_file_has_no_samples(folder):
    source = Source.of(folder / "s1.fcs", **OF_READ)
    [(rows, values, columns, meta)] = source.read()
    assert (rows, columns, source.is_folder) == (slice(0, 7), [0, 1, 2], False)
    cells = source.cells(values, [meta])
    assert cells.uns["meta"] == meta
    assert list(cells.obs.columns) == []


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"compensate": 1}, TypeError),
        ({"panel": "all"}, ValueError),
        ({"dtype": "int32"}, ValueError),
        ({"offsets": "both"}, ValueError),
        ({"offsets": 3}, TypeError),
    ],
)
def test_arguments_are_checked_before_any_event_is_read(folder, changed, error):
    with pytest.raises(error, match=f"`{next(iter(changed))}`"):
        Source.of(folder, **{**OF_READ, **changed})
