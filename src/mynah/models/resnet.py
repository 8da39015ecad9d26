"""Residual network (He, Zhang, Ren & Sun 2015, arXiv:1512.03385) on log-mel pictures of any length.

    y = relu(F(x) + x)        F: convolution 3x3, batch normalisation, relu, convolution 3x3, batch normalisation

A block learns what to add to its input. Three stages of such blocks, each halving time and frequency, stand on one
5x5 convolution of stride 2; the mean over frequency, then mean and maximum over time, answer for a clip of any
length.

Departures from the paper:
- A few narrow blocks in place of 18 and more layers: sizes fit hundreds of clips and two cores.
- One convolution 3x3 in F, widened by the stage's own convolution, in place of two.
- Pooling 2x2 between stages in place of strided blocks, and a 5x5 stem of stride 2 in place of 7x7.
"""

from __future__ import annotations

import itertools
from typing import ClassVar

import torch
from torch import Tensor, nn

from mynah.layers.masks import mean_and_max, pad_time, time_mask
from mynah.model import NetModel
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


class Stage(nn.Module):
    """Convolution to more maps, then a residual block, then a maximum over 2x2."""

    def __init__(self, inputs: int, outputs: int, residual: bool) -> None:
        super().__init__()
        self.widen = nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
        self.residual = (
            nn.Sequential(nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs))
            if residual
            else None
        )
        self.pool = nn.MaxPool2d(2, ceil_mode=True)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        mask = time_mask(lengths, x.shape[2])[:, None, :, None]
        x = torch.relu(self.widen(x)) * mask
        if self.residual is not None:
            x = torch.relu(self.residual(x) + x) * mask
        return self.pool(x), (lengths + 1) // 2


class ResNetwork(nn.Module):
    """Frames (batch, time, inputs) to logits (batch, outputs)."""

    def __init__(self, outputs: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], 5, stride=2, padding=2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        steps = itertools.pairwise(widths)
        self.stages = nn.ModuleList([Stage(a, b, residual=number > 0) for number, (a, b) in enumerate(steps)])
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(2 * widths[-1], outputs))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, frames: Tensor, lengths: Tensor | None) -> Tensor:
        frames, lengths = pad_time(frames, lengths, multiple=2 ** (1 + len(self.stages)))
        x = self.stem(frames[:, None])
        lengths = (lengths + 1) // 2
        x = x * time_mask(lengths, x.shape[2])[:, None, :, None]
        for stage in self.stages:
            x, lengths = stage(x, lengths)
        return self.head(mean_and_max(x.mean(dim=3).transpose(1, 2), lengths))


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
