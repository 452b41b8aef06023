"""Damage stored fits in many ways and use them: each works, or is refused by an error that names the argument.

    python tests/benchmarks/fuzz_records.py --kind folder --n 10000 --seed 0

Kinds are `folder` (what `FittedModel.save` wrote), `record` (`.uns` in memory, of all forms that are read) and
`checkpoint`. Digests and identities are made anew, so that damage gets past them. Prints how many cases worked, how
many were refused and for which reason, the longest time, and how far memory has grown. A case that ends in another way,
or takes more than 5 s or 300 MB, is named by its number.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import re
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anndata as ad
import matplotlib as mpl
import numpy as np
import pandas as pd
from safetensors.numpy import load, save
from scipy import sparse

from scgsr import FittedModel, get, graphs, pl, tl
from scgsr._model import _files, _record
from scgsr._train import _checkpoint

MAX_SECONDS, MAX_BYTES = 5.0, 300_000_000
FIXTURES = Path(__file__).parents[1] / "fixtures"
QUICK = {"n_epochs": 2, "hidden": (4,), "batch_size": 20, "progress": False}
OURS = (ValueError, KeyError, TypeError, FileNotFoundError)
# What may take the place of anything.
VALUES: list[Callable[[], Any]] = [
    lambda: None, lambda: True, lambda: 0, lambda: -1, lambda: 2.5, lambda: float("nan"), lambda: float("inf"),
    lambda: 10**9, lambda: 2**63, lambda: 10**30, lambda: 1e308, lambda: "", lambda: "x", lambda: "nan", list,
    dict, lambda: [1, [2]], lambda: {"a": {"b": None}}, lambda: [None] * 3, lambda: "é\0",
]  # fmt: skip
ARRAYS: list[Callable[[], Any]] = [
    lambda: np.empty(0), lambda: np.zeros((2, 2)), lambda: np.array(7), lambda: np.array(["x"], dtype=object),
    lambda: np.full(3, np.nan), lambda: sparse.csr_matrix((3, 3)), lambda: pd.DataFrame({"a": [1]}),
    lambda: np.array([2**62]), lambda: np.array([{}, None], dtype=object), lambda: np.zeros(0, dtype="datetime64[s]"),
]  # fmt: skip


# --- Damage ----------------------------------------------------------------------------------------------------------


def places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container in a record, with every key in it."""
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree))) if isinstance(tree, list) else []
    for key in keys:
        yield tree, key
        yield from places(tree[key])


def damage(tree: Any, rng: np.random.Generator, *, arrays: bool = True) -> None:
    """Spoil one to three places of a record."""
    for _ in range(int(rng.integers(1, 4))):
        there = list(places(tree))
        if not there:
            return
        container, key = there[rng.integers(len(there))]
        match rng.integers(6):
            case 0:
                del container[key]
            case 1:
                container[key] = chosen(VALUES + (ARRAYS if arrays else []), rng)()
            case 2:
                other, name = there[rng.integers(len(there))]
                container[key] = copy.deepcopy(other[name])
            case _:
                container[key] = spoilt(container[key], rng)


def chosen(options: list[Any], rng: np.random.Generator) -> Any:
    return options[rng.integers(len(options))]


def spoilt(value: Any, rng: np.random.Generator) -> Any:
    """Return a value that is like another one, and wrong."""
    if isinstance(value, np.ndarray):
        return spoilt_array(value, rng)
    if sparse.issparse(value):
        return spoilt_matrix(value, rng)
    if isinstance(value, pd.DataFrame):
        return spoilt_frame(value, rng)
    if isinstance(value, str) and value.startswith("{"):
        inner = json.loads(value)
        damage(inner, rng, arrays=False)
        return json.dumps(inner)
    if isinstance(value, str):
        return chosen([value * 2, value[:-1], f"{value}x", value.upper(), 0], rng)
    if isinstance(value, bool | int | float | np.number):
        return chosen(
            [-value if not isinstance(value, bool) else 7, value + 1, value * 10**9, str(value), [value]], rng
        )
    return chosen(VALUES, rng)()


def spoilt_array(value: np.ndarray, rng: np.random.Generator) -> Any:
    """Return an array of another type, shape or order, or with values out of range."""
    if value.size and rng.random() < 0.4 and value.dtype.kind in "if":
        changed = value.astype(value.dtype.kind + "8")
        numbers = [-1, 0, 10**6, 2**40] + ([np.nan, np.inf, -np.inf, 1e30, -1e30] if value.dtype.kind == "f" else [])
        changed.reshape(-1)[rng.integers(value.size, size=int(rng.choice([1, value.size])))] = chosen(numbers, rng)
        return changed
    kinds = ["f8", "i8", "u1", "bool", "c16", "S3", "O", "f2"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        changes: list[Callable[[], Any]] = [
            lambda: value[:-1] if value.ndim else value.reshape(1),
            lambda: np.concatenate([value, value]) if value.ndim else value.reshape(1, 1),
            lambda: value.T, lambda: value.ravel(), lambda: value[None], lambda: value[:0] if value.ndim else value,
            lambda: value[::-1] if value.ndim else value, lambda: value.tolist(), lambda: -value,
            lambda: value.astype(chosen(kinds, rng)), lambda: sparse.csr_matrix(np.atleast_2d(value)),
        ]  # fmt: skip
        try:
            return chosen(changes, rng)()
        except (TypeError, ValueError):  # texts are no numbers
            return value[:0]


def spoilt_matrix(value: Any, rng: np.random.Generator) -> Any:
    """Return a sparse matrix of another shape, form or symmetry, with values or indices out of range."""
    changed, n = value.tocsr(copy=True), value.shape[0]
    part = chosen([changed.data, changed.indices, changed.indptr], rng)
    match rng.integers(6):
        case 0:
            return chosen(
                [changed.toarray, changed.tocsc, changed.tocoo, changed.transpose, lambda: changed[:-1]], rng
            )()
        case 1:
            return sparse.csr_matrix((n + 1, value.shape[1]))
        case 2 if n:
            return sparse.random(n, value.shape[1], 0.3, format="csr", random_state=1)
        case 3:
            changed.data = changed.data.astype(chosen(["f4", "i8", "bool", "c16"], rng))
            return changed
        case _ if part.size:
            part[rng.integers(part.size)] = chosen([-1, 0, 10**6, 2**31 - 1], rng)
            if rng.random() < 0.3:
                changed.data[:] = chosen([np.nan, np.inf, -1, 0], rng)
    return changed


def spoilt_frame(value: pd.DataFrame, rng: np.random.Generator) -> Any:
    """Return a table without columns or rows, with columns twice, or of other types."""
    columns = list(value)
    if not columns:
        return pd.DataFrame({"kept": ["x"]})
    name = chosen(columns, rng)
    changes: list[Callable[[], Any]] = [
        lambda: value.drop(columns=name), lambda: value[:0], lambda: value.assign(**{str(name): "x"}),
        lambda: value.assign(**{str(name): np.nan}), lambda: value[[*columns, name]], lambda: value.to_dict("list"),
        lambda: value.rename(columns={name: 3}), lambda: pd.concat([value, value]),
        lambda: value.assign(epoch=[[1]] * len(value)),
    ]  # fmt: skip
    return chosen(changes, rng)()


def spoilt_bytes(content: bytes, rng: np.random.Generator) -> bytes:
    """Return a file that was cut, lengthened, or of which bytes were changed, moved or repeated."""
    changed = bytearray(content)
    start = int(rng.integers(len(changed)))
    match rng.integers(5):
        case 0:
            del changed[start:]
        case 1:
            changed += rng.bytes(int(rng.integers(1, 100)))
        case 2:
            for position in rng.integers(len(changed), size=int(rng.integers(1, 10))):
                changed[position] = rng.integers(256)
        case 3:
            changed[start : start + 4] = chosen([b"9999", b"null", b'"x":', b"[[[[", b"}}}}", b"-1e9"], rng)
        case _:
            del changed[start : start + int(rng.integers(1, 100))]
    return bytes(changed)


# --- What is damaged -------------------------------------------------------------------------------------------------


def cells() -> ad.AnnData:
    """Return 60 cells x 6 features of three groups."""
    rng = np.random.default_rng(0)
    group = np.arange(60) % 3
    values = 3 * (group[:, None] == np.arange(6) // 2) + rng.normal(size=(60, 6))
    obs = pd.DataFrame({"group": pd.Categorical([f"group {i}" for i in group])}, index=[f"cell_{i}" for i in range(60)])
    return ad.AnnData(values.astype(np.float32), obs=obs, var=pd.DataFrame(index=[f"feature_{i}" for i in range(6)]))


def fits() -> list[ad.AnnData]:
    """Return cells with fits on graphs of several kinds, and the stored ones of older versions."""
    made = []
    for graph, more in (
        ((3, 4), {}),
        (graphs.ring(5), {"batch_key": "group"}),
        (graphs.learned(6, n_neighbors=2), {}),
        (graphs.ring(8), {"atoms": graphs.Atoms()}),
    ):
        made.append(cells())
        tl.fit(made[-1], graph, **QUICK, **more)
    tl.score(made[0], n_permutations=9)
    return made + [ad.read_h5ad(FIXTURES / f"fit_schema_{schema}.h5ad") for schema in range(2, _record.SCHEMA + 1)]


class Folders:
    """Damaged folders of models, and what uses one."""

    def __init__(self, work: Path) -> None:
        self.work, self.bases = work, fits()[:4]
        self.stored = []
        for number, adata in enumerate(self.bases):
            get.model(adata).save(work / str(number))
            outer = json.loads((work / str(number) / "model.json").read_text())
            self.stored.append((outer, (work / str(number) / outer["arrays"]).read_bytes()))

    def calls(self, rng: np.random.Generator) -> list[Callable[[], Any]]:
        """Write a damaged folder, and return what to do with it."""
        number = int(rng.integers(len(self.bases)))
        outer, content = copy.deepcopy(self.stored[number])
        folder = self.work / "damaged"
        folder.mkdir(exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
        way = rng.integers(4)
        if way == 0:
            content = spoilt_bytes(content, rng)
        elif way > 1:
            outer["record"], content = damaged_record(outer["record"], content, rng)
        name = outer["arrays"] = f"arrays-{_files.digest(content)}.safetensors"
        if rng.random() < 0.1:
            damage(outer, rng, arrays=False)
        text = json.dumps(outer).encode()
        (folder / "model.json").write_bytes(spoilt_bytes(text, rng) if way == 1 else text)
        (folder / name).write_bytes(content)
        new = ad.AnnData(self.bases[number].X.copy(), var=self.bases[number].var.copy())
        return [lambda: used(FittedModel.load(folder), new), lambda: tl.transform(new, folder, copy=True)]


def damaged_record(tree: Any, content: bytes, rng: np.random.Generator) -> tuple[Any, bytes]:
    """Return the parts of a model in files, damaged in its JSON, or in its values with a new identity."""
    arrays = load(content)
    if rng.random() < 0.4:
        damage(tree, rng, arrays=False)
        return tree, content
    record = _files.unpack(tree, arrays)
    damage(record, rng, arrays=False)
    record = identified(record, rng)
    try:
        tree, arrays = _files.pack(record)
        json.dumps(tree)
        return tree, save(arrays)
    except (TypeError, ValueError, AttributeError, KeyError):  # no file can hold it
        return None, content


def identified(record: Any, rng: np.random.Generator) -> Any:
    """Return a record with the identity of what it is now, where it can have one."""
    if rng.random() < 0.1:
        return record
    try:
        return _record.with_identity(record)
    except Exception:  # noqa: BLE001  # whatever it is, it has none
        return record


def used(model: FittedModel, new: ad.AnnData) -> None:
    """Apply a model in all ways."""
    repr(model)
    activations = model.activations(new.X)
    model.decode(activations)
    model.reconstruct(new.X)
    if model.novelty_reference is not None:
        model.novelty(new.X)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
        FittedModel.load(folder)


class Records:
    """Damaged records in `.uns`, of all forms, and what reads one."""

    def __init__(self, work: Path) -> None:
        self.bases = fits()

    def calls(self, rng: np.random.Generator) -> list[Callable[[], Any]]:
        """Return the calls on cells whose record is damaged."""
        adata = chosen(self.bases, rng).copy()
        record = {**adata.uns["gsr"]}
        damage(record, rng)
        if isinstance(record.get("schema"), int | np.integer) and record["schema"] == _record.SCHEMA:
            record = identified(record, rng)
            if "gsr_fit" in adata.obs and rng.random() < 0.9:
                adata.obs["gsr_fit"] = pd.Categorical([str(record.get("id"))] * adata.n_obs)
        adata.uns["gsr"] = record
        new = ad.AnnData(adata.X.copy(), var=adata.var.copy())
        if "batch_key" in str(record.get("params")):
            new.obs = adata.obs[[name for name in ("group",) if name in adata.obs]].copy()
        return [
            lambda: get.model(adata),
            lambda: get.neurons(adata),
            lambda: tl.transform(new, adata, copy=True),
            lambda: get.images(adata),
            lambda: tl.cluster(adata, resolution=2, copy=True),
            lambda: tl.score(adata, n_permutations=9, copy=True),
            lambda: pl.activation_map(adata, show=False),
        ]


class Checkpoints:
    """Damaged states of a run, and the fit that goes on from one."""

    def __init__(self, work: Path) -> None:
        self.work, self.cells = work, cells()
        self.states: list[tuple[Any, bytes]] = []
        for graph in ((2, 3), graphs.learned(6, n_neighbors=2)):
            self.states += [(graph, content) for content in self._states(work / f"run_{len(self.states)}", graph)]

    def _states(self, folder: Path, graph: Any) -> list[bytes]:
        """Return the states after each epoch of a run."""
        states, write = [], _checkpoint.Checkpoint.write

        def kept(checkpoint: Any, state: Any) -> None:
            write(checkpoint, state)
            states.append(checkpoint.path.read_bytes())

        _checkpoint.Checkpoint.write = kept
        try:
            self._fit(folder, graph)
        finally:
            _checkpoint.Checkpoint.write = write
        return states

    def _fit(self, folder: Path, graph: Any) -> None:
        tl.fit(self.cells, graph, checkpoint=folder, copy=True, **QUICK)

    def calls(self, rng: np.random.Generator) -> list[Callable[[], Any]]:
        """Write a damaged state, and return the fit that goes on from it."""
        graph, content = chosen(self.states, rng)
        folder = self.work / "damaged_run"
        folder.mkdir(exist_ok=True)
        content = spoilt_bytes(content, rng) if rng.random() < 0.3 else self._damaged_state(content, rng)
        (folder / "checkpoint.safetensors").write_bytes(content)
        return [lambda: self._fit(folder, graph)]

    @staticmethod
    def _damaged_state(content: bytes, rng: np.random.Generator) -> bytes:
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
        arrays, tree = load(content), json.loads(header["state"])
        if rng.random() < 0.5:
            damage(tree, rng, arrays=False)
        else:
            state = _files.unpack(tree, arrays)
            damage(state, rng, arrays=False)
            try:
                tree, arrays = _files.pack(state)
                json.dumps(tree)
            except (TypeError, ValueError, AttributeError, KeyError):  # no file can hold it
                tree = None
        if rng.random() < 0.1:
            identity = json.loads(header["identity"])
            damage(identity, rng, arrays=False)
            header["identity"] = json.dumps(identity)
        header["state"] = json.dumps(tree)
        header["digest"] = _checkpoint._digest_of(header, arrays)
        return save(arrays, metadata=header)


KINDS: dict[str, Any] = {"folder": Folders, "record": Records, "checkpoint": Checkpoints}


# --- How a case ends -------------------------------------------------------------------------------------------------


def outcome(calls: list[Callable[[], Any]]) -> str:
    """Make calls until one is refused; return "works", why it was refused, or how else it ended."""
    import matplotlib.pyplot as plt

    refused = ""
    for call in calls:
        try:
            call()
        except OURS as error:
            if not re.match(r"[\"']?`\w+`", str(error)):
                return f"FOREIGN {type(error).__name__}: {error}"
            refused = refused or reason_of(str(error))
        except Exception as error:  # noqa: BLE001  # that nothing else is raised is what is tested
            return f"ESCAPED {type(error).__name__}: {error}"
        finally:
            plt.close("all")
        if refused and call is calls[0]:  # nothing else could be done with it
            return refused
    return refused or "works"


def reason_of(message: str) -> str:
    """Return what is wrong, without names and numbers."""
    reason = re.search(r"\((.*)\)", message)
    return re.sub(r"'[^']*'?|\"[^\"]*\"?|\[.*?\]|-?\d[\d,.]*|/\S+", "_", reason[1] if reason else message)[:70]


def measured(calls: list[Callable[[], Any]]) -> tuple[str, float, int]:
    """Return how a case ends, the seconds that it takes, and how far it raises the most memory that was ever used."""
    before, start = most_memory(), time.process_time()
    ended = outcome(calls)
    return ended, time.process_time() - start, most_memory() - before


def most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def is_fault(ended: str, seconds: float, n_bytes: int) -> bool:
    """Return whether a case ended as none may."""
    return ended.split()[0] in ("FOREIGN", "ESCAPED") or seconds > MAX_SECONDS or n_bytes > MAX_BYTES


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Damage and use `--n` stored fits of a kind."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kind", choices=KINDS, default="record", help="what is damaged (default: record)")
    parser.add_argument("--n", type=int, default=10_000, help="how many (default: 10,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default: 0)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case (default: 0)")
    options = parser.parse_args()
    mpl.use("Agg")
    logging.getLogger("scgsr").setLevel(logging.CRITICAL)
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    most_seconds, faults = 0.0, 0
    with tempfile.TemporaryDirectory() as work:
        damaged = KINDS[options.kind](Path(work))
        outcome(damaged.calls(np.random.default_rng(0)))  # what is imported by the first case is not measured
        before = most_memory()
        for number in range(options.first, options.first + options.n):
            calls = damaged.calls(np.random.default_rng([options.seed, number]))
            ended, seconds, n_bytes = measured(calls)
            counts[ended] += 1
            most_seconds = max(most_seconds, seconds)
            if is_fault(ended, seconds, n_bytes):
                faults += 1
                say(f"case {number}: {seconds:.1f} s, {n_bytes:,} bytes: {ended[:300]}")
        grown = (most_memory() - before) / 1e6
    for ended, count in counts.most_common():
        say(f"{count:>7,}  {ended[:100]}")
    say(f"{options.n:,} cases, {faults} faults; at most {most_seconds:.2f} s for one; memory grew by {grown:.0f} MB")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
