"""Choosing a device."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import anndata
import numpy as np
import pytest
import scanpy as sc
import threadpoolctl
import torch
from anndata import AnnData

from scgsr import _device, get, graphs, tl


def test_best_device_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert _device.choose().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert _device.choose().type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert _device.choose().type == "cpu"


def test_each_process_of_torchrun_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    variables = {"RANK": "6", "LOCAL_RANK": "2", "WORLD_SIZE": "8", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert _device.choose() == torch.device("cuda", 2)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # where each process sees its own alone
    assert _device.choose() == torch.device("cuda", 0)
    assert _device.choose("cpu") == torch.device("cpu")


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu")])
def test_a_device_that_works_is_taken(device):
    assert _device.choose(device) == torch.device("cpu")


@pytest.mark.parametrize("device", ["tpu9", "cuda:99"])
def test_a_device_that_does_not_is_refused_with_the_cure(device):
    with pytest.raises(ValueError, match=r"`device`=.*leave `device=None`"):
        _device.choose(device)


def test_wrong_type():
    with pytest.raises(TypeError, match="`device`"):
        _device.choose(0)


def test_description_says_how_many_threads():
    assert _device.describe(torch.device("cpu")) == f"cpu ({torch.get_num_threads()} threads)"


@pytest.mark.parametrize("precision", [None, "bf16"])
def test_precisions_of_the_cpu(precision):
    assert _device.check_precision(precision, torch.device("cpu")) == precision


def test_steps_are_captured_on_cuda_alone():
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    assert [_device.check_step(step, cuda) for step in _device.STEPS] == list(_device.STEPS)
    assert [_device.check_step(step, device) for step in ("plain", None) for device in (cpu, cuda)] == [
        "plain",
        "plain",
        None,
        None,
    ]
    with pytest.raises(ValueError, match=r"`step`='captured' is for CUDA devices, and this is cpu; leave it out"):
        _device.check_step("captured", cpu)
    with pytest.raises(ValueError, match=r"`step`.*'graph'"):
        _device.check_step("graph", cuda)


def test_a_device_without_memory_says_so():
    with (
        pytest.raises(MemoryError, match="`device`='cuda:1' has too little memory"),
        _device.within_its_memory(torch.device("cuda:1")),
    ):
        raise torch.OutOfMemoryError


def test_a_format_of_cuda_is_refused_elsewhere():
    assert _device.check_precision("tf32", torch.device("cuda")) == "tf32"
    with pytest.raises(ValueError, match=r"`precision`='tf32'.*CUDA"):
        _device.check_precision("tf32", torch.device("cpu"))


@pytest.mark.parametrize(("precision", "error"), [("float64", ValueError), (16, TypeError)])
def test_other_precisions_are_refused(precision, error):
    with pytest.raises(error, match="`precision`"):
        _device.check_precision(precision, torch.device("cpu"))


def test_tf32_is_allowed_for_a_while_and_nothing_else_ever():
    before = torch.get_float32_matmul_precision()
    with _device.multiplying(None):
        assert torch.get_float32_matmul_precision() == before
    with _device.multiplying("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before
    with pytest.raises(KeyError), _device.multiplying("tf32"):
        raise KeyError
    assert torch.get_float32_matmul_precision() == before


def test_the_setting_of_products_is_not_even_read_unless_that_is_asked_for(monkeypatch):
    # torch refuses to tell it after `torch.backends.cuda.matmul.fp32_precision` was set.
    for name in ("get_float32_matmul_precision", "set_float32_matmul_precision"):
        monkeypatch.setattr(torch, name, lambda *_: pytest.fail("the setting was touched"))
    for precision in (None, "bf16"):
        with _device.multiplying(precision):
            pass


def test_data_lives_on_the_device_that_has_room(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 4000))
    assert _device.has_room_for(500, torch.device("cuda"))
    assert not _device.has_room_for(501, torch.device("cuda"))
    assert not _device.has_room_for(1, torch.device("cpu"))  # where it is anyway


def test_bf16_is_refused_where_it_would_be_float32(monkeypatch):
    monkeypatch.setattr(torch.amp, "is_autocast_available", lambda device: False)
    with pytest.raises(ValueError, match="`precision`='bf16' is not available on mps") as caught:
        _device.check_precision("bf16", torch.device("mps"))
    assert caught.value.argument == "precision"


def test_a_device_without_values_is_refused():
    with pytest.raises(ValueError, match="`device`='meta' cannot be used here"):
        _device.choose("meta")


def test_free_memory_is_what_the_system_tells():
    free = _device.free_memory()
    assert free > 1 << 20
    assert (free == float("inf")) is not sys.platform.startswith("linux")


# What a notebook may have set for all of it.
@contextmanager
def default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SETTINGS = {
    "float64": default_dtype,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "device": lambda: torch.device("meta"),
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_nothing_that_a_notebook_has_set_changes_what_is_computed(setting, cells):
    expected = cells.copy()
    arguments = {"graph": (4, 5), "n_epochs": 3, "hidden": 16}
    tl.fit(expected, **arguments)
    with setting():
        tl.fit(cells, **arguments)
        tl.saliency(cells)
        new = cells.copy()
        tl.transform(new, get.model(cells), key_added="again")
        reconstructed = get.model(cells).reconstruct(cells.X)
    tl.saliency(expected)
    assert cells.obsm["X_gsr"].dtype == np.float32
    assert np.array_equal(cells.obsm["X_gsr"], expected.obsm["X_gsr"])
    assert np.array_equal(cells.uns["gsr"]["saliency"]["values"], expected.uns["gsr"]["saliency"]["values"])
    assert cells.uns["gsr"]["id"] == expected.uns["gsr"]["id"]
    assert np.array_equal(new.obsm["X_again"], get.model(expected).activations(cells.X))
    assert np.array_equal(reconstructed, get.model(expected).reconstruct(cells.X))


def test_fits_in_threads_are_those_of_one_thread_and_leave_no_trace(cells):
    torch.set_default_dtype(torch.float64)
    try:
        alone, fits = [cells.copy() for _ in range(4)], [cells.copy() for _ in range(4)]
        for seed, adata in enumerate(alone):
            tl.fit(adata, (4, 5), n_epochs=4, hidden=16, rng=seed)
        run = [
            threading.Thread(target=tl.fit, args=(adata, (4, 5)), kwargs={"n_epochs": 4, "hidden": 16, "rng": seed})
            for seed, adata in enumerate(fits)
        ]
        for thread in run:
            thread.start()
        for thread in run:
            thread.join()
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    for one, other in zip(alone, fits, strict=True):
        assert np.array_equal(one.obsm["X_gsr"], other.obsm["X_gsr"])


def test_a_pool_of_threads_gives_the_bits_of_one_thread(cells):
    def fit_and_map(seed):
        adata = cells.copy()
        tl.fit(adata, (4, 5), n_epochs=3, hidden=16, rng=seed)
        tl.transform(adata, get.model(adata), key_added="again")
        return adata.obsm["X_gsr"].tobytes(), adata.obsm["X_again"].tobytes(), adata.uns["gsr"]["id"]

    alone = [fit_and_map(seed) for seed in range(4)]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(fit_and_map, [*range(4), *range(4)])) == alone * 2


@contextmanager
def computing_in(n_threads):
    """So many threads in torch and in every other library that has threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with threadpoolctl.threadpool_limits(n_threads):
            yield
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("graph", "arguments"),
    [((6, 6), {}), (graphs.learned(36, n_neighbors=4), {}), ((6, 6), {"scale": "feature", "batch_key": "batch"})],
    ids=["components", "learned", "features"],
)
def test_two_threads_give_the_bits_of_one(graph, arguments):
    """On so many cells and features that the libraries do share out the work."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(5, size=1500)
    values = rng.normal(0, 1.5, size=(5, 220))[kinds] + rng.normal(size=(1500, 220))
    cells = AnnData(values.astype(np.float32))
    cells.obs["batch"] = np.where(np.arange(1500) % 3 == 0, "a", "b")
    results = []
    for n_threads in (1, 2):
        adata = cells.copy()
        with computing_in(n_threads):
            tl.fit(adata, graph, n_epochs=2, **arguments)
        results.append([adata.uns["gsr"]["id"], adata.obsm["X_gsr"].tobytes(), adata.obs[["gsr", "gsr_confidence"]]])
    one, two = results
    assert one[:2] == two[:2]
    assert one[2].equals(two[2])


@pytest.mark.slow
@pytest.mark.parametrize(
    "file", ["flowsom_68983", "thymus_masscyt", "cytof_levine32_gated1500", "paul15_counts", "scmix_5cl_celseq2"]
)
def test_labels_of_real_cells_are_equal_with_one_thread_and_two(shared_data, file):
    cells = anndata.read_h5ad(shared_data / f"{file}.h5ad")
    if file.endswith(("counts", "celseq2")):
        sc.pp.normalize_total(cells)
        sc.pp.log1p(cells)
    # What differs after all epochs differs after two; the weekly run trains to the end.
    n_epochs = None if os.environ.get("SCGSR_EXAMPLES") == "weekly" else 2
    labels = []
    for n_threads in (1, 2):
        adata = cells.copy()
        with computing_in(n_threads):
            tl.fit(adata, n_epochs=n_epochs)
        labels.append(adata.obs["gsr"].to_list())
    assert labels[0] == labels[1]


def test_libraries_compute_in_one_thread_for_a_while_also_if_threads_overlap():
    def n_threads():
        return {library.filepath: library.num_threads for library in _device._blas()}

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = n_threads()
        assert set(before.values()) == {2}
        first, second = _device.in_one_thread(), _device.in_one_thread()
        first.__enter__()
        assert set(n_threads().values()) == {1}
        second.__enter__()
        first.__exit__(None, None, None)
        assert set(n_threads().values()) == {1}
        second.__exit__(None, None, None)
        assert n_threads() == before


def test_the_last_thread_to_leave_puts_back_what_the_first_one_found():
    values = ["before"]
    shared = _device._Shared(lambda: values[-1], values.append)
    first, second = shared.at("inside"), shared.at("inside")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert values[-1] == "inside"
    second.__exit__(None, None, None)
    assert values[-1] == "before"


IN_POOLS = """
import multiprocessing, sys
import anndata, numpy, torch
import scgsr

def fit(seed):
    rng = numpy.random.default_rng(0)
    values = 4 * (numpy.arange(400)[:, None] % 4 == numpy.arange(12) % 4) + rng.normal(size=(400, 12))
    adata = anndata.AnnData(values.astype("float32"))
    scgsr.tl.fit(adata, (4, 5), n_epochs=2, hidden=16, rng=seed, device="cpu", progress=False)
    return adata.uns["gsr"]["id"]

if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    alone = [fit(seed) for seed in range(2)]
    for method in sys.argv[2:]:
        with multiprocessing.get_context(method).Pool(2) as pool:
            print(method, pool.map_async(fit, range(2)).get(timeout=300) == alone)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks on this system")
@pytest.mark.parametrize(("n_threads", "methods"), [(1, ["fork", "spawn"]), (2, ["fork"])])
def test_pools_of_processes_give_the_same_bits_and_a_fork_does_not_wait_for_threads_that_are_gone(
    tmp_path, n_threads, methods
):
    (tmp_path / "in_pools.py").write_text(IN_POOLS)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": str(n_threads)}
    command = [sys.executable, "-W", "ignore", str(tmp_path / "in_pools.py"), str(n_threads), *methods]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    # With two threads the fork has one, and the same bits.
    assert done.stdout.split("\n")[:-1] == [f"{method} True" for method in methods]
    assert ("this process was forked" in done.stderr) == (n_threads == 2)


IN_A_FRESH_PROCESS = """
import hashlib
import anndata, numpy
import scgsr

rng = numpy.random.default_rng(0)
values = 4 * (numpy.arange(400)[:, None] % 4 == numpy.arange(12) % 4) + rng.normal(size=(400, 12))
adata = anndata.AnnData(values.astype("float32"))
adata.obs["batch"] = [f"run {i % 3}" for i in range(400)]
for graph in ((4, 5), scgsr.graphs.learned(12, n_neighbors=3)):
    scgsr.tl.fit(adata, graph, batch_key="batch", n_epochs=4, hidden=16, device="cpu", progress=False)
    scgsr.tl.score(adata, n_permutations=9)
    print(adata.uns["gsr"]["id"], hashlib.sha256(adata.obsm["X_gsr"].tobytes()).hexdigest())
    print(adata.obs["gsr"].to_list(), scgsr.get.scores(adata).to_csv())
"""


def test_fresh_processes_give_the_same_bits_whatever_the_order_of_their_sets():
    said = set()
    for seed in ("1", "2", "3"):  # of the hashes, which the order of a set follows
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "ignore", "-c", IN_A_FRESH_PROCESS]
        done = subprocess.run(
            command, env={**environment, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        said.add(done.stdout)
    assert len(said) == 1
    assert len(said.pop().splitlines()) > 8
