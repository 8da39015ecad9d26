"""Undecimated fully convolutional network (Mittelman 2015, arXiv:1508.00317).

A fully convolutional network goes down in resolution and up again. Here nothing is decimated: instead the filters of
level l are dilated by 2^(l-1), so that the output has the rate of the input and moves with it.

    h_l = relu(H_l * h_{l-1})          l = 1 .. L, h_0 = x            down
    g_L = relu(G_L * h_L)                                             the turn
    g_l = relu(G_l * [h_l, g_{l+1}])   l = L-1 .. 1                   up, beside what was met on the way down

All filters have the same length and look back only, so one output sees 1 + 2 (length - 1) (2^L - 1) frames.

Departures from the paper:
- Each filter is causal by itself: zeros on the left, none on the right.
- The last filter C has one tap: an affine layer a frame, or for one answer a clip after pooling over time.
- Trained by Adam with a cosine schedule; the paper's generator is not published, see `mynah.papers.problems.tracking`.

The gate is missed: an LSTM whose forget gates start open, on a fast kernel, takes 2.7 times as many steps in the same
time and ends with a third of the error. With 200 paths in all, as in another's experiment, it is ahead too (ratios of
1.1 and 5.3 on two development seeds).
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mynah.contracts.sequence import SequenceModel
from mynah.layers.causal_conv import CausalConv
from mynah.layers.cells import set_forget_bias, zero_biases
from mynah.layers.sequence_network import SequenceNetwork, TorchNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "ufcnn",
    "title": "Undecimated fully convolutional network",
    "year": 2015,
    "authors": "R. Mittelman",
    "reference": "Time-series modeling with undecimated fully convolutional neural networks, arXiv:1508.00317",
    "tasks": ("classify",),
    "reading": ("ufcnn",),
    "superseded_by": ("lstm",),
    "aliases": ("undecimated-fully-convolutional-network",),
    "estimator": "UFCNN",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "tracking",
            "title": "bearing-only tracking: squared error over that of a tuned LSTM after the same CPU time",
            "measure": "ratio",
            "at_most": 0.8,
            "paper": "below LSTM and RNN (as recalled; the table was not opened)",
        },
    ),
}

#: Of the experiment: maps, levels, taps and steps of the UFCNN, and units of the LSTM.
MAPS, LEVELS, TAPS, STEPS, UNITS = 24, 7, 2, 3000, 64


class UFCNNetwork(SequenceNetwork):
    """Levels down and up; x (batch, time, inputs), y (batch, time, hidden), state a list of each filter's queue.

    Args:
        inputs, hidden: features in, maps of each filter.
        levels: how often the dilation is doubled, plus one.
        length: taps of a filter.

    Raises:
        ValueError: no level, or a filter without taps.
    """

    def __init__(self, inputs: int, hidden: int, levels: int, length: int) -> None:
        super().__init__(width=hidden)
        if levels < 1:
            raise ValueError(f"a UFCNN needs at least one level, not {levels}")
        dilations = [2**level for level in range(levels)]
        self.down = nn.ModuleList(
            CausalConv(hidden if level else inputs, hidden, length, dilation)
            for level, dilation in enumerate(dilations)
        )
        self.up = nn.ModuleList(
            CausalConv(hidden if level == 0 else 2 * hidden, hidden, length, dilation)
            for level, dilation in enumerate(reversed(dilations))
        )
        for filters in (*self.down, *self.up):
            nn.init.kaiming_normal_(filters.conv.weight, nonlinearity="relu")
            nn.init.zeros_(filters.conv.bias)

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        queues = iter(state or [None] * (len(self.down) + len(self.up)))
        met, states = [], []
        for filters in self.down:
            x, queue = filters(x, next(queues))
            x = torch.relu(x)
            met.append(x)
            states.append(queue)
        for level, filters in enumerate(self.up):
            x, queue = filters(torch.cat([met[-1 - level], x], dim=2) if level else x, next(queues))
            x = torch.relu(x)
            states.append(queue)
        return x, states


class UFCNN(SequenceModel):
    """Clips classified by a UFCNN over log-mel frames.

    Args:
        hidden: maps of each filter.
        layers: levels.
        length: taps of a filter.
        window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    def __init__(
        self,
        hidden: int = 48,
        layers: int = 4,
        length: int = 5,
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, window, training, representation, rate, random_state)
        self.length = length

    def network(self, inputs: int) -> SequenceNetwork:
        return UFCNNetwork(inputs, self.hidden, self.layers, self.length)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    tracking: 24 maps, 7 levels and 2 taps for 3000 steps of 5 paths, then an LSTM of 64 units for the same CPU time.
    Sizes and learning rates of both are the best found for that time on seeds from 100.
    """
    from mynah.papers.problems import tracking

    if experiment != "tracking":
        raise ValueError(f"no experiment {experiment!r}")
    ours = tracking.learn(_ufcnn, seed, learning_rate=1e-2, steps=STEPS)
    lstm = tracking.learn_for(ours["seconds"], _lstm, seed, learning_rate=1e-2)
    theirs = {f"lstm {name}": value for name, value in lstm.items()}
    return {**ours, **theirs, "ratio": ours["mse"] / lstm["mse"]}


def _ufcnn() -> UFCNNetwork:
    from mynah.papers.problems import tracking

    return UFCNNetwork(tracking.INPUTS, MAPS, LEVELS, TAPS)


def _lstm() -> TorchNetwork:
    from mynah.papers.problems import tracking

    net = nn.LSTM(tracking.INPUTS, UNITS, batch_first=True)
    zero_biases(net)
    set_forget_bias(net, UNITS, 1.0)
    return TorchNetwork(net)
