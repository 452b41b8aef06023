"""Damaged fits on disk and in memory work, or are refused by an error that names the argument: some of the fuzz."""

from __future__ import annotations

import importlib.util
import logging
import warnings
from pathlib import Path

import numpy as np
import pytest


def fuzz():
    """Return the script that damages stored fits in many ways."""
    path = Path(__file__).parents[1] / "benchmarks" / "fuzz_records.py"
    spec = importlib.util.spec_from_file_location("fuzz_records", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("kind", ["folder", "record", "checkpoint"])
def test_damaged_fits_work_or_are_refused_by_name(kind, tmp_path, caplog):
    caplog.set_level(logging.CRITICAL, logger="scgsr")
    script, ended = fuzz(), []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        damaged = script.KINDS[kind](tmp_path)
        for number in range(150):
            how = script.measured(damaged.calls(np.random.default_rng([1, number])))
            assert not script.is_fault(*how), (kind, number, *how)
            ended.append(how[0])
    assert 2 < ended.count("works") < 75
    assert len(set(ended)) > 15


def test_the_fuzz_finds_what_ends_wrongly():
    script = fuzz()

    def raising(error):
        def call():
            raise error

        return [call]

    assert script.measured([lambda: None])[0] == "works"
    assert not script.is_fault(*script.measured(raising(ValueError("`key` must be short (it is long)."))))
    assert not script.is_fault(*script.measured(raising(KeyError("`key`='a' is missing"))))
    for error in (ValueError("no name"), ZeroDivisionError("`key` / 0"), IndexError("`key`")):
        assert script.is_fault(*script.measured(raising(error)))
    assert script.is_fault("works", 5.1, 0)
    assert script.is_fault("works", 0, 300_000_001)
