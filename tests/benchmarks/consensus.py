"""Is a consensus steadier than a single fit? Runs from other seeds compared with each other and with known groups.

    SCGSR_DATA=folder python tests/benchmarks/consensus.py [--sets thymus ...] [--runs 3] [--n-fits 5] [--n-cells N]

Run r fits from seed r and adds `n_fits - 1` others, whose seeds follow from r, so that no two runs share a fit. Printed
are the adjusted Rand indices between the consensus labels of each pair of runs, and between single fits of different
runs; and with the known groups those of each consensus, and the median of the single fits.
"""

from __future__ import annotations

import argparse
import itertools
import sys

import numpy as np
import pandas as pd
from _data import load
from sklearn.metrics import adjusted_rand_score

import scgsr
from scgsr.tl import _consensus

SETS = ("thymus", "flowsom_68983", "pbmc3k")


def run(name: str, seed: int, args: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Return the consensus of one run, (n_cells,), and the labels of its fits, (n_cells, n_fits)."""
    adata = load(name, args.n_cells).adata.copy()
    scgsr.tl.fit(adata, n_epochs=args.n_epochs, rng=seed, progress=False)
    seen: list[np.ndarray] = []
    make_record = _consensus._record

    def keep(agreed: object, labels: np.ndarray) -> dict:
        seen.append(labels)
        return make_record(agreed, labels)

    _consensus._record = keep
    try:
        scgsr.tl.consensus(adata, n_fits=args.n_fits, n_jobs=args.jobs, rng=1000 + seed)
    finally:
        _consensus._record = make_record
    return adata.obs["gsr_consensus"].astype(int).to_numpy(), seen[0]


def row(name: str, args: argparse.Namespace) -> dict[str, object]:
    """Return one line of the table."""
    dataset = load(name, args.n_cells)
    consensus, singles = zip(*(run(name, seed, args) for seed in range(args.runs)), strict=True)
    between = [adjusted_rand_score(one, other) for one, other in itertools.combinations(consensus, 2)]
    single = [
        adjusted_rand_score(one, other)
        for run_a, run_b in itertools.combinations(singles, 2)
        for one, other in itertools.product(run_a.T, run_b.T)
    ]
    known = [dataset.agreement(labels) for labels in consensus]
    known_single = [dataset.agreement(labels) for run_a in singles for labels in run_a.T]
    return {
        "set": name,
        "consensus, ARI": f"{np.median(between):.3f} ({min(between):.3f} - {max(between):.3f})",
        "single fits, ARI": f"{np.median(single):.3f} ({min(single):.3f} - {max(single):.3f})",
        "groups, consensus": f"{np.median(known):.3f} ({min(known):.3f} - {max(known):.3f})",
        "groups, single": f"{np.median(known_single):.3f}",
        "modules": " ".join(str(len(np.unique(labels))) for labels in consensus),
    }


def main(arguments: list[str]) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--n-fits", type=int, default=5)
    parser.add_argument("--n-cells", type=int, help="a random sample of so many cells")
    parser.add_argument("--n-epochs", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args(arguments)
    sys.stdout.write(pd.DataFrame([row(name, args) for name in args.sets]).to_string(index=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
