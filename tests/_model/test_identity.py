"""Which fit a record is of: the same in every file, another one for every other fit."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr._model import Identity


@pytest.fixture
def record(model):
    return model.to_record()


def test_as_text_and_back(record):
    identity = Identity.of_record(record)
    assert Identity.of_text(str(identity)) == identity
    assert Identity.of_text(record["id"]) == identity
    assert Identity.of_text("") == Identity("", "")


def test_the_width_of_numbers_plays_no_part(record):
    before = Identity.of_record(record)
    record["modules"] = record["modules"].astype(np.int32)
    record["graph"]["adjacency"].indices = record["graph"]["adjacency"].indices.astype(np.int64)
    arrays = record["model"]["arrays"]
    record["model"]["arrays"] = {name: value.astype(">f8") for name, value in arrays.items() if value.dtype.kind == "f"}
    record["model"]["arrays"] |= {name: value for name, value in arrays.items() if value.dtype.kind != "f"}
    assert Identity.of_record(record) == before


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda record: record["model"]["arrays"]["output.weight"].__setitem__((0, 0), 7), "network"),
        (lambda record: record["model"]["arrays"]["mean"].__setitem__(0, 7), "network"),
        (lambda record: record["features"].__setitem__(0, "other"), "network"),
        (lambda record: record["graph"]["adjacency"].data.__setitem__(0, 7), "network"),
        (lambda record: record["modules"].__setitem__(0, 7), "modules"),
        (lambda record: record["model"]["arrays"]["templates"].__setitem__((0, 0), 7), "modules"),
    ],
)
def test_any_change_makes_another_one_of_its_part_alone(record, change, part):
    record["model"]["arrays"] = {name: value.copy() for name, value in record["model"]["arrays"].items()}
    before = Identity.of_record(record)
    change(record)
    after = Identity.of_record(record)
    assert getattr(after, part) != getattr(before, part)
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
