"""Steps that are captured come to what plain ones come to; where they cannot be, steps are plain."""

from __future__ import annotations

import copy
import gc
import logging
from contextlib import contextmanager, nullcontext

import pytest
import torch
from _fits import four_groups
from torch.utils._python_dispatch import TorchDispatchMode

from scgsr import _device, _ranks, graphs, tl
from scgsr._model import Autoencoder, AutoencoderConfig
from scgsr._random import torch_generator
from scgsr._train import TrainConfig, _execution
from scgsr._train._regularizer import Regularizer
from scgsr._train._step import Stepper
from scgsr._values import Minibatch
from scgsr.nn import Decay, FixedNoise

SHEET = graphs.grid(10)  # sparse enough for a sparse product
ORIGINS = ("one", "two")
# Sizes of batches, each seen more than once, and a schedule of which each step differs.
SIZES = [40, 39] * 8
NETWORKS = [
    {},
    {"hidden": ()},
    {"threshold": None, "noise": FixedNoise(0.5), "diffusion": 2},
    {"noise": 0.0, "hidden": (9, 5)},
    {"atoms": graphs.Atoms()},
    {"n_components": 4},
    {"origins": ORIGINS},
    {"graph": graphs.modules(3, 4)},
]
PENALTIES = [
    {"correlation": 1.0},
    {"quadratic": 0.5, "l1": 2.0, "weight": 0.1},
    {"spectrum": 1.0, "weight_cosine": 1.0},
    {"rayleigh": 1.0, "l2": 0.1, "batch_mean": 1.0},
]
NEEDS_CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def stepper(step="plain", *, graph=SHEET, penalty=PENALTIES[0], precision=None, device="cpu", **network):
    settings = {"n_features": 7, "hidden": (16,), "threshold": 0.5, "noise": 0.25, "diffusion": 0, **network}
    model = Autoencoder.initialised(AutoencoderConfig(**settings), graph, 0).train().to(device)
    if model.front is not None:
        model.front.learn(cells(40).features.to(device), seed=0)
    config = TrainConfig(
        smoothness=Decay(0.5, factor=0.9),
        start="random",
        anneal=4.0,
        penalty=penalty,
        laplacian="combinatorial",
        balance=0.0,
        n_epochs=1,
        batch_size=40,
        learning_rate=1e-2,
        validation_fraction=0.0,
        early_stopping=False,
        precision=precision,
    )
    return Stepper(model, Regularizer(graph, penalty, "combinatorial").to(device), config, 100, step)


def cells(n, seed=0, device="cpu"):
    rng = torch_generator(seed)
    origins = torch.randint(2, (n,), generator=rng)
    return Minibatch(torch.randn(n, 7, generator=rng).to(device), origins.to(device))


def trained(step, sizes=SIZES, device="cpu"):
    """Train on batches of these sizes; return the losses of all steps, and all that was learned."""
    told = bool(step.network.config.origins)
    noise_rng, losses = torch_generator(1, device), []
    for seed, n in enumerate(sizes):
        batch = cells(n, seed, device)
        found = step.step(batch if told else batch._replace(origins=None), noise_rng)
        losses.append(found.clone())  # which are valid until the next step
    state = {**step.network.state_dict(), **step.regularizer.state_dict(prefix="penalty.")}
    return {"losses": torch.stack(losses), **{name: value.clone() for name, value in state.items()}}


def assert_close(found, expected, tolerance=1e-6):
    """Equal but for rounding: to the tolerance, relative to the largest value of each tensor."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        largest = float(value.abs().max()) + 1e-6
        torch.testing.assert_close(found[name], value, rtol=0, atol=tolerance * max(1.0, largest), msg=name)


# --- Captured ---------------------------------------------------------------------------------------------------------


class Tape(TorchDispatchMode):
    """All operations that are run, on the tensors that they were run on: what a CUDA graph holds, but on the CPU.

    Played again, each reads and writes the memory that it had when it was recorded, and numbers are as they were then.
    """

    def __init__(self):
        super().__init__()
        self.calls = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **(kwargs or {}))
        self.calls.append((operation, args, kwargs or {}, result))
        return result

    def play(self):
        with torch.no_grad():
            for operation, args, kwargs, result in self.calls:
                again = operation(*args, **kwargs)
                for old, new in zip(_tensors(result), _tensors(again), strict=True):
                    if old.data_ptr() != new.data_ptr():
                        old.copy_(new)


def _tensors(result):
    values = result if isinstance(result, tuple | list) else [result]
    return [value for value in values if isinstance(value, torch.Tensor)]


class OnTape:
    """Stands in for the recorder of CUDA: it computes nothing while it records, so all is put back as it was."""

    def __init__(self, device):
        self.n_beside = self.n_recorded = 0

    def beside(self, run):
        self.n_beside += 1
        return run()

    def record(self, run, rng):
        self.n_recorded += 1
        with self.nothing_computed(rng), Tape() as tape:
            losses = run()
        return tape.play, losses

    @contextmanager
    def nothing_computed(self, rng):
        step, before = self.step, rng.get_state()
        kept = [*step.network.state_dict().values(), *step.regularizer.state_dict().values()]
        values = copy.deepcopy(kept)
        yield
        with torch.no_grad():
            for tensor, value in zip(kept, values, strict=True):
                tensor.copy_(value)
        rng.set_state(before)


@pytest.fixture
def on_tape(monkeypatch):
    """Return what makes captured steps on the CPU, and their recorder."""
    monkeypatch.setattr(_execution, "Recorder", OnTape)

    def make(**settings):
        step = stepper("captured", **settings)
        step._execution._recorder.step = step
        return step, step._execution._recorder

    return make


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_captured_steps_of_any_network_are_the_plain_ones(network, on_tape):
    step, recorder = on_tape(**network)
    assert_close(trained(step), trained(stepper(**network)))
    assert (recorder.n_recorded, recorder.n_beside) == (2, 2 * _execution._WARM_UP)  # for two sizes


@pytest.mark.parametrize("precision", [None, "bf16"])
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_captured_steps_of_any_penalty_are_the_plain_ones(penalty, precision, on_tape):
    step, recorder = on_tape(penalty=penalty, precision=precision)
    assert_close(trained(step), trained(stepper(penalty=penalty, precision=precision)))
    assert recorder.n_recorded == 2


def test_a_smoothness_that_is_recorded_as_a_number_is_noticed(on_tape):
    """The tests above can fail: what is 1 in plain steps is not where a number stays as it was recorded."""

    def spoilt(step):
        losses = step.losses

        def spoilt_losses(*inputs):
            reconstruction, penalty = losses(*inputs)
            return reconstruction, penalty * (float(step._weights[1]) / step._weights[1])

        step.losses = spoilt_losses
        return step

    step, _ = on_tape()
    assert_close(trained(spoilt(stepper())), trained(stepper()), 1e-4)
    with pytest.raises(AssertionError):
        assert_close(trained(spoilt(step)), trained(stepper()), 1e-4)


def test_another_graph_is_captured_anew(on_tape):
    step, recorder = on_tape()
    plain = stepper()
    for some in (step, plain):
        trained(some, [40] * 5)
        some.network.layer.set_graph(graphs.ring(100))
        some.regularizer.set_graph(graphs.ring(100))
        some.forget_captured()
    assert_close(trained(step, [40] * 5), trained(plain, [40] * 5))
    assert recorder.n_recorded == 2


def test_of_many_sizes_some_stay_plain(on_tape):
    step, recorder = on_tape()
    sizes = [*range(30, 36)] * 5
    assert_close(trained(step, sizes), trained(stepper(), sizes))
    assert recorder.n_recorded == _execution._MOST_SIZES


def test_nothing_captured_outlives_a_fit(monkeypatch):
    """It holds memory of the device."""
    monkeypatch.setattr(_execution, "Recorder", OnTape)
    monkeypatch.setattr(_device, "check_step", lambda step, device: "captured")
    forgotten, forget = [], _execution.Captured.forget
    monkeypatch.setattr(OnTape, "nothing_computed", lambda self, rng: nullcontext())
    monkeypatch.setattr(
        _execution.Captured, "forget", lambda self: forgotten.append(len(self.recordings)) or forget(self)
    )
    tl.fit(four_groups(), (4, 5), n_epochs=8, batch_size=64, progress=False)
    assert forgotten[-1] > 0


def test_what_cannot_be_captured_is_plain_to_the_bit_and_said_once(on_tape, monkeypatch, caplog):
    def fails(self, run, rng):
        msg = "operation not permitted\nwhen capturing"
        raise RuntimeError(msg)

    monkeypatch.setattr(OnTape, "record", fails)
    step, _ = on_tape()
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        found = trained(step)
    assert_close(found, trained(stepper()), 0.0)
    assert caplog.messages == ["`step`='captured' does not work here, steps are plain: operation not permitted"]


def test_batches_that_lie_where_the_recorded_one_lay_are_read_there(on_tape, monkeypatch):
    """As those of a matrix on the device do; others are copied to it."""
    step, _ = on_tape()
    memory, copied = torch.empty(40, 7), []
    copy_ = torch.Tensor.copy_
    monkeypatch.setattr(torch.Tensor, "copy_", lambda own, given: copied.append(own.data_ptr()) or copy_(own, given))
    found, noise_rng = [], torch_generator(1)
    for seed, n in enumerate(SIZES):
        given = cells(n, seed).features
        memory[:n] = given
        batch = Minibatch(memory[:n] if seed != len(SIZES) - 1 else given)
        copied.clear()
        found.append(step.step(batch, noise_rng).clone())
        assert (memory.data_ptr() in copied) == (seed == len(SIZES) - 1), seed
    torch.testing.assert_close(torch.stack(found), trained(stepper())["losses"])


def test_steps_are_captured_on_cuda_unless_another_way_is_asked_for_or_several_processes_fit(monkeypatch):
    cuda, cpu = torch.device("cuda"), torch.device("cpu")
    assert [_execution.chosen(None, device) for device in (cuda, cpu, torch.device("mps"))] == [
        "captured",
        "plain",
        "plain",
    ]
    assert _execution.chosen("plain", cuda) == "plain"
    monkeypatch.setattr(_ranks, "how_many", lambda: 2)
    assert [_execution.chosen(step, cuda) for step in (None, "plain")] == ["plain", "plain"]
    with pytest.raises(ValueError, match=r"`step`='captured' is for one process, and 2 .*leave it out"):
        _execution.chosen("captured", cuda)


# --- On a device ------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
@NEEDS_CUDA
@pytest.mark.parametrize("precision", [None, "bf16"])
@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_on_a_gpu(network, precision):
    step, plain = (stepper(each, device="cuda", precision=precision, **network) for each in ("captured", "plain"))
    found, expected = (trained(each, device="cuda") for each in (step, plain))
    assert_close(found, expected, 1e-4 if precision is None else 5e-2)
    assert step._execution._works
    assert len(step._execution.recordings) == 2


@pytest.mark.gpu
@NEEDS_CUDA
@pytest.mark.parametrize("penalty", PENALTIES, ids=str)
def test_any_penalty_is_captured_on_a_gpu(penalty):
    step, plain = (stepper(each, device="cuda", penalty=penalty) for each in ("captured", "plain"))
    found, expected = (trained(each, device="cuda") for each in (step, plain))
    assert_close(found, expected, 1e-4)
    assert len(step._execution.recordings) == 2


@pytest.mark.gpu
@NEEDS_CUDA
def test_what_a_gpu_cannot_capture_is_plain_to_the_bit(caplog):
    """A value that is read back cannot be recorded. Stream, generator and memory are as if nothing had been tried."""
    step, plain = (stepper(kind, device="cuda") for kind in ("captured", "plain"))
    losses = step.losses

    def read_back(features, *others):
        if torch.cuda.is_current_stream_capturing():
            features.sum().item()
        return losses(features, *others)

    step.losses = read_back
    stream = torch.cuda.current_stream()
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        found = trained(step, device="cuda")
    assert torch.cuda.current_stream() == stream
    assert_close(found, trained(plain, device="cuda"), 0.0)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("`step`='captured' does not work here, steps are plain: ")
    again = stepper("captured", device="cuda")  # the next fit can
    assert_close(trained(again, device="cuda"), found, 0.0)
    assert len(again._execution.recordings) == 2


@pytest.mark.gpu
@NEEDS_CUDA
def test_garbage_of_an_earlier_fit_does_not_spoil_a_recording(caplog):
    """A recording that is freed while another one is made ends it, so nothing may be collected then."""
    before = gc.get_threshold()
    with caplog.at_level(logging.WARNING, logger="scgsr"):
        for _ in range(3):
            step = stepper("captured", device="cuda")
            trained(step, [40] * 4, device="cuda")
            assert len(step._execution.recordings) == 1
            try:
                gc.set_threshold(1, 1, 1)  # what is garbage now is collected at the next chance
                del step
                trained(stepper("captured", device="cuda"), [40] * 4, device="cuda")
            finally:
                gc.set_threshold(*before)
    assert not caplog.messages
    assert gc.isenabled()


@pytest.mark.gpu
@NEEDS_CUDA
def test_noise_goes_on_from_the_state_of_its_generator():
    """A replay advances the generator as plain steps do, so that a checkpoint holds where it is."""
    states = []
    for kind in ("captured", "plain"):
        step, rng = stepper(kind, device="cuda"), torch_generator(1, "cuda")
        for seed in range(8):
            step.step(cells(40, seed, "cuda")._replace(origins=None), rng)
        states.append(rng.get_state())
    assert torch.equal(*states)
