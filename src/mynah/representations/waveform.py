"""The wave itself, cut into frames that do not overlap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from mynah.representations.representation import Representation, check_waves, join_channels, samples_of


@dataclass(frozen=True)
class Waveform(Representation):
    """Samples as they are.

    Args:
        frame_seconds: length of a frame; None makes every sample a frame of one feature a channel.
    """

    NAME: ClassVar[str] = "waveform"
    frame_seconds: float | None = None

    @property
    def hop_seconds(self) -> float | None:
        return self.frame_seconds

    def build(self, rate: int) -> WaveformModule:
        return WaveformModule(1 if self.frame_seconds is None else samples_of(self.frame_seconds, rate))


class WaveformModule(nn.Module):
    """Waves (batch, channel, time) to frames (batch, time / size, channel * size), the last one padded with zeros."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def frame_count(self, samples: int) -> int:
        return -(-samples // self.size)

    def forward(
        self, waves: Float[Tensor, "batch channel time"]
    ) -> Float32[Tensor, "batch frames channel*{self.size}"]:
        waves = check_waves(waves)
        spare = -waves.shape[-1] % self.size
        frames = torch.nn.functional.pad(waves, (0, spare)).flatten(0, 1).unflatten(-1, (-1, self.size))
        return join_channels(frames, waves.shape[1])

    def inverse(
        self, frames: Float[Tensor, "batch frames feature"], samples: int
    ) -> Float[Tensor, "batch feature//{self.size} {samples}"]:
        """Return the waves (batch, channel, samples) that `forward` framed."""
        return frames.unflatten(2, (-1, self.size)).transpose(1, 2).flatten(2)[..., :samples]
