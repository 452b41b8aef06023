"""From what is known of samples to a linear model."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from scgsr._measures import design_of

AGES = [("covariates", [1, 2, 4, 8]), ("covariates", [3, 1, 1, 2])]
THREE = pd.Series(["b", "a", "a", "c", "b", "c"], name="dose")


def test_levels_are_compared_with_the_reference():
    design = design_of(THREE, [])
    assert (design.levels, design.reference, design.terms) == (("b", "c"), "a", [1, 2])
    np.testing.assert_array_equal(design.matrix[:, 1], [1, 0, 0, 0, 1, 0])
    other = design_of(THREE, [], reference="c")
    assert (other.levels, other.reference) == (("a", "b"), "c")
    ordered = design_of(THREE.astype(pd.CategoricalDtype(["c", "b", "a", "unseen"])), [])
    assert (ordered.levels, ordered.reference) == (("b", "a"), "c")


def test_numbers_have_a_slope():
    design = design_of(pd.Series([1, 2, 4, 8], name="age"), [])
    assert (design.levels, design.reference) == (("age",), "")
    np.testing.assert_array_equal(design.matrix, [[1, 1], [1, 2], [1, 4], [1, 8]])


def test_booleans_are_levels():
    assert design_of(pd.Series([True, False, True, False], name="ill"), []).levels == ("True",)


def test_blocks_and_covariates_come_after_the_condition():
    blocks = pd.Series(["x", "x", "y", "y", "z", "z"], name="donor")
    age = pd.Series([1.0, 2, 3, 4, 5, 9], name="age")
    condition = pd.Series(["a", "b"] * 3, name="dose")
    design = design_of(condition, [("block_key", blocks)])
    np.testing.assert_array_equal(design.matrix[:, 2:], [[0, 0], [0, 0], [1, 0], [1, 0], [0, 1], [0, 1]])
    np.testing.assert_allclose(design_of(condition, [("covariates", age)]).matrix[:, 2], age - 4)


@pytest.mark.parametrize(
    ("condition", "others", "reference", "message"),
    [
        (["a", "a", "b"], [], None, r"fewer than two samples in b\. Samples are the replicates"),
        (["a"] * 4, [], None, r"two levels or more, got \['a'\]"),
        ([3, 3, 3], [], None, "is the same in all samples"),
        ([1, 2, np.inf, 4], [], None, "`condition_key`: 'dose' must have finite numbers"),
        (["a", "a", "b", "b"], [], "z", r"`reference`='z' must be one of the levels \['a', 'b'\]"),
        ([1, 2, 3, 4], [], "1", "has no meaning for numbers"),
        (["a", "a", "b", "b"], [("covariates", ["x", "x", "y", "y"])], None, "cannot be told apart"),
        (["a", "a", "b", "b"], [("covariates", [1, 1, 5, 5])], None, "cannot be told apart"),
        (["a", "a", "b", "b"], [("block_key", ["x", "y", "z", "w"])], None, "cannot be told apart"),
        (["a", "b", "a", "b"], AGES, None, "no degree of freedom"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(condition, others, reference, message):
    named = [(argument, pd.Series(values, name="other")) for argument, values in others]
    with pytest.raises(ValueError, match=message) as error:
        design_of(pd.Series(condition, name="dose"), named, reference=reference)
    assert error.value.argument in {"condition_key", "reference", "covariates", "block_key"}


def test_covariates_that_say_the_condition_together_are_refused():
    one, other = pd.Series([0, 1, 0, 1, 0, 1, 1, 0], name="one"), pd.Series([0, 0, 1, 1, 0, 0, 1, 1], name="other")
    condition = (one + other).rename("dose")
    with pytest.raises(ValueError, match="together say the same as the condition 'dose'"):
        design_of(condition, [("covariates", one), ("covariates", other)])


def test_equality_is_identity():
    one, other = design_of(THREE, []), design_of(THREE, [])
    assert one == one
    assert one != other  # and not an array of answers, which is neither true nor false
    assert len({one, other}) == 2
