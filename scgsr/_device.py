"""Where to compute: one place that chooses a device."""

from __future__ import annotations

import torch


def choose(device: str | torch.device | None = None) -> torch.device:
    """Return `device`, or the best one there is: CUDA, then Apple's MPS, then CPU."""
    if device is not None:
        return _usable(device)
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def describe(device: torch.device) -> str:
    """Return the device in words, for the log."""
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device.type == "cpu":
        return f"cpu ({torch.get_num_threads()} threads)"
    return str(device)


def _usable(device: str | torch.device) -> torch.device:
    if not isinstance(device, str | torch.device):
        msg = (
            f"`device` must be None, a name such as 'cpu' or 'cuda:0', or a torch.device, got {type(device).__name__}."
        )
        raise TypeError(msg)
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        msg = f"`device`={str(device)!r} cannot be used here ({reason}); leave `device=None` to choose what there is."
        raise ValueError(msg) from error
    return chosen
