"""Text in inches: broken and shortened to fit, as wide as it is drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from scgsr.pl import _text

NAMES = ["B", "CD8+_effector_memory_cells_that_re-express_CD45RA", "CD4+ central memory", "$\\no formula$", "Ω β/δ"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("points", [6, 10, 20])
@pytest.mark.parametrize("dpi", [72, 100, 300])
def test_a_text_is_as_wide_as_it_is_drawn_or_a_little_less(name, points, dpi):
    figure = plt.figure(dpi=dpi)
    drawn = figure.text(0, 0.5, name, fontsize=points, parse_math=False).get_window_extent().width / dpi
    assert drawn * 0.99 - 1.5 / dpi <= _text.width(name, points) <= 1.2 * drawn + 1 / dpi


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("inches", [0.4, 0.8, 2.0])
@pytest.mark.parametrize("lines", [1, 2, 3])
def test_a_fitted_text_fits(name, inches, lines):
    fitted = _text.fitted(name, inches, 8, lines=lines)
    assert fitted.count("\n") < lines
    assert _text.width(fitted, 8) <= inches
    if "…" in fitted:
        start, end = fitted.replace("\n", "").split("…")
        assert name.replace(" ", "").startswith(start.replace(" ", ""))
        assert name.replace(" ", "").endswith(end.replace(" ", ""))
    else:
        assert fitted.replace("\n", "").replace(" ", "") == name.replace(" ", "")


def test_names_are_broken_between_words():
    assert _text.fitted("CD4+ central memory", 1.0, 10, lines=2) == "CD4+ central\nmemory"
    assert _text.fitted("a_long_name", 0.7, 10, lines=2) == "a_long_\nname"


def test_a_minus_stays_with_its_number():
    assert _text.fitted("R² on validation cells: -0.052", 1.5, 10, lines=2) == "R² on validation\ncells: -0.052"


def test_without_any_room_next_to_nothing_is_left():
    assert len(_text.fitted("abcdefgh", 0.01, 10)) <= 3


def test_lines_add_up():
    assert _text.height("a\nb", 10) == 2 * _text.height("a", 10) > 2 * 10 / 72
    assert _text.width("a\nlonger", 10) == _text.width("longer", 10)
