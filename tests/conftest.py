"""What all tests share: the switch for downloads, data fixtures, how a report is read, guards against side effects."""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import re
import sys
from pathlib import Path
from typing import Any

import anndata as ad
import matplotlib as mpl
import numpy as np
import pytest
import sklearn.decomposition  # noqa: F401 (its first import draws from `random`, which is not our doing)
import torch
from hypothesis import settings

mpl.use("Agg")
sys.path.insert(0, str(Path(__file__).parent))  # for `_fits`, which test files share: they are no package

# On how many examples a property is tried: the same ones always, others in the weekly run. No deadline, because time
# depends on what else the machine does.
settings.register_profile("usual", max_examples=200, deadline=None, derandomize=True)
settings.register_profile("weekly", max_examples=2000, deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("SCGSR_EXAMPLES", "usual"))

DATA_VARIABLE = "SCGSR_DATA"
PUBLISHED = ["thymus_masscyt", "paul15"]


def data_folder() -> Path | None:
    """Return the folder that the environment names for data sets, if it exists."""
    folder = os.environ.get(DATA_VARIABLE)
    return Path(folder) if folder and Path(folder).is_dir() else None


def pytest_addoption(parser):
    parser.addoption("--internet", action="store_true", help="run the tests that download data")


def pytest_collection_modifyitems(config, items):
    """Skip what would download data, unless that is allowed or the folder of data sets is there."""
    if config.getoption("--internet"):
        return
    skip = pytest.mark.skip(reason=f"downloads data: pass --internet, or set {DATA_VARIABLE} to a folder that has them")
    for item in items:
        if item.get_closest_marker("internet") or (data_folder() is None and loads_published_data(item)):
            item.add_marker(skip)


def loads_published_data(item) -> bool:
    """Whether an item is a tutorial, or the example of a loader that fetches its files."""
    if isinstance(item, pytest.DoctestItem):
        return any(f"datasets.{name}(" in example.source for example in item.dtest.examples for name in PUBLISHED)
    return item.path.suffix == ".ipynb"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets; the test is skipped where there is none."""
    folder = data_folder()
    if folder is None:
        pytest.skip(f"the environment variable {DATA_VARIABLE} names no existing folder")
    return folder


@pytest.fixture
def cells() -> ad.AnnData:
    """240 cells x 12 features, dense float32: four groups, each high in three features of its own."""
    from _fits import four_groups

    return four_groups()


def unpacked(text: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the header and the arrays of what a report has packed."""
    whole = gzip.decompress(base64.b64decode(text))
    size = int.from_bytes(whole[:4], "little")
    header = json.loads(whole[4 : 4 + size])
    types = {"Uint8Array": np.uint8, "Uint16Array": np.uint16, "Int32Array": np.int32, "Float32Array": np.float32}
    arrays = {
        name: np.frombuffer(whole, types[of["type"]], of["length"], 4 + size + of["start"])
        for name, of in header["arrays"].items()
    }
    return header, arrays


@pytest.fixture(scope="session")
def read_page():
    """Return the function that reads header and arrays from the text of a report."""
    return lambda text: unpacked(re.search(r'id="data">([^<]*)<', text)[1])


@pytest.fixture(autouse=True)
def _global_random_state_is_untouched():
    """Fail any test whose code draws from, or seeds, a generator that belongs to the user."""
    before = random.getstate(), np.random.get_state(legacy=False)["state"], torch.get_rng_state()
    yield
    after = random.getstate(), np.random.get_state(legacy=False)["state"], torch.get_rng_state()
    assert before[0] == after[0], "the state of `random` changed"
    assert before[1]["pos"] == after[1]["pos"], "the state of `numpy.random` changed"
    assert np.array_equal(before[1]["key"], after[1]["key"]), "the state of `numpy.random` changed"
    assert torch.equal(before[2], after[2]), "the state of `torch` changed"


@pytest.fixture(autouse=True)
def _close_figures():
    """Leave no figure to the next test."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")
