"""Elman's simple recurrent network (Elman 1990, "Finding structure in time", Cognitive Science 14).

    h_t = tanh(W x_t + U h_{t-1} + b)

The hidden state of the previous step is the context of this one. Gradients through many steps shrink or grow
geometrically (Hochreiter 1991; Bengio et al. 1994), which is what LSTM and GRU were made against.

Departures from the paper:
- Trained by backpropagation through the whole excerpt, where Elman copied the context and went one step back.
- Outputs are pooled over time (mean and maximum) for one answer a clip; the paper predicts the next element.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from mynah.contracts.sequence import SequenceModel
from mynah.ground.randomness import generator, seeded
from mynah.layers.cells import set_forget_bias
from mynah.layers.sequence_network import SequenceNetwork, TorchNetwork

CARD = {
    "name": "elman",
    "title": "Elman recurrent network",
    "year": 1990,
    "authors": "J. L. Elman",
    "reference": "Finding structure in time, Cognitive Science 14(2)",
    "tasks": ("classify",),
    "reading": ("elman-vanishing-gradients",),
    "superseded_by": ("lstm", "gru", "mingru", "lru"),
    "aliases": ("rnn", "srn"),
    "estimator": "Elman",
    "cost": "gradient",
    "claims": (
        {
            "experiment": "adding",
            "title": "adding problem, T = 100: error after the 250,000 sequences that an LSTM may have",
            "measure": "mse",
            "at_least": 0.10,
            "paper": "fails (Hochreiter & Schmidhuber 1997); a constant answer has 0.167",
        },
        {
            "experiment": "chorales",
            "title": "JSB chorales, 100 units: nats a frame",
            "measure": "nll",
            "at_most": 9.25,
            "paper": "9.10 (Chung et al. 2014, as recalled)",
            "data": "jsb_chorales",
        },
    ),
}


class ElmanNetwork(TorchNetwork):
    """Layers of h_t = tanh(W x_t + U h_{t-1} + b); x (batch, time, inputs), y (batch, time, hidden)."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__(nn.RNN(inputs, hidden, layers, nonlinearity="tanh", batch_first=True))
        for name, value in self.rnn.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(value)


class Elman(SequenceModel):
    """Clips classified by an Elman network over log-mel frames; settings: see `SequenceModel`."""

    def network(self, inputs: int) -> SequenceNetwork:
        return ElmanNetwork(inputs, self.hidden, self.layers)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train 100 units on the adding problem (Adam, 1e-3) or on chorales; `quick` is the same."""
    from mynah.papers.problems import adding, chorales
    from mynah.papers.problems.answers import EveryFrame

    if experiment == "adding":
        return adding.learn(lambda: ElmanNetwork(adding.INPUTS, 100, 1), seed, learning_rate=1e-3)
    if experiment == "chorales":
        net = seeded(seed, lambda: EveryFrame(ElmanNetwork(chorales.NOTES, 100, 1), chorales.NOTES))
        return chorales.learn(net, seed)
    raise ValueError(f"no experiment {experiment!r}")


#: Units, sequences and steps of the curves.
UNITS, DRAWN, STEPS = 100, 16, 100


def curves(seed: int = 0) -> dict[str, Any]:
    """Return how the gradient of the last output by the input so many steps before shrinks, in new networks.

    Returns:
        Arguments of `mynah.report.curves.lines`: the mean norm against the lag, relative to that of the last input.
    """
    from mynah.papers.problems import adding

    kinds = {
        "tanh": lambda: nn.RNN(adding.INPUTS, UNITS, batch_first=True),
        "LSTM": lambda: nn.LSTM(adding.INPUTS, UNITS, batch_first=True),
        "LSTM, forget bias 1": _remembering,
        "GRU": lambda: nn.GRU(adding.INPUTS, UNITS, batch_first=True),
    }
    x = adding.draw(generator(seed, "curves"), DRAWN, length=STEPS).frames
    series = {}
    for name, kind in kinds.items():
        given = x.clone().requires_grad_()
        y, _ = seeded(seed, kind)(given)
        (gradient,) = torch.autograd.grad(y[:, -1].sum(), given)
        norms = gradient.norm(dim=2).mean(dim=0).flip(0)
        series[name] = [(lag, float(norm / norms[0])) for lag, norm in enumerate(norms.tolist())]
    return {
        "title": "What is left of the gradient after so many steps, in untrained networks",
        "x": "steps back",
        "y": "norm, relative",
        "series": series,
        "log": True,
    }


def _remembering() -> nn.LSTM:
    from mynah.papers.problems import adding

    net = nn.LSTM(adding.INPUTS, UNITS, batch_first=True)
    set_forget_bias(net, UNITS, 1.0)
    return net
