"""Values for `scgsr.tl.fit`: how a quantity falls with the steps, noise in fixed units."""

from __future__ import annotations

import numpy as np
import pytest

from scgsr.nn import Decay, FixedNoise


def test_a_decay_is_multiplied_every_so_many_steps():
    decay = Decay(8.0, factor=0.5, every=10)
    assert [decay.at(step) for step in (0, 9, 10, 19, 20, 30)] == [8, 8, 4, 4, 2, 1]
    assert Decay(0.3).at(10**6) == 0.3


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Decay(-1), "start"),
        (lambda: Decay(1, factor=0), "factor"),
        (lambda: Decay(1, factor=1.1), "factor"),
        (lambda: Decay(1, every=0), "every"),
        (lambda: FixedNoise(-0.1), "sd"),
    ],
)
def test_bad_values_are_refused(make, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make()


@pytest.mark.parametrize("decay", [Decay(0.5), Decay(3.0, factor=0.9), Decay(2.0, factor=0.1, every=7)])
def test_a_decay_never_rises_and_falls_by_its_factor(decay):
    values = [decay.at(step) for step in range(50)]
    assert values[0] == decay.start
    assert values == sorted(values, reverse=True)
    for step in range(50 - decay.every):
        assert decay.at(step + decay.every) == pytest.approx(decay.factor * decay.at(step))


def test_numbers_of_numpy_become_those_of_python():
    """Which JSON and files want."""
    decay = Decay(np.float32(0.5), factor=np.float64(0.25), every=np.int64(3))
    assert [type(value) for value in (decay.start, decay.factor, decay.every)] == [float, float, int]
    assert decay == Decay(0.5, 0.25, 3)
    assert type(FixedNoise(np.float32(0.5)).sd) is float


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Decay("high"), "start"),
        (lambda: Decay(1, factor=None), "factor"),
        (lambda: Decay(1, every=1.5), "every"),
        (lambda: Decay(True), "start"),
        (lambda: FixedNoise("loud"), "sd"),
    ],
)
def test_other_types_are_refused(make, name):
    with pytest.raises(TypeError, match=f"`{name}`") as caught:
        make()
    assert caught.value.argument == name


def test_a_setting_cannot_be_changed():
    with pytest.raises(AttributeError):
        Decay(1.0).start = 2.0
    with pytest.raises(AttributeError):
        FixedNoise(1.0).sd = 2.0
