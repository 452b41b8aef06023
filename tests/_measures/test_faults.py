"""What speaks against reading pictures: each fault alone, all together, none."""

from __future__ import annotations

import pandas as pd
import pytest

from scgsr import _measures

# (metric, group, value) of a sound fit.
SOUND = [
    ("silent_cells", "", 0.02),
    ("silent_cells", "B", 0.3),
    ("most_alike", "B / T", 0.8),
    ("modules", "", 5),
    ("module_cells", "", 900),
    ("label_halves_ari", "", 0.9),
    ("label_ari", "seed1", 0.8),
    ("torn_neighbours", "", 0.05),
    ("ring_closure", "", 0.3),
]
FAULTS = {
    ("silent_cells", "", 0.2): "Of all cells, 20% activate no neuron",
    ("silent_cells", "B", 0.6): "Of the group B, 60% of the cells activate no neuron",
    ("most_alike", "B / T", 0.97): "B / T are drawn as one picture (cosine 0.97)",
    (
        "modules",
        "",
        1,
    ): "one module alone: no valley was found between the cells, so there is one label, and no confidence",
    ("module_cells", "", 36): "36 cells, which are too few cells",
    ("label_halves_ari", "", 0.3): "do not hold",
    ("label_ari", "seed1", 0.2): "others than those of seed1",
    ("torn_neighbours", "", 0.4): "another shape than the cells: at one neuron at least 40%",
    ("ring_closure", "", 0.0): "The ring is not closed",
}
OF_LABELS = ("modules", "label_halves_ari", "label_ari")


def table(*changed):
    """Return the table of a sound fit, of which some rows were changed."""
    rows = {(metric, group): value for metric, group, value in [*SOUND, *changed]}
    return pd.DataFrame([(*name, value) for name, value in rows.items()], columns=["metric", "group", "value"])


def test_a_sound_fit_has_no_fault():
    assert _measures.faults(table()) == []
    assert _measures.remarks(table()) == []


@pytest.mark.parametrize(("row", "sentence"), FAULTS.items(), ids=[f"{metric} {group}" for metric, group, _ in FAULTS])
def test_each_fault_has_a_sentence_that_names_a_cure(row, sentence):
    (said,) = _measures.faults(table(row))
    assert sentence in said
    assert any(cure in said for cure in ("`", "fit on more"))


def test_all_faults_are_said():
    assert len(_measures.faults(table(*FAULTS))) == len(FAULTS)


def test_what_is_unknown_is_no_fault():
    unknown = [(metric, group, float("nan")) for metric, group, _ in SOUND]
    assert _measures.faults(table(*unknown)) == []
    assert _measures.faults(table().iloc[:0]) == []


@pytest.mark.parametrize("metric", ["circular_resultant", "rank_agreement"])
def test_cells_in_their_known_order_need_no_labels_but_the_rest(metric):
    kept = table(*FAULTS, (metric, "", 0.95))
    assert len(_measures.faults(kept)) == len(FAULTS) - len(OF_LABELS)
    assert len(_measures.remarks(kept)) == 1 + len(OF_LABELS)
    lost = table(*FAULTS, (metric, "", 0.5))
    assert len(_measures.faults(lost)) == len(FAULTS)
    assert _measures.remarks(lost) == []


# At the limit there is no fault, and beyond it there is: (metric, group, limit, towards the fault).
LIMITS = [
    ("silent_cells", "", 0.1, 1),
    ("silent_cells", "B", 0.5, 1),
    ("most_alike", "B / T", 0.95, 1),
    ("module_cells", "", 100, -1),
    ("label_halves_ari", "", 0.5, -1),
    ("label_ari", "seed1", 0.5, -1),
    ("torn_neighbours", "", 0.2, 1),
    ("ring_closure", "", 0.2, -1),
]


@pytest.mark.parametrize(("metric", "group", "limit", "towards"), LIMITS)
def test_a_fault_begins_beyond_its_limit(metric, group, limit, towards):
    assert _measures.faults(table((metric, group, limit))) == []
    assert len(_measures.faults(table((metric, group, limit + 1e-6 * towards)))) == 1


@pytest.mark.parametrize("metric", ["circular_resultant", "rank_agreement"])
def test_an_order_is_kept_from_nine_tenths_on(metric):
    one = table(("modules", "", 1), (metric, "", 0.9))
    assert _measures.faults(one) == []
    assert len(_measures.faults(table(("modules", "", 1), (metric, "", 0.9 - 1e-6)))) == 1
