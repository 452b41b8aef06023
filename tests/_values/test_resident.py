"""A matrix on a device gives its rows there, standardised."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse

from scgsr._values import _resident
from scgsr._values._matrix import n_bytes
from scgsr._values._resident import resident

FORMS = {"dense": np.asarray, "CSR": sparse.csr_matrix, "CSR array": sparse.csr_array}
PARTS = [np.array([3, 0, 19]), np.array([5, 5]), np.array([], dtype=int), np.array([1])]


@pytest.fixture
def matrix():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(20, 7)) * (rng.uniform(size=(20, 7)) < 0.4)
    values[0], values[1] = 0, 1  # an empty row, and one without a zero
    return values.astype(np.float32)


def moments(device="cpu"):
    return torch.arange(7.0, device=device), torch.linspace(0.5, 3, 7, device=device)


@pytest.mark.parametrize("at_once", [1, 4, 1000])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_have_the_bits_of_the_same_operations_on_the_host(matrix, form, at_once, monkeypatch):
    monkeypatch.setattr(_resident, "_ENTRIES_AT_ONCE", at_once)
    mean, scale = moments()
    expected = (torch.as_tensor(matrix) - mean) / scale
    memory = torch.full((5, 7), torch.nan)
    for part, rows in zip(PARTS, resident(form(matrix), mean, scale).rows(PARTS, memory), strict=True):
        assert torch.equal(rows, expected[part])
        assert not len(part) or rows.data_ptr() == memory.data_ptr()
    assert memory[3:].isnan().all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_entries_that_are_stored_twice_add_up_and_the_matrix_stays(matrix, dtype):
    twice = sparse.csr_matrix(matrix).astype(dtype)
    both = sparse.csr_matrix(
        (np.repeat(twice.data / 2, 2), np.repeat(twice.indices, 2), 2 * twice.indptr), shape=twice.shape
    )
    mean, scale = moments()
    (rows,) = resident(both, mean, scale).rows([np.arange(20)], torch.empty(20, 7))
    assert torch.equal(rows, (torch.as_tensor(matrix) - mean) / scale)
    assert both.nnz == 2 * twice.nnz
    assert np.array_equal(both.data, np.repeat(twice.data / 2, 2))
    assert both.dtype == dtype


@pytest.mark.parametrize("form", [*FORMS.values(), lambda m: sparse.csr_matrix(m.astype(np.float64))])
def test_it_takes_the_memory_that_is_asked_for(matrix, form):
    parts = resident(form(matrix), *moments()).parts
    assert sum(part.nbytes for part in parts) == n_bytes(form(matrix))


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_rows_never_touch_the_host(matrix, form):
    """Tensors on torch's `meta` device have no values: whatever reads one back fails."""
    out = torch.empty(3, 7, device="meta")
    for part, rows in zip(PARTS, resident(form(matrix), *moments("meta")).rows(PARTS, out), strict=True):
        assert rows.device.type == "meta"
        assert rows.shape == (len(part), 7)
