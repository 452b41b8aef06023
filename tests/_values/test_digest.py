"""A short text that tells values apart."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from scgsr._values import digest

VALUES = np.arange(6.0).reshape(2, 3)


def test_equal_values_have_one_digest_and_a_copy_in_other_order_the_same():
    assert digest(VALUES) == digest(VALUES.copy()) == digest(np.asfortranarray(VALUES))
    assert digest(sparse.csr_matrix(VALUES)) == digest(sparse.csr_array(VALUES))


def test_other_values_another_shape_or_another_type_have_another():
    changed = VALUES.copy()
    changed[1, 2] += 1e-9
    others = [changed, VALUES.reshape(3, 2), VALUES.astype(np.float32), sparse.csr_matrix(VALUES)]
    assert len({digest(values) for values in [VALUES, *others]}) == 5
    assert digest(VALUES, VALUES[0]) != digest(VALUES)
