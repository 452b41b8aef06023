"""What a report shows of `score`, `programs` and `compare`."""

from __future__ import annotations

import json

import numpy as np
import pytest

from scgsr import get, tl
from scgsr.pl._report_results import results


@pytest.fixture
def fitted(cells):
    cells.obs["sample"] = (np.arange(240) % 6).astype(str)
    cells.obs["arm"] = np.where(np.arange(240) % 2, "treated", "control")
    tl.fit(cells, (4, 5), hidden=(16,), n_epochs=3, progress=False)
    return cells


def test_a_fit_alone_has_none(fitted):
    assert results(fitted, "gsr") == []


def test_the_verdict_and_the_measures(fitted):
    tl.score(fitted, n_permutations=19)
    (section,) = results(fitted, "gsr")
    assert section["text"][0] == f"Verdict: {fitted.uns['gsr']['scores']['verdict']}"
    (table,) = section["tables"]
    expected = get.scores(fitted)
    assert table["columns"] == list(expected.columns)
    assert [row[0] for row in table["rows"]] == list(expected["metric"])
    for row, value in zip(table["rows"], expected["value"], strict=True):
        assert (row[2] is None) == np.isnan(value)
        assert row[2] is None or row[2] == pytest.approx(value, rel=1e-5)
    json.dumps(section, allow_nan=False)


def test_programs_are_all_or_the_strongest(fitted, monkeypatch):
    tl.programs(fitted)
    (section,) = results(fitted, "gsr")
    (table,) = section["tables"]
    expected = get.programs(fitted)
    assert table["title"] == "All features, by effect"
    assert [row[1] for row in table["rows"]] == list(expected["names"])
    monkeypatch.setattr("scgsr.pl._report_results._MOST_ROWS", 3 * expected["module"].nunique())
    (table,) = results(fitted, "gsr")[0]["tables"]
    assert table["title"].startswith("The 3 features that rise most")
    assert [row[1] for row in table["rows"]] == list(expected.groupby("module", sort=False).head(3)["names"])


def test_compare_has_a_picture_for_each_level(fitted, monkeypatch):
    tl.compare(fitted, "arm", "sample", min_samples=2)
    section = results(fitted, "gsr")[0]
    (picture,) = section["pictures"]
    assert picture["title"] == "treated against control: moderated t"
    neurons = get.compare(fitted, "neurons")
    known = [value for value in picture["values"] if value is not None]
    np.testing.assert_allclose(known, neurons["t"].dropna(), rtol=1e-5)
    assert len(picture["values"]) == 20
    state = get.compare(fitted, "state")
    assert section["tables"][1]["title"] == "Markers in modules, all"
    assert [row[1] for row in section["tables"][1]["rows"]] == list(state.sort_values("p", kind="stable")["names"])
    monkeypatch.setattr("scgsr.pl._report_results._MOST_ROWS", 5)
    assert (
        results(fitted, "gsr")[0]["tables"][1]["title"]
        == f"Markers in modules, the 5 with the smallest p of {len(state)}"
    )
    json.dumps(section, allow_nan=False)
