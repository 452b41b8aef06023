"""What `speed.py` compares: training with that of scVI and with matrix products, labels with FlowSOM's."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from statistics import median
from time import perf_counter
from typing import NamedTuple

import numpy as np
import torch
from _data import Dataset
from _fit import Fit, NotRunError, imported
from _methods import METHODS
from anndata import AnnData

import scgsr

SHEET = (10, 10)
# Hidden layer and code of both networks, and those that scVI has by itself.
WIDTHS, SCVI_WIDTHS = (256, 100), (128, 10)
# Rows and columns of the matrices whose product is timed, and how often in one go.
MATMUL_WIDTH, MATMULS = 1024, 20
# More epochs are never tried; the number of epochs grows at most so many times from pilot to pilot.
MOST_EPOCHS, STRIDE = 20_000, 10
NOT_INSTALLED = "not installed"


# --- In alternation ---------------------------------------------------------------------------------------------------


def alternated(timed: dict[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Call each in turn, round by round; return what they gave."""
    found: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(repeats):
        for name, measure in timed.items():
            found[name].append(measure())
    return found


def middle(values: list[float | None]) -> float | None:
    """Return the median, None if there is none."""
    found = math.nan if None in values else float(np.median(values))
    return found if math.isfinite(found) else None


# --- Training ---------------------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """Size, batch and targets of one comparison of training; `mean` is that of the counts."""

    n_cells: int
    n_features: int
    batch_size: int
    mean: float
    transform: np.ufunc
    target: float
    share: float | None = None

    def operations(self) -> int:
        """Return what a cell costs: 4 per weight of the first layer, which passes no gradient on, else 6."""
        hidden, code = WIDTHS
        return self.n_features * hidden * (4 + 6) + 6 * 2 * hidden * code

    def shrunk(self) -> Case:
        """Return a tenth of it, for a quick run."""
        return self._replace(n_cells=self.n_cells // 10, n_features=max(self.n_features // 10, 13))


CASES = [
    Case(10_000, 2_000, 128, 0.5, np.log1p, 10),
    Case(10_000, 2_000, 512, 0.5, np.log1p, 4, share=0.65),
    Case(25_000, 13, 128, 50, np.arcsinh, 10),
]


def counts(n_cells: int, n_features: int, *, mean: float, n_groups: int = 10) -> np.ndarray:
    """Return simulated counts, (n_cells, n_features) float32: a gamma-Poisson mixture with groups of cells."""
    rng = np.random.default_rng(0)
    expected = rng.gamma(0.5, mean / 0.5, size=(n_groups, n_features))
    rates = rng.gamma(2, expected[rng.integers(0, n_groups, n_cells)] / 2)
    return rng.poisson(rates).astype(np.float32)


class Throughput:
    """Cells per second and epoch, from the time of two trainings of different length: what is not training cancels.

    `seconds` trains for so many epochs and returns how long it took. Pilots, which also warm up, lengthen the second
    training until it takes at least `difference` seconds more than the first, of one epoch, twice in a row.
    """

    def __init__(self, seconds: Callable[[int], float], n_cells: int, difference: float) -> None:
        self._seconds, self._n_cells = seconds, n_cells
        self.n_epochs = 2
        seconds(1)
        while (gap := self._shorter_gap(difference)) < difference and self.n_epochs < MOST_EPOCHS:
            # A tenth more than seems to be needed; a gap below nothing is noise.
            stride = 1.1 * difference / max(gap, difference / STRIDE)
            self.n_epochs = 1 + math.ceil((self.n_epochs - 1) * stride)
        self.gaps: list[float] = []  # seconds, measurement by measurement

    def __call__(self) -> float:
        """Measure once; NaN if the longer training was not the longer one."""
        self.gaps.append(self._gap())
        return self._n_cells * (self.n_epochs - 1) / self.gaps[-1] if self.gaps[-1] > 0 else math.nan

    def _gap(self) -> float:
        """Return by how many seconds the longer training was longer."""
        short = self._seconds(1)
        return self._seconds(self.n_epochs) - short

    def _shorter_gap(self, difference: float) -> float:
        """Return the gap; if it seems long enough, the shorter of two, because other processes make some longer."""
        gap = self._gap()
        return gap if gap < difference else min(gap, self._gap())


def scvi(values: np.ndarray, n_hidden: int, n_latent: int, batch_size: int) -> Callable[[int], float]:
    """Return a function that trains an scVI model of these counts for some epochs more and returns the seconds.

    Raises NotRunError if scVI is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scvi = imported("scvi", "scvi-tools")
        for talker in ("lightning.fabric", "lightning.pytorch", "scvi"):
            logging.getLogger(talker).setLevel(logging.ERROR)
        scvi.settings.seed = 0
        adata = AnnData(values)
        scvi.model.SCVI.setup_anndata(adata)
        model = scvi.model.SCVI(adata, n_hidden=n_hidden, n_latent=n_latent, n_layers=1)
    quiet = dict.fromkeys(("enable_progress_bar", "enable_model_summary", "enable_checkpointing", "logger"), False)
    return partial(_trained, partial(model.train, train_size=1.0, accelerator="cpu", batch_size=batch_size, **quiet))


def _trained(train: Callable[..., None], n_epochs: int) -> float:
    """Return how many seconds so many epochs more took."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = perf_counter()
        train(max_epochs=n_epochs)
        return perf_counter() - start


def matmul_rate() -> float:
    """Return floating-point operations per second of the product of two square float32 matrices."""
    one, other = torch.rand(2, MATMUL_WIDTH, MATMUL_WIDTH)
    product = torch.empty(MATMUL_WIDTH, MATMUL_WIDTH)
    seconds = []
    for _ in range(MATMULS):
        start = perf_counter()
        torch.mm(one, other, out=product)
        seconds.append(perf_counter() - start)
    return 2 * MATMUL_WIDTH**3 / median(seconds)


def rates(case: Case, difference: float, n_repeats: int) -> tuple[dict[str, float | None], str, str | None]:
    """Return cells per second by name and the matmul rate, what was subtracted, and why scVI did not run."""
    simulated = counts(case.n_cells, case.n_features, mean=case.mean)
    timed = {"scgsr": partial(_seconds_of_fit, AnnData(case.transform(simulated)), case.batch_size)}
    reason = None
    try:
        timed["same widths"] = scvi(simulated, *WIDTHS, case.batch_size)
        timed["own widths"] = scvi(simulated, *SCVI_WIDTHS, case.batch_size)
    except NotRunError:
        reason = NOT_INSTALLED
    trained = {name: Throughput(seconds, case.n_cells, difference) for name, seconds in timed.items()}
    matmul_rate()
    found = alternated({**trained, "matmul": matmul_rate}, n_repeats)
    spans = "; ".join(f"{name} {run.n_epochs - 1} in {middle(run.gaps):.2g} s" for name, run in trained.items())
    return {name: middle(values) for name, values in found.items()}, spans, reason


def _seconds_of_fit(adata: AnnData, batch_size: int, n_epochs: int) -> float:
    """Train on all cells for so many epochs and return the seconds, start and labels included."""
    whole = {"validation_fraction": 0.0, "early_stopping": False}
    start = perf_counter()
    scgsr.tl.fit(
        adata, SHEET, hidden=WIDTHS[0], n_epochs=n_epochs, batch_size=batch_size, device="cpu", progress=False, **whole
    )
    return perf_counter() - start


# --- Labels -----------------------------------------------------------------------------------------------------------


def labellers(dataset: Dataset, n_epochs: int | None) -> tuple[dict[str, Callable[[], float]], str | None]:
    """Return what labels the cells once, with another seed each time, warm; and why FlowSOM cannot."""

    def once(method: Callable[..., Fit], seeds: Iterator[int]) -> float:
        return method(dataset, next(seeds)).seconds

    ours = {"learned": "scgsr-learned", "sheet": "scgsr-grid"}
    timed = {name: partial(once, partial(METHODS[method], n_epochs=n_epochs), count()) for name, method in ours.items()}
    timed["FlowSOM"] = partial(once, METHODS["flowsom"], count())
    reason = None
    for name in list(timed):
        try:
            timed[name]()
        except NotRunError:
            del timed[name]
            reason = NOT_INSTALLED
    return timed, reason
