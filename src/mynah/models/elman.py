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

from torch import Tensor, nn

from mynah.sequence import SequenceModel, SequenceNetwork

CARD = {
    "name": "elman",
    "title": "Elman recurrent network",
    "year": 1990,
    "authors": "J. L. Elman",
    "reference": "Finding structure in time, Cognitive Science 14(2)",
    "tasks": ("classify",),
    "reading": ("elman-vanishing-gradients",),
    "superseded_by": ("lstm", "gru"),
    "aliases": ("rnn", "srn"),
    "estimator": "Elman",
    "cost": "gradient",
}


class ElmanNetwork(SequenceNetwork):
    """Layers of h_t = tanh(W x_t + U h_{t-1} + b); x (batch, time, inputs), y (batch, time, hidden)."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__(width=hidden)
        self.rnn = nn.RNN(inputs, hidden, layers, nonlinearity="tanh", batch_first=True)
        for name, value in self.rnn.named_parameters():
            if name.startswith("weight_hh"):
                nn.init.orthogonal_(value)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.rnn(x, state)


class Elman(SequenceModel):
    """Clips classified by an Elman network over log-mel frames; settings: see `SequenceModel`."""

    def network(self, inputs: int) -> SequenceNetwork:
        return ElmanNetwork(inputs, self.hidden, self.layers)
