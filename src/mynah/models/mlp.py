"""Multilayer perceptron (Rumelhart, Hinton & Williams 1986, Nature 323) on clip statistics.

    h_1 = relu(W_1 x + b_1), h_2 = relu(W_2 h_1 + b_2), logits = W_3 h_2 + b_3

Departures from the paper:
- Rectified units and dropout (Srivastava et al. 2014) in place of sigmoids.
- Adam with decoupled weight decay in place of gradient descent with momentum.
"""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from mynah.contracts.classifier import NetModel
from mynah.layers.activation import activation
from mynah.layers.dropout import Dropout
from mynah.layers.masks import mean_and_max
from mynah.representations import ClipStatistics, Representation
from mynah.training import Training

CARD = {
    "name": "mlp",
    "title": "Multilayer perceptron",
    "year": 1986,
    "authors": "D. E. Rumelhart, G. E. Hinton, R. J. Williams",
    "reference": "Learning representations by back-propagating errors, Nature 323",
    "tasks": ("classify",),
    "reading": (),
    "superseded_by": (),
    "aliases": ("perceptron",),
    "estimator": "MLP",
    "cost": "gradient",
}


class Perceptron(nn.Module):
    """Affine layers with dropout over one vector a clip; sequences are pooled to mean and maximum first."""

    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float, kind: str) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * inputs, hidden),
            activation(kind),
            Dropout(dropout),
            nn.Linear(hidden, hidden),
            activation(kind),
            Dropout(dropout),
            nn.Linear(hidden, outputs),
        )

    def forward(
        self, frames: Float[Tensor, "batch time inputs"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits (batch, outputs) of frames (batch, time, inputs)."""
        return self.layers(mean_and_max(frames, lengths))


class MLP(NetModel):
    """Clips classified by a perceptron over clip statistics.

    Args:
        hidden: units in each of the two hidden layers.
        dropout: share of hidden units dropped in training.
        activation: name in torch.nn.
        training, representation, rate, random_state: see `NetModel`.
    """

    default_representation: ClassVar[Representation] = ClipStatistics()

    def __init__(
        self,
        hidden: int = 128,
        dropout: float = 0.4,
        activation: str = "ReLU",
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.hidden = hidden
        self.dropout = dropout
        self.activation = activation

    def build(self, inputs: int, outputs: int) -> nn.Module:
        return Perceptron(inputs, self.hidden, outputs, self.dropout, self.activation)
