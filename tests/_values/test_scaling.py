"""What features are divided by, and what decides it."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from scgsr._values import check_scale, divisors, scaling_for


@pytest.mark.parametrize(
    ("sd", "embedding", "chosen"),
    [
        (np.linspace(0.3, 2, 13), False, "common"),
        (np.linspace(0.3, 2, 100), False, "common"),
        (np.linspace(0.3, 2, 101), False, "pca"),
        (np.array([1, 1, 1, 5e4]), False, "feature"),
        (np.array([1, 1, 1, 9.9]), False, "common"),
        (np.array([0.01, 1, 1, 1]), False, "common"),  # a dim marker has the unit of the others
        (np.array([1, 1, 1, 5e4]), True, "common"),
        (np.linspace(0.3, 2, 500), True, "common"),
    ],
)
def test_the_default_follows_from_the_data_and_is_said(sd, embedding, chosen, caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        assert scaling_for(sd, embedding=embedding) == chosen
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (not embedding)
    assert all(f"`scale='{chosen}'`" in line for line in said)


@pytest.mark.parametrize(
    ("scale", "name"),
    [(None, None), (True, "feature"), (False, "common"), ("feature", "feature"), ("common", "common"), ("pca", "pca")],
)
def test_names_of_ways_to_scale(scale, name):
    assert check_scale(scale) == name


@pytest.mark.parametrize(("scale", "error"), [(1.0, TypeError), ("gene", ValueError), (["pca"], TypeError)])
def test_other_ways_are_refused_with_those_there_are(scale, error):
    with pytest.raises(error, match=r"`scale`.*feature.*common.*pca"):
        check_scale(scale)


def test_each_feature_is_divided_by_its_own_or_all_by_the_common_standard_deviation():
    sd = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(divisors(sd, "feature"), sd)
    for scaling in ("common", "pca"):
        np.testing.assert_allclose(divisors(sd, scaling), np.sqrt(14 / 3))


def test_at_ten_times_the_median_features_share_a_unit_and_beyond_they_do_not():
    assert scaling_for(np.array([1.0, 1, 10]), embedding=False) == "common"
    assert scaling_for(np.array([1.0, 1, 10.01]), embedding=False) == "feature"


def test_what_is_said_has_the_numbers(caplog):
    with caplog.at_level(logging.INFO, logger="scgsr"):
        scaling_for(np.ones(101), embedding=False)
        scaling_for(np.array([1.0, 2, 3, 400]), embedding=False)
    assert "101 features: the network sees 50 principal components" in caplog.text
    assert "standard deviation 2.5 in the middle, 400 at most" in caplog.text
