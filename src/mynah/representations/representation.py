"""The contract of representations: frozen settings in seconds and Hz, built at a rate into a module."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, get_type_hints

import torch
from jaxtyping import Float32, Inexact, Num
from torch import Tensor, nn

from mynah.ground.errors import IncompatibleFile, UsageError

#: Frames computed at a time: a block of this many stays in the cache of one core.
BLOCK_FRAMES = 64
#: The same on an accelerator, where a block should fill the device.
DEVICE_FRAMES = 8192
#: Longest frame and highest rate that are meant; more is a slip, or a file that wants to exhaust the memory.
LONGEST_SECONDS, HIGHEST_RATE = 60.0, 10_000_000


@dataclass(frozen=True)
class Representation:
    """What a model sees of a wave. Settings do not depend on the rate; `build` does.

    A subclass is a frozen dataclass with a `NAME`; instances compare and hash by their settings. The module that
    it builds has ``frame_count(samples)`` and, exactly when it can be inverted, ``inverse(frames, samples)``.
    """

    NAME: ClassVar[str] = ""

    def build(self, rate: int) -> nn.Module:
        """Return a module from waves (batch, channel, time) to frames (batch, time, feature) at `rate` Hz."""
        raise NotImplementedError(f"{type(self).__name__} must define build")  # an abstract method

    def to_json(self) -> dict[str, Any]:
        """Return name and settings as plain values."""
        return {"name": self.NAME, **asdict(self)}


def by_name(document: dict[str, Any], kinds: dict[str, type[Representation]]) -> Representation:
    """Return the representation that `to_json` described.

    Raises:
        IncompatibleFile: an unknown name or setting, or a setting of another type.
    """
    settings = dict(document)
    name = settings.pop("name", None)
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None or set(settings) - {f.name for f in fields(kind)}:
        raise IncompatibleFile("unknown representation", where=name, measured=sorted(map(str, settings)))
    types = get_type_hints(kind)
    for setting, value in settings.items():
        if not _is_of(value, types[setting]):
            raise IncompatibleFile("a representation has a wrong setting", where=name, measured=f"{setting}={value!r}")
    return kind(**settings)


def _is_of(value: Any, kind: Any) -> bool:
    """Tell whether a plain value may stand for a type; a whole number may stand for a float."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind) or (isinstance(value, int) and isinstance(0.0, kind))


def samples_of(seconds: float, rate: int, *, least: int = 1) -> int:
    """Return a length in samples, at least `least`.

    Raises:
        UsageError: not a length or a rate that can be meant.
    """
    if not (0 < seconds <= LONGEST_SECONDS and 0 < rate <= HIGHEST_RATE):
        raise UsageError(
            f"a frame must last more than 0 and at most {LONGEST_SECONDS:g} s", measured=f"{seconds} s at {rate} Hz"
        )
    return max(least, round(seconds * rate))


def check_waves(waves: Num[Tensor, "*any"]) -> Float32[Tensor, "batch channel time"]:
    """Return (batch, channel, time) as float32, or raise `ValueError`."""
    if waves.ndim != 3 or waves.shape[-1] == 0:
        raise ValueError(f"waves must be (batch, channel, time) with time > 0, got {tuple(waves.shape)}")
    return waves.to(torch.float32)


def join_channels(
    frames: Inexact[Tensor, "rows time feature"], channels: int
) -> Inexact[Tensor, "rows//{channels} time {channels}*feature"]:
    """Turn (batch * channel, time, feature) into (batch, time, channel * feature)."""
    _, time, feature = frames.shape
    return frames.reshape(-1, channels, time, feature).permute(0, 2, 1, 3).flatten(2)
