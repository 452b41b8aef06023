"""What is asked of a fit later: scores, programs and saliency."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from scgsr import _adata, tl
from scgsr._adata import _answers


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), n_epochs=2, hidden=16)
    return cells


def answer(name):
    """An answer that has all its parts."""
    shapes = {"values": (1, 2, 3), "groups": (1,), "names": (3,)}
    return {
        part: pd.DataFrame(columns=kind)
        if isinstance(kind, list)
        else np.zeros(shapes.get(part, (3, 3)))
        if kind is _answers._ARRAY
        else {Mapping: {}, str: "text"}[kind]
        for part, kind in _answers._PARTS[name].items()
    }


def assert_is_answer(found, name):
    """Tables are compared as dicts."""
    plain = [
        {part: value.to_dict() if isinstance(value, pd.DataFrame) else value for part, value in one.items()}
        for one in (found, answer(name))
    ]
    np.testing.assert_equal(*plain)


@pytest.mark.parametrize("name", _answers._PARTS)
def test_a_part_of_another_type_is_refused_with_the_call_that_makes_it_anew(fitted, name):
    for part in _answers._PARTS[name]:
        fitted.uns["gsr"] = {**fitted.uns["gsr"], name: {**answer(name), part: 1.5}}
        with pytest.raises(ValueError, match=rf"'{name}'\] is not whole; call `scgsr\.tl\.verb\(") as caught:
            _answers.read_answer(fitted, "gsr", name, "verb", "it is not there")
        assert caught.value.argument == "key"


@pytest.mark.parametrize("name", ["scores", "saliency"])
def test_what_is_written_is_read_and_the_record_stays(fitted, name):
    before = list(fitted.uns["gsr"])
    getattr(_adata, f"write_{name}")(fitted, "gsr", answer(name))
    assert_is_answer(getattr(_adata, f"read_{name}")(fitted, "gsr"), name)
    assert list(fitted.uns["gsr"]) == [*before, name]


def test_programs_are_effects_and_tests(fitted):
    effect = np.random.default_rng(0).random((12, 3))
    _adata.write_programs(fitted, "gsr", effect, answer("programs"))
    stored, tests = _adata.read_programs(fitted, "gsr")
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored, effect, rtol=1e-6)
    assert_is_answer(tests, "programs")
    del fitted.varm["gsr_programs"]
    with pytest.raises(KeyError, match=r"no programs.*scgsr\.tl\.programs"):
        _adata.read_programs(fitted, "gsr")


def test_answers_are_listed_once_they_are_complete(fitted):
    assert _adata.answered(fitted, "gsr") == set()
    _adata.write_scores(fitted, "gsr", {"value": 1})
    _adata.write_programs(fitted, "gsr", np.zeros((12, 3)), {"names": []})
    assert _adata.answered(fitted, "gsr") == {"scores", "programs"}
    del fitted.varm["gsr_programs"]
    assert _adata.answered(fitted, "gsr") == {"scores"}


def test_a_failure_leaves_all_as_it_was(fitted):
    before = list(fitted.uns["gsr"])
    with pytest.raises(ValueError, match="shape"):
        _adata.write_programs(fitted, "gsr", np.zeros((5, 3)), {})
    assert list(fitted.uns["gsr"]) == before
    assert "gsr_programs" not in fitted.varm


def test_a_view_becomes_a_copy_and_its_parent_stays(fitted):
    view, before = fitted[:20], list(fitted.uns["gsr"])
    with pytest.warns(match="view"):
        _adata.write_scores(view, "gsr", answer("scores"))
    assert_is_answer(_adata.read_scores(view, "gsr"), "scores")
    assert list(fitted.uns["gsr"]) == before


@pytest.mark.parametrize("name", ["scores", "programs", "saliency"])
def test_without_an_answer_the_error_names_the_call_and_the_argument(fitted, name):
    with pytest.raises(KeyError, match=rf"scgsr\.tl\.{name.replace('scores', 'score')}\(adata, key='gsr'\)") as caught:
        getattr(_answers, f"read_{name}")(fitted, "gsr")
    assert caught.value.argument == "key"


@pytest.mark.parametrize("name", _answers._PARTS)
def test_an_answer_without_one_of_its_parts_is_none(fitted, name):
    for part in _answers._PARTS[name]:
        kept = {other: 1 for other in _answers._PARTS[name] if other != part}
        fitted.uns["gsr"] = {**fitted.uns["gsr"], name: kept}
        with pytest.raises(KeyError, match=r"call `scgsr\.tl\."):
            _answers.read_answer(fitted, "gsr", name, name, "it is not there")
