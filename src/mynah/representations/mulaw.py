"""Mu-law companding: samples as 256 symbols, finer where a sound is quiet (ITU-T G.711; WaveNet, section 2.2).

    f(x) = sign(x) ln(1 + mu |x|) / ln(1 + mu)    -1 <= x <= 1, mu = 255

The symbols are the whole numbers nearest to (f(x) + 1) mu / 2. Silence lies between two of them and becomes 128.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Float32, Float64, Int64, Real
from torch import Tensor, nn

from mynah.representations.representation import Representation, check_waves, samples_of

MU = 255
LEVELS = MU + 1
#: The symbol of silence, and that which stands before a sound.
SILENCE, START = 128, LEVELS


def compress(wave: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Return f(x), of the same shape; what is beyond full scale is taken as full scale."""
    wave = wave.clamp(-1, 1)
    return wave.sign() * torch.log1p(MU * wave.abs()) / math.log1p(MU)


def expand(compressed: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Return the x that `compress` makes these values of."""
    return compressed.sign() * torch.expm1(compressed.abs() * math.log1p(MU)) / MU


def encode(wave: Float[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
    """Return int64 symbols 0 to 255 of samples between -1 and 1, of the same shape."""
    return torch.floor(_scaled(wave)).long()


def decode(symbols: Real[Tensor, "*any"]) -> Float32[Tensor, "*any"]:
    """Return float32 samples between -1 and 1 of symbols 0 to 255; `encode` gives the symbols back."""
    return expand(symbols.float() * (2 / MU) - 1)


def edges() -> Float64[Tensor, " 255"]:
    """Return the 255 float64 samples at which one symbol ends and the next begins, lowest first."""
    return expand((torch.arange(MU, dtype=torch.float64) + 0.5) * (2 / MU) - 1)


def _scaled(wave: Tensor) -> Tensor:
    return (compress(wave) + 1) * (MU / 2) + 0.5


@dataclass(frozen=True)
class MuLaw(Representation):
    """A frame a sample, a feature a channel: the symbol 0 to 255, as float32.

    Args:
        lead_seconds: how long the symbol 256 stands before the first sample. An excerpt that begins in there shows how
            a sound begins; where only one symbol stood there, hardly one excerpt would.
    """

    NAME: ClassVar[str] = "mulaw"
    lead_seconds: float = 0.0

    def build(self, rate: int) -> MuLawModule:
        return MuLawModule(samples_of(self.lead_seconds, rate) if self.lead_seconds else 0)


class MuLawModule(nn.Module):
    """Waves (batch, channel, time) to symbols (batch, time, channel); gradients pass as if nothing were rounded."""

    def __init__(self, lead: int) -> None:
        super().__init__()
        self.lead = lead

    def frame_count(self, samples: int) -> int:
        return samples + self.lead

    def forward(self, waves: Float[Tensor, "batch channel time"]) -> Float32[Tensor, "batch {self.lead}+time channel"]:
        scaled = _scaled(check_waves(waves)).transpose(1, 2)
        symbols = scaled + (torch.floor(scaled) - scaled).detach()  # exact: within a factor of two, or 0
        return nn.functional.pad(symbols, (0, 0, self.lead, 0), value=float(START))

    def inverse(
        self, frames: Float[Tensor, "batch frames channel"], samples: int
    ) -> Float32[Tensor, "batch channel {samples}"]:
        """Return the waves (batch, channel, samples) in the middle of what each symbol stands for."""
        return decode(frames[:, self.lead :].round()).transpose(1, 2)[..., :samples]
