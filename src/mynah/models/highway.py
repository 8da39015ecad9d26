"""Highway networks (Srivastava, Greff & Schmidhuber 2015, arXiv:1505.00387).

    y = H(x) T(x) + x (1 - T(x))                    eq. 3
    H(x) = tanh(W_H x + b_H),  T(x) = sigma(W_T x + b_T)

A layer carries what it does not transform, so that depth costs no gradient. The bias of the transform gate starts
below zero: a new network carries nearly everything, and learns where to transform.

Departures from the paper:
- Optimised by Adam; the paper takes stochastic gradient descent with momentum, and a random search over 40 settings.
- Handwritten digits of 8 by 8 pixels in place of MNIST; so the accuracies are not those of the paper, the contrast is.
- As a classifier of clips, it reads statistics of the clip over time, and is narrower than deep.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mynah.contracts.classifier import NetModel
from mynah.ground.randomness import seeded
from mynah.layers.activation import activation
from mynah.layers.dropout import Dropout
from mynah.layers.masks import mean_and_max
from mynah.representations import ClipStatistics, Representation
from mynah.training import Training

CARD = {
    "name": "highway",
    "title": "Highway network",
    "year": 2015,
    "authors": "R. K. Srivastava, K. Greff, J. Schmidhuber",
    "reference": "Highway networks, arXiv:1505.00387",
    "tasks": ("classify",),
    "reading": ("highway",),
    "superseded_by": ("resnet",),
    "aliases": ("highway-networks", "highway-network"),
    "estimator": "Highway",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "digits",
            "title": "handwritten digits, 50 highway layers of 50 units: accuracy",
            "measure": "highway",
            "at_least": 0.90,
            "paper": "highway trains at 100 layers (MNIST, as recalled)",
        },
        {
            "experiment": "digits",
            "title": "handwritten digits, 50 plain layers, the same training: accuracy",
            "measure": "plain",
            "at_most": 0.30,
            "paper": "plain layers degrade beyond 10 to 20 (as recalled)",
        },
    ),
}


class HighwayLayer(nn.Module):
    """One layer of eq. 3 over (..., width)."""

    def __init__(self, width: int, bias: float, kind: str = "Tanh") -> None:
        super().__init__()
        self.both = nn.Linear(width, 2 * width)
        self.activation = activation(kind)
        with torch.no_grad():
            self.both.bias[width:] = bias

    def forward(self, x: Float[Tensor, "*rows width"]) -> Float[Tensor, "*rows width"]:
        """Return the same shape."""
        transformed, gate = self.both(x).chunk(2, dim=-1)
        gate = torch.sigmoid(gate)
        return x + gate * (self.activation(transformed) - x)  # eq. 3


class PlainLayer(nn.Sequential):
    """What a highway layer is without its gate."""

    def __init__(self, width: int) -> None:
        super().__init__(nn.Linear(width, width), nn.Tanh())


def stack(inputs: int, width: int, outputs: int, layers: list[nn.Module]) -> nn.Sequential:
    """Return layers of one width between an affine map into it and one out of it."""
    return nn.Sequential(nn.Linear(inputs, width), nn.Tanh(), *layers, nn.Linear(width, outputs))


class PooledHighway(nn.Module):
    """Highway layers over mean and maximum of the frames of a clip."""

    def __init__(self, inputs: int, outputs: int, width: int, depth: int, bias: float, kind: str) -> None:
        super().__init__()
        layers = [HighwayLayer(width, bias, kind) for _ in range(depth)]
        self.layers = stack(2 * inputs, width, outputs, [Dropout(0.4), *layers, Dropout(0.4)])

    def forward(
        self, frames: Float[Tensor, "batch time inputs"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits (batch, outputs) of frames (batch, time, inputs)."""
        return self.layers(mean_and_max(frames, lengths))


class Highway(NetModel):
    """Clips classified by a highway network over clip statistics.

    Args:
        width: units a layer.
        depth: highway layers.
        gate_bias: of the transform gates at the start; the deeper, the further below zero.
        activation: name in torch.nn.
        training, representation, rate, random_state: see `NetModel`.
    """

    default_representation: ClassVar[Representation] = ClipStatistics()

    def __init__(
        self,
        width: int = 96,
        depth: int = 10,
        gate_bias: float = -2.0,
        activation: str = "ReLU",
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.width = width
        self.depth = depth
        self.gate_bias = gate_bias
        self.activation = activation

    def build(self, inputs: int, outputs: int) -> nn.Module:
        return PooledHighway(inputs, outputs, self.width, self.depth, self.gate_bias, self.activation)


#: Units and layers of the experiment, and its steps.
WIDTH, DEPTH, STEPS = 50, 50, 1000


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train 50 highway layers, and 50 plain ones alike, on handwritten digits; `quick` is the same.

    Returns:
        "highway" and "plain": accuracy on 497 test pictures.
    """
    from mynah.papers.problems import digits
    from mynah.papers.problems.descent import PLAIN, descend

    training = replace(PLAIN, learning_rate=1e-3)
    measured = {}
    for name in ("highway", "plain"):
        net = seeded(seed, partial(_deep, name))
        for _ in descend(net, digits.loss, digits.drawer(seed), steps=STEPS, seed=seed, training=training):
            pass
        measured[name] = digits.accuracy(net, seed)
    return measured


def _deep(kind: str) -> nn.Sequential:
    from mynah.papers.problems import digits

    layers = (HighwayLayer(WIDTH, -2.0) if kind == "highway" else PlainLayer(WIDTH) for _ in range(DEPTH))
    return stack(digits.PIXELS, WIDTH, digits.CLASSES, list(layers))
