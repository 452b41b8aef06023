"""What is asked of a fit later: scores, programs and saliency."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr import _adata, tl
from scgsr._adata import _answers


@pytest.fixture
def fitted(cells):
    tl.fit(cells, (4, 5), n_epochs=2, hidden=16)
    return cells


def answer(name):
    """An answer that has all its parts."""
    return dict.fromkeys(_answers._PARTS[name], 1)


@pytest.mark.parametrize("name", ["scores", "saliency"])
def test_what_is_written_is_read_and_the_record_stays(fitted, name):
    before = list(fitted.uns["gsr"])
    getattr(_adata, f"write_{name}")(fitted, "gsr", answer(name))
    assert getattr(_adata, f"read_{name}")(fitted, "gsr") == answer(name)
    assert list(fitted.uns["gsr"]) == [*before, name]


def test_programs_are_effects_and_tests(fitted):
    effect = np.random.default_rng(0).random((12, 3))
    _adata.write_programs(fitted, "gsr", effect, answer("programs"))
    stored, tests = _adata.read_programs(fitted, "gsr")
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored, effect, rtol=1e-6)
    assert tests == answer("programs")
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
    assert _adata.read_scores(view, "gsr") == answer("scores")
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
