"""Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), in the form of torch and cuDNN.

    r_t = sigma(W_r x_t + b_r + U_r h_{t-1} + c_r)          reset gate
    z_t = sigma(W_z x_t + b_z + U_z h_{t-1} + c_z)          update gate
    n_t = tanh(W_n x_t + b_n + r_t (U_n h_{t-1} + c_n))     candidate
    h_t = (1 - z_t) n_t + z_t h_{t-1}

Departures from the paper:
- The reset gate multiplies after the recurrent product (cuDNN), where the paper has U (r_t h_{t-1}).
- The names z and 1 - z are exchanged against the paper's eq. 7.
- Outputs are pooled over time (mean and maximum) for one answer a clip.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from mynah.sequence import SequenceModel, SequenceNetwork

CARD = {
    "name": "gru",
    "title": "Gated recurrent unit",
    "year": 2014,
    "authors": "K. Cho, B. van Merrienboer, C. Gulcehre, D. Bahdanau, F. Bougares, H. Schwenk, Y. Bengio",
    "reference": "Learning phrase representations using RNN encoder-decoder, arXiv:1406.1078",
    "tasks": ("classify",),
    "reading": ("gru",),
    "superseded_by": (),
    "aliases": ("gated-recurrent-unit",),
    "estimator": "GRU",
    "cost": "gradient",
}


class GRUNetwork(SequenceNetwork):
    """Layers of GRU; x (batch, time, inputs), y (batch, time, hidden)."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__(width=hidden)
        self.rnn = nn.GRU(inputs, hidden, layers, batch_first=True)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.rnn(x, state)


class GRU(SequenceModel):
    """Clips classified by a GRU over log-mel frames; settings: see `SequenceModel`."""

    def network(self, inputs: int) -> SequenceNetwork:
        return GRUNetwork(inputs, self.hidden, self.layers)
