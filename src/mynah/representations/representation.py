"""The contract of representations: frozen settings in seconds and Hz, built at a rate into a module."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mynah.errors import IncompatibleFile

#: Frames computed at a time: a block of this many stays in the cache of one core.
BLOCK_FRAMES = 64


@dataclass(frozen=True)
class Representation:
    """What a model sees of a wave. Settings do not depend on the rate; `build` does.

    A subclass is a frozen dataclass with a `NAME`; instances compare and hash by their settings.
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
        IncompatibleFile: an unknown name or setting.
    """
    settings = dict(document)
    kind = kinds.get(settings.pop("name", ""))
    if kind is None or set(settings) - {f.name for f in fields(kind)}:
        raise IncompatibleFile("unknown representation", where=document.get("name"), measured=sorted(settings))
    return kind(**settings)


def check_waves(waves: Tensor) -> Tensor:
    """Return (batch, channel, time) as float32, or raise `ValueError`."""
    if waves.ndim != 3 or waves.shape[-1] == 0:
        raise ValueError(f"waves must be (batch, channel, time) with time > 0, got {tuple(waves.shape)}")
    return waves.to(torch.float32)


def join_channels(frames: Tensor, channels: int) -> Tensor:
    """Turn (batch * channel, time, feature) into (batch, time, channel * feature)."""
    _, time, feature = frames.shape
    return frames.reshape(-1, channels, time, feature).permute(0, 2, 1, 3).flatten(2)
