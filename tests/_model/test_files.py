"""Records in files: never executed, and what they say back is what they were told."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgsr._model import digest, pack, unpack


def test_digests_differ_where_contents_do_and_not_by_how_they_are_cut():
    assert digest(b"ab", b"c") == digest(b"abc")
    assert len({digest(), digest(b"a"), digest(b"b"), digest(b"a", b"b")}) == 4


# --- Records as JSON and arrays --------------------------------------------------------------------------------------

RECORD = {
    "number": 3,
    "text": "a/b",
    "nothing": None,
    "list": [1, 2.5, "x"],
    "inner": {"deep": {"array": np.arange(6, dtype=np.int16).reshape(2, 3)}, "scalar": np.array(2.5)},
    "empty": np.empty((0, 3), dtype=np.float32),
    "booleans": np.array([True, False]),
    "columns first": np.asfortranarray(np.random.default_rng(0).normal(size=(4, 5))),
    "names": np.array(["a", "ä", ""], dtype=object),
    "matrix": sparse.csr_matrix(np.arange(35).reshape(5, 7) * (np.arange(7) % 3 == 1)),
    "no matrix": sparse.csr_matrix((0, 4)),
    "frame": pd.DataFrame({"epoch": [0, 1], "loss": [0.5, np.nan], "kept": [False, True]}, index=["0", "1"]),
}


def assert_same(one, other):
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for name in one:
            assert_same(one[name], other[name])
    elif sparse.issparse(one):
        assert one.shape == other.shape
        assert (one != other).nnz == 0
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    elif isinstance(one, np.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other
        assert type(one) is type(other)


def test_what_is_packed_comes_back():
    tree, arrays = pack(RECORD)
    assert_same(unpack(json.loads(json.dumps(tree, allow_nan=False)), arrays), RECORD)
    assert all(array.flags.c_contiguous for array in arrays.values())  # as safetensors wants them
    assert all(array.dtype.kind in "biuf" for array in arrays.values())


def test_tuples_become_lists_and_numbers_of_numpy_plain_ones():
    tree, arrays = pack({"hidden": (8, 4), "seed": np.int64(7), "rate": np.float32(0.5)})
    assert not arrays
    assert unpack(json.loads(json.dumps(tree)), arrays) == {"hidden": [8, 4], "seed": 7, "rate": 0.5}


@pytest.mark.parametrize("tree", [[], None, "text", 3])
def test_a_record_that_is_no_dict_is_refused(tree):
    with pytest.raises(TypeError, match="its record is a"):
        unpack(tree, {})


def test_a_sparse_matrix_whose_parts_do_not_fit_is_refused():
    tree, arrays = pack({"matrix": sparse.csr_matrix(np.eye(3))})
    arrays["/matrix/indices"] = np.array([0, 1, 9], dtype=np.int32)
    with pytest.raises(ValueError, match="ind"):
        unpack(tree, arrays)
