"""Which device networks are trained on. It is decided in one place; what trains asks `current` once and follows.

    with on_device("auto"):          # the wish of --device; names are in `CHOICES`
        model.fit(sounds, labels)    # networks train there, and are back on the processor afterwards

A device is no setting of a model or of its training. Settings decide the identity of a trial, and a trial begun on a
GPU must be found again by whoever goes on with it elsewhere. So the device is a context around the work, and a run
begun on one kind of device resumes on another.

Bits: the same seed gives the same bits on the same kind of device (of a GPU, the same model), with the same software.
The processor is the reference; a GPU adds numbers in another order, so its weights part from the processor's in the
last digits, and from there on. The batches are the same everywhere, since they are drawn on the processor.

What is not trained by `mynah.training.Fit` stays on the processor: families that learn in one go (echo state network,
nearest neighbours, support vectors, forests), representations, and all answers and sounds of a finished model.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from mynah.ground.errors import UsageError

if TYPE_CHECKING:  # torch is loaded when a device is chosen, not when its name is read
    import torch
    from torch import nn

CHOICES = ("auto", "cpu", "cuda", "mps")
_CURRENT: ContextVar[torch.device | None] = ContextVar("device", default=None)


def choose(wish: str = "auto") -> torch.device:
    """Return the device that a wish means; of several GPUs, the one whose number is this process's on its machine.

    Args:
        wish: "cpu", "cuda" (NVIDIA; AMD with its own torch), "mps" (Apple), or "auto": the first of cuda, mps and cpu
            that is there for every process of this machine.

    Raises:
        UsageError: no such name, or no such device here.
    """
    import torch

    if wish not in CHOICES:
        raise UsageError("no such device", where=repr(wish), remedy=f"Use {', '.join(CHOICES)}.")
    if wish == "auto":
        wish = next(kind for kind in ("cuda", "mps", "cpu") if why_not(kind) is None)
    reason = why_not(wish)
    if reason is not None:
        raise UsageError(f"no {wish} here", measured=reason, remedy="Use --device auto, or --device cpu.")
    if wish == "cuda":
        return torch.device("cuda", _local("RANK", 0))
    return torch.device(wish)


def there_or_auto(wish: str) -> str:
    """Return a wish of another time and place, or "auto" where there is no such device here."""
    return wish if why_not(wish) is None else "auto"


def why_not(kind: str) -> str | None:
    """Return why "cpu", "cuda" or "mps" cannot be used by this process, or None where it can."""
    import torch

    processes = _local("WORLD_SIZE", 1)
    if kind == "cuda":
        if not torch.backends.cuda.is_built():
            return f"torch {torch.__version__} was built without CUDA"
        if not torch.cuda.is_available():
            return f"torch {torch.__version__} finds no GPU and driver for CUDA"
        if processes > torch.cuda.device_count():
            return f"{processes} processes for {torch.cuda.device_count()} GPUs"
    if kind == "mps":
        if not torch.backends.mps.is_available():
            return f"torch {torch.__version__} finds no Apple GPU"
        if processes > 1:
            return "several processes cannot train on one Apple GPU"
    return None


def _local(name: str, otherwise: int) -> int:
    """Return what torchrun says of this process on its machine."""
    return int(os.environ.get(f"LOCAL_{name}", otherwise))


@contextlib.contextmanager
def on_device(wish: str | torch.device) -> Iterator[torch.device]:
    """Inside, fits of this thread train on the device that is wished for (see `choose`). Processes and threads that are
    started inside do not know of it: what is handed to them enters it again.
    """
    device = choose(wish) if isinstance(wish, str) else wish
    token = _CURRENT.set(device)
    try:
        yield device
    finally:
        _CURRENT.reset(token)


def current() -> torch.device:
    """Return the device that fits train on here: that of `on_device`, or the processor where nobody chose."""
    import torch

    return _CURRENT.get() or torch.device("cpu")


def of(net: nn.Module) -> torch.device:
    """Return the device of a network: that of its first parameter, or the processor where it has none."""
    import torch

    return next((parameter.device for parameter in net.parameters()), torch.device("cpu"))


def can_hold(device: torch.device, net: nn.Module) -> bool:
    """Whether a network can be there: Apple's GPUs know no float64."""
    import torch

    return device.type != "mps" or all(value.dtype != torch.float64 for value in net.state_dict().values())


@contextlib.contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Inside, what is computed there twice has the same bits. Where torch has no such way on a GPU, it warns."""
    if device.type != "cuda":
        yield
        return
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS asks for it at the first product
    cudnn = torch.backends.cudnn
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    tuned = cudnn.deterministic, cudnn.benchmark
    torch.use_deterministic_algorithms(True, warn_only=True)
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.deterministic, cudnn.benchmark = tuned
