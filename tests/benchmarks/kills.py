"""Kill what writes, at random times, and look at what is there afterwards.

    OMP_NUM_THREADS=1 python tests/benchmarks/kills.py --n 20 --seed 0

Each of `fit` with a checkpoint, `FittedModel.save`, `io.write_fcs` and the command line `scgsr fit` runs in a forked
process that is ended by SIGKILL or by SIGTERM at a random time. Then the target must be whole, the old or the new one,
or absent where there was none; the fit must go on to the same bits. What a killed process has left beside the target
must go with the next write; after SIGTERM the command line may leave nothing. (SIGTERM ends a script of one's own
as SIGKILL does, unless it asks Python for more.) Prints how many ended how; every fault has a line of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np

from scgsr import FittedModel, get, io, tl
from scgsr.cli import main as command_line

SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM}
QUICK = {"graph": (6, 6), "hidden": (16,), "batch_size": 64, "early_stopping": False, "progress": False}
LITTER = ".scgsr-unfinished-"


class Fault(Exception):
    """What may not be there after a kill."""


def cells(seed: int) -> ad.AnnData:
    """Return 600 cells x 12 features of four groups."""
    rng = np.random.default_rng(seed)
    values = 3 * (rng.integers(4, size=600)[:, None] == np.arange(12) // 3) + rng.normal(size=(600, 12))
    adata = ad.AnnData(values.astype(np.float32))
    adata.var_names = [f"marker {i}" for i in range(12)]
    return adata


def demand(holds: bool, fault: str) -> None:
    if not holds:
        raise Fault(fault)


class Fit:
    """A fit that writes its state after each epoch."""

    def __init__(self, work: Path) -> None:
        self.whole = self._fit(work / "reference")

    def _fit(self, folder: Path) -> np.ndarray:
        adata = tl.fit(cells(0), n_epochs=12, checkpoint=folder, copy=True, **QUICK)
        return adata.obsm["X_gsr"]

    def run(self, folder: Path) -> None:
        self._fit(folder / "run")

    def check(self, folder: Path) -> str:
        """Let it go on; the state must be there, whole or not at all."""
        had_state = (folder / "run" / "checkpoint.safetensors").exists()
        demand(np.array_equal(self._fit(folder / "run"), self.whole), "other bits")
        demand(os.listdir(folder / "run") == ["checkpoint.safetensors"], f"litter: {os.listdir(folder / 'run')}")
        return "went on to the same bits" if had_state else "began anew, the same bits"


class Save:
    """Two models that replace each other in one folder, over and over."""

    target, seconds = "model", 0.4  # long enough for some turns

    def __init__(self, work: Path) -> None:
        self.fits = [cells(seed) for seed in range(2)]
        for adata in self.fits:
            tl.fit(adata, n_epochs=1, **QUICK)
        self.contents = [get.model(adata).activations(adata.X) for adata in self.fits]

    def write(self, number: int, path: Path) -> None:
        get.model(self.fits[number]).save(path, overwrite=True)

    def read(self, number: int, path: Path) -> np.ndarray:
        return FittedModel.load(path).activations(self.fits[number].X)

    def run(self, folder: Path) -> None:
        for turn in range(1000):
            self.write(turn % 2, folder / self.target)

    def check(self, folder: Path) -> str:
        """Read the target, then write once more."""
        ended = self.what(folder / self.target) if self.is_there(folder / self.target) else "absent"
        self.write(0, folder / self.target)
        demand(self.what(folder / self.target) == "the first", "the next write does not hold")
        return ended

    def is_there(self, path: Path) -> bool:
        return (path / "model.json").exists()  # written last: a folder without it holds no model

    def what(self, path: Path) -> str:
        """Return which of the two the target is, whole."""
        same = [np.array_equal(self.read(number, path), self.contents[number]) for number in range(2)]
        demand(any(same), "neither of the two")
        return "the first" if same[0] else "the second"


class WriteFcs(Save):
    """Two FCS files that replace each other."""

    target = "cells.fcs"

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        self.contents = []
        for number in range(2):
            self.write(number, work / self.target)
            self.contents.append((work / self.target).read_bytes())

    def write(self, number: int, path: Path) -> None:
        io.write_fcs(self.fits[number], path, overwrite=True)

    def read(self, number: int, path: Path) -> Any:
        return np.frombuffer(path.read_bytes(), dtype=np.uint8)

    def is_there(self, path: Path) -> bool:
        return path.exists()

    def what(self, path: Path) -> str:
        demand(path.read_bytes() in self.contents, "neither of the two")
        demand(io.read_fcs(path).n_obs == 600, "not all cells")
        return "the first" if path.read_bytes() == self.contents[0] else "the second"


class CommandLine:
    """`scgsr fit` from one file into another, over an older result or over nothing."""

    def __init__(self, work: Path) -> None:
        self.input = work / "input.h5ad"
        cells(0).write_h5ad(self.input)
        self.old = work / "old.h5ad"
        cells(1).write_h5ad(self.old)
        self.turn = 0
        self._call(work / "new.h5ad")
        self.new = ad.read_h5ad(work / "new.h5ad").obsm["X_gsr"]

    def _call(self, output: Path) -> None:
        options = ["--graph", "6x6", "--n-epochs", "3", "--overwrite", "--quiet"]
        command_line(["fit", str(self.input), str(output), *options])

    def run(self, folder: Path) -> None:
        self._call(folder / "output.h5ad")

    def prepare(self, folder: Path) -> None:
        """Put an older result there in every second turn."""
        self.turn += 1
        if self.turn % 2:
            (folder / "output.h5ad").write_bytes(self.old.read_bytes())

    def check(self, folder: Path) -> str:
        """Read the output, then run the command again."""
        ended = self.what(folder / "output.h5ad")
        demand(ended == "new" or (ended == "old") == bool(self.turn % 2), f"{ended}, which it was not")
        self._call(folder / "output.h5ad")
        demand(self.what(folder / "output.h5ad") == "new", "the next command does not hold")
        return ended

    def what(self, path: Path) -> str:
        if not path.exists():
            return "absent"
        if path.read_bytes() == self.old.read_bytes():
            return "old"
        demand(np.array_equal(ad.read_h5ad(path).obsm["X_gsr"], self.new), "other bits")
        return "new"


KINDS: dict[str, Any] = {"fit": Fit, "save": Save, "write_fcs": WriteFcs, "command line": CommandLine}


def seconds_of(run: Callable[[Path], None], folder: Path) -> float:
    """Return how long a run takes in a forked process, at most ten seconds."""
    folder.mkdir()
    start = time.perf_counter()
    killed(run, folder, 10.0, signal.SIGKILL)
    return time.perf_counter() - start


def killed(run: Callable[[Path], None], folder: Path, seconds: float, number: int) -> bool:
    """Run in a forked process and send it a signal after some seconds; return whether that ended it."""
    process = os.fork()
    if process == 0:
        with contextlib.suppress(BaseException):
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
                run(folder)
            os._exit(0)
        os._exit(1)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end and not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        time.sleep(0.001)
    os.kill(process, number)
    _, status = os.waitpid(process, 0)
    return status != 0


def tried(kind: Any, folder: Path, seconds: float, name: str, *, clean: bool) -> str:
    """Kill once and look; return how it ended."""
    folder.mkdir()
    if hasattr(kind, "prepare"):
        kind.prepare(folder)
    was_killed = killed(kind.run, folder, seconds, SIGNALS[name])
    litter = list(folder.rglob(f"{LITTER}*"))
    try:
        demand(not (litter and clean), f"litter after {name}: {litter}")
        ended = kind.check(folder)
        demand(not list(folder.rglob(f"{LITTER}*")), "the next write leaves the litter")
    except Exception as error:  # noqa: BLE001  # whatever it is, it is what is looked for
        return f"FAULT {type(error).__name__}: {error}"
    return f"{ended}{'' if was_killed else ' (had ended)'}{', litter that went' if litter else ''}"


def counted(kind: str, n: int, seed: int, work: Path) -> dict[str, Counter[str]]:
    """Kill `n` times by each signal; return how these ended."""
    work.mkdir()
    made, rng = KINDS[kind](work), np.random.default_rng(seed)
    longest = getattr(made, "seconds", None) or seconds_of(made.run, work / "measured")
    counts: dict[str, Counter[str]] = {}
    for name in SIGNALS:
        clean = kind == "command line" and name == "SIGTERM"
        times = rng.uniform(0, longest, n)
        folders = (work / f"{name}-{turn}" for turn in range(n))
        counts[name] = Counter(
            tried(made, folder, seconds, name, clean=clean) for folder, seconds in zip(folders, times, strict=True)
        )
    return counts


def main() -> int:
    """Kill each kind `--n` times by each signal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=20, help="kills of each kind by each signal (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of the times (default: 0)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="which (default: all)")
    options = parser.parse_args()
    logging.getLogger("scgsr").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    n_faults = 0
    for kind in options.kinds:
        with tempfile.TemporaryDirectory() as work:
            for name, counts in counted(kind, options.n, options.seed, Path(work) / "work").items():
                for ended, count in counts.most_common():
                    sys.stdout.write(f"{kind:<14}{name:<9}{count:>4}  {ended}\n")
                    n_faults += count * ended.startswith("FAULT")
        sys.stdout.flush()
    sys.stdout.write(f"{2 * len(options.kinds) * options.n} kills, {n_faults} faults\n")
    return int(n_faults > 0)


if __name__ == "__main__":
    sys.exit(main())
