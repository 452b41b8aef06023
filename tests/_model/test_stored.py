"""A fitted model and its record, part by part."""

from __future__ import annotations

import numpy as np
import pytest
from _fits import model_of

from scgsr import graphs
from scgsr._model import FittedModel, with_identity
from scgsr._model._stored import parts_of, record_of

NAMED = model_of(graphs.ring(6), [0, 0, 1, 1, -1, 2], names=("T cell", "B cell", "T cell"))


def test_each_part_comes_back():
    again = FittedModel(**parts_of(record_of(NAMED)))
    assert record_of(again).keys() == record_of(NAMED).keys()
    assert record_of(again)["id"] == record_of(NAMED)["id"]
    assert again.names == NAMED.names
    assert again.labels == ["T cell", "B cell"]
    for name, value in record_of(NAMED)["model"]["arrays"].items():
        assert np.array_equal(record_of(again)["model"]["arrays"][name], value, equal_nan=True), name


def test_without_names_modules_have_numbers_and_without_modules_there_is_one_label():
    record = record_of(NAMED)
    del record["names"]
    assert FittedModel(**parts_of(record)).names == ("0", "1", "2")
    assert model_of(graphs.ring(4), [-1] * 4, names=()).labels == ["0"]


def test_names_of_other_modules_are_refused():
    with pytest.raises(ValueError, match="`names` must be of 3 modules, got 2"):
        FittedModel.from_record(record_of(NAMED) | {"names": np.array(["a", "b"], dtype=object)})


@pytest.mark.parametrize("part", [part for part in record_of(NAMED) if part not in ("schema", "names")])
def test_a_part_that_is_missing_is_named(part):
    record = record_of(NAMED)
    del record[part]
    with pytest.raises(ValueError, match=f"its part '{part}' is missing"):
        parts_of(record)


@pytest.mark.parametrize("part", ["params", "graph", "model", "evolution", "versions", "history", "coactivation"])
def test_a_part_of_another_type_is_named(part):
    with pytest.raises(ValueError, match=f"{part}|a sparse matrix is a int"):
        parts_of(record_of(NAMED) | {part: 3})


@pytest.mark.parametrize("params", [{"resolution": "high"}, {"diffusion": 1.5}, {"layer": 3}, {"seed": [1]}])
def test_a_parameter_of_another_type_is_named(params):
    with pytest.raises(ValueError, match=f"its parameter '{next(iter(params))}'"):
        parts_of(record_of(NAMED) | {"params": params})


def test_a_recipe_of_another_graph_or_without_a_part_is_refused():
    recipe = graphs.learned(6, n_neighbors=2).to_dict()
    assert parts_of(record_of(NAMED) | {"params": {"recipe": recipe}})["params"]["recipe"] == recipe
    for damaged, message in (
        (3, "its parameter 'recipe' is 3"),
        (recipe | {"n_neurons": 7}, "its recipe is of 7 neurons and its graph of 6"),
        (recipe | {"kernel": "gauss"}, "`kernel` must be one of"),
        ({name: value for name, value in recipe.items() if name != "stop"}, "its part 'stop' is missing"),
    ):
        with pytest.raises(ValueError, match=message):
            parts_of(record_of(NAMED) | {"params": {"recipe": damaged}})


def test_weights_of_another_width_are_converted_and_of_another_kind_refused():
    record = record_of(NAMED)
    arrays = record["model"]["arrays"]
    arrays["output.weight"] = arrays["output.weight"].astype(np.float64)
    assert parts_of(record)["network"].output.weight.dtype.itemsize == 4
    arrays["output.weight"] = arrays["output.weight"].astype(int)
    with pytest.raises(ValueError, match=r"weights 'output\.weight' are torch\.int64"):
        parts_of(with_identity(record))
    arrays["output.weight"] = np.full_like(arrays["output.weight"], np.nan, dtype=float)
    with pytest.raises(ValueError, match=r"weights 'output\.weight' are not finite"):
        parts_of(with_identity(record))
