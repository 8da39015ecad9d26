"""Residual network (He, Zhang, Ren & Sun 2015, arXiv:1512.03385) on log-mel pictures of any length.

    y = relu(F(x) + x)        F: convolution 3x3, batch normalisation, relu, convolution 3x3, batch normalisation

A block learns what to add to its input. Three stages of such blocks, each halving time and frequency, stand on one
5x5 convolution of stride 2; the mean over frequency, then mean and maximum over time, answer for a clip of any
length.

Departures from the paper:
- A few narrow blocks in place of 18 and more layers: sizes fit hundreds of clips and two cores.
- One convolution 3x3 in F, widened by the stage's own convolution, in place of two.
- Pooling 2x2 between stages in place of strided blocks, and a 5x5 stem of stride 2 in place of 7x7.
- Clips of a batch differ in length: batch normalisation sees their real frames only.
"""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mynah.contracts.classifier import NetModel
from mynah.layers.batch_norm import FrameBatchNorm
from mynah.layers.dropout import Dropout
from mynah.layers.masks import mean_and_max
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "resnet",
    "title": "Residual network",
    "year": 2015,
    "authors": "K. He, X. Zhang, S. Ren, J. Sun",
    "reference": "Deep residual learning for image recognition, arXiv:1512.03385",
    "tasks": ("classify",),
    "reading": ("history-of-convnets",),
    "estimator": "ResNet",
    "cost": "gradient",
    "superseded_by": (),
    "aliases": ("residual-network", "cnn"),
}


class NormedConvolution(nn.Sequential):
    """Convolution of odd width, then batch normalisation over the real frames; padding comes out as zero."""

    def __init__(self, inputs: int, outputs: int, width: int, stride: int = 1) -> None:
        convolution = nn.Conv2d(inputs, outputs, width, stride, padding=width // 2, bias=False)
        super().__init__(convolution, FrameBatchNorm(outputs))

    def forward(  # type: ignore[override]
        self, x: Float[Tensor, "batch maps time band"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch outputs frames bands"]:
        convolution, normalisation = self
        return normalisation(convolution(x), lengths)


class Stage(nn.Module):
    """Convolution to more maps, then a residual block, then a maximum over 2x2."""

    def __init__(self, inputs: int, outputs: int, residual: bool) -> None:
        super().__init__()
        self.widen = NormedConvolution(inputs, outputs, 3)
        self.residual = NormedConvolution(outputs, outputs, 3) if residual else None
        self.pool = nn.MaxPool2d(2, ceil_mode=True)

    def forward(
        self, x: Float[Tensor, "batch maps time band"], lengths: Int[Tensor, " batch"] | None
    ) -> tuple[Float[Tensor, "batch outputs (time+1)//2 (band+1)//2"], Int[Tensor, " batch"] | None]:
        x = torch.relu(self.widen(x, lengths))
        if self.residual is not None:
            x = torch.relu(self.residual(x, lengths) + x)
        return self.pool(x), _halved(lengths)


class ResNetwork(nn.Module):
    """Frames (batch, time, inputs), zero beyond `lengths`, to logits (batch, outputs).

    What lies beyond a clip's end stays zero through every layer, which is also what a convolution adds at an edge and
    what a maximum of rectified values passes over. So a clip alone and in a padded batch are one and the same.
    """

    def __init__(self, outputs: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.stem = NormedConvolution(1, widths[0], 5, stride=2)
        steps = itertools.pairwise(widths)
        self.stages = nn.ModuleList([Stage(a, b, residual=number > 0) for number, (a, b) in enumerate(steps)])
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(2 * widths[-1], outputs))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self, frames: Float[Tensor, "batch time inputs"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch outputs"]:
        lengths = _halved(lengths)
        x = torch.relu(self.stem(frames[:, None], lengths))
        for stage in self.stages:
            x, lengths = stage(x, lengths)
        return self.head(mean_and_max(x.mean(dim=3).transpose(1, 2), lengths))


def _halved(lengths: Tensor | None) -> Tensor | None:
    return None if lengths is None else (lengths + 1) // 2


class ResNet(NetModel):
    """Clips classified by a small residual network over log-mel frames.

    Args:
        widths: maps of the stem and of each stage.
        dropout: share of pooled features dropped in training.
        training, representation, rate, random_state: see `NetModel`.
    """

    default_training: ClassVar[Training] = Training(precision="auto")

    def __init__(
        self,
        widths: tuple[int, ...] = (24, 32, 64, 128),
        dropout: float = 0.3,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.widths = widths
        self.dropout = dropout

    def build(self, inputs: int, outputs: int) -> nn.Module:
        return ResNetwork(outputs, tuple(self.widths), self.dropout)
