"""LeNet-5 (LeCun, Bottou, Bengio & Haffner 1998, Proc. IEEE 86(11)) on log-mel pictures of any length.

    C1 6 maps 5x5 - S2 mean 2x2 - C3 16 maps 5x5 - S4 mean 2x2 - C5 120 - F6 84 - output

Departures from the paper:
- Padded convolutions, so that pictures smaller than 32x32 pass; C5 sees the full height in frequency and the
  mean and maximum over time, so that a clip may have any length.
- Every map of S2 feeds every map of C3 (the paper thins them out, table I); plain mean subsampling without the
  trained coefficient; softmax and cross entropy in place of radial basis outputs.
"""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from mynah.contracts.classifier import NetModel
from mynah.layers.activation import activation
from mynah.layers.masks import mean_and_max, pad_time, time_mask
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "lenet",
    "title": "LeNet-5",
    "year": 1998,
    "authors": "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner",
    "reference": "Gradient-based learning applied to document recognition, Proc. IEEE 86(11)",
    "tasks": ("classify",),
    "reading": ("history-of-convnets",),
    "superseded_by": ("resnet",),
    "aliases": ("lenet5", "lenet-5"),
    "estimator": "LeNet",
    "cost": "gradient",
}


def _half(size: int) -> int:
    return -(-size // 2)


class LeNetwork(nn.Module):
    """LeNet-5 with `width` times its maps; frames (batch, time, inputs) to logits (batch, outputs)."""

    def __init__(self, inputs: int, outputs: int, width: int, kind: str) -> None:
        super().__init__()
        self.squash = activation(kind)
        self.c1 = nn.Conv2d(1, 6 * width, 5, padding=2)
        self.c3 = nn.Conv2d(6 * width, 16 * width, 5, padding=2)
        self.subsample = nn.AvgPool2d(2, ceil_mode=True)
        self.c5 = nn.Linear(2 * 16 * width * _half(_half(inputs)), 120)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, outputs)

    def forward(
        self, frames: Float[Tensor, "batch time inputs"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch outputs"]:
        frames, lengths = pad_time(frames, lengths, multiple=4)
        x = frames[:, None]
        for layer in (self.c1, self.c3):
            x = self.squash(layer(x)) * time_mask(lengths, x.shape[2])[:, None, :, None]
            x, lengths = self.subsample(x), (lengths + 1) // 2
        x = mean_and_max(x.transpose(1, 2).flatten(2), lengths)
        return self.output(self.squash(self.f6(self.squash(self.c5(x)))))


class LeNet(NetModel):
    """Clips classified by LeNet-5 over log-mel frames.

    Args:
        width: multiplies the 6 and 16 maps of the paper.
        activation: name in torch.nn; the paper's is Tanh.
        training, representation, rate, random_state: see `NetModel`.
    """

    default_training: ClassVar[Training] = Training(precision="auto")

    def __init__(
        self,
        width: int = 2,
        activation: str = "Tanh",
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.width = width
        self.activation = activation

    def build(self, inputs: int, outputs: int) -> nn.Module:
        return LeNetwork(inputs, outputs, self.width, self.activation)
