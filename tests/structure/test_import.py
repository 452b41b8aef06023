"""Importing scgsr is quick and changes nothing; the repository holds what the design names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

TOP_LEVEL = """
pyproject.toml README.md LICENSE CHANGELOG.md CITATION.cff scgsr tests tutorials data
.ci .github .gitignore .pre-commit-config.yaml .readthedocs.yaml
""".split()

# Processor time, because what others do on the machine does not count; and whom the import brings along.
PROBE_TIME = """
import json, sys, time, torch
start = time.process_time()
import scgsr
seconds = time.process_time() - start
print(json.dumps([seconds, [name for name in sys.modules if name.split(".")[0] != "scgsr"]]))
"""
# What the user owns, before and after. Dependencies come first: what they do is not our doing.
PROBE_STATE = """
import contextlib, importlib, json, logging, os, random, sys, warnings
import matplotlib, numpy
for name in {dependencies!r}:
    with contextlib.suppress(ImportError):  # some put names into sys.modules that are no modules
        importlib.import_module(name)
torch = sys.modules.get("torch")
def state():
    return {{
        "cwd": os.getcwd(), "environ": dict(os.environ), "path": list(sys.path),
        "filters": repr(warnings.filters), "rcParams": repr(dict(matplotlib.rcParams)),
        "logging": repr((logging.root.level, logging.root.handlers, logging.getLogger("scgsr").level)),
        "random": repr(random.getstate()), "numpy": repr(numpy.random.get_state(legacy=False)["state"]),
        "torch": torch and (torch.get_rng_state().tolist(), str(torch.get_default_dtype()), torch.get_num_threads()),
    }}
before = state()
import scgsr
after = state()
print(json.dumps([name for name in before if before[name] != after[name]]))
"""
MAX_IMPORT_SECONDS = 1.5
SLOW_TO_IMPORT = {"anndata", "matplotlib", "pooch", "safetensors", "scanpy", "scipy.cluster", "scipy.ndimage"}
SLOW_TO_IMPORT |= {"scipy.optimize", "scipy.spatial", "scipy.stats", "sklearn", "yaml"}


def probe(script: str, root: Path = ROOT) -> Any:
    # A fixed backend: looking up an automatic one would import pyplot.
    environment = {**os.environ, "PYTHONPATH": str(root), "MPLBACKEND": "agg"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def first_import() -> tuple[float, list[str]]:
    return probe(PROBE_TIME)


def test_import_is_quick(first_import):
    fastest, brought_along = first_import
    assert SLOW_TO_IMPORT.isdisjoint(brought_along)
    for _ in range(4):
        if fastest >= MAX_IMPORT_SECONDS:
            fastest = min(fastest, probe(PROBE_TIME)[0])
    assert fastest < MAX_IMPORT_SECONDS, "seconds beyond torch"


def test_import_changes_nothing(first_import):
    assert probe(PROBE_STATE.format(dependencies=first_import[1])) == []


def test_a_planted_side_effect_is_found(tmp_path):
    effects = {
        "cwd": "import os; os.chdir('..')",
        "environ": "import os; os.environ['SCGSR_PLANTED'] = '1'",
        "path": "import sys; sys.path.append('planted')",
        "filters": "import warnings; warnings.filterwarnings('ignore', message='planted')",
        "rcParams": "import matplotlib; matplotlib.rcParams['font.size'] = 3",
        "logging": "import logging; logging.basicConfig()",
        "random": "import random; random.random()",
        "numpy": "import numpy; numpy.random.rand()",
    }
    (tmp_path / "scgsr").mkdir()
    (tmp_path / "scgsr" / "__init__.py").write_text("\n".join(effects.values()))
    assert set(probe(PROBE_STATE.format(dependencies=[]), tmp_path)) == set(effects)


def test_top_level_holds_only_what_the_design_names():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0 or not listed.stdout:
        pytest.skip("this is not a git checkout")
    assert {path.split("/")[0] for path in listed.stdout.splitlines()} <= set(TOP_LEVEL)
