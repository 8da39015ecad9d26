"""Long short-term memory (Hochreiter & Schmidhuber 1997, Neural Computation 9(8)).

    i_t = sigma(W_i x_t + U_i h_{t-1} + b_i)        input gate
    f_t = sigma(W_f x_t + U_f h_{t-1} + b_f)        forget gate (Gers, Schmidhuber & Cummins 2000)
    o_t = sigma(W_o x_t + U_o h_{t-1} + b_o)        output gate
    c_t = f_t c_{t-1} + i_t tanh(W_c x_t + U_c h_{t-1} + b_c)
    h_t = o_t tanh(c_t)

The cell c_t is carried by a sum, so its gradient does not shrink where the forget gate stays open.

Departures from the paper:
- The forget gate is not in the 1997 paper. Its bias starts at 1 (Gers et al. 2000; Jozefowicz et al. 2015);
  torch keeps two bias vectors a gate, so one of them is set to 1 and the other to 0.
- Full backpropagation through the excerpt instead of the paper's truncated gradient.
- Outputs are pooled over time (mean and maximum) for one answer a clip.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mynah.layers.heads import SequenceClassifier
from mynah.model import NetModel, SequenceNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "lstm",
    "title": "Long short-term memory",
    "year": 1997,
    "authors": "S. Hochreiter, J. Schmidhuber",
    "reference": "Long short-term memory, Neural Computation 9(8)",
    "tasks": ("classify",),
    "reading": ("lstm",),
    "superseded_by": (),
    "aliases": ("long-short-term-memory",),
    "estimator": "LSTM",
    "cost": "gradient",
}


class LSTMNetwork(SequenceNetwork):
    """Layers of LSTM; x (batch, time, inputs), y (batch, time, hidden), state = (h, c)."""

    def __init__(self, inputs: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(inputs, hidden, layers, batch_first=True)
        with torch.no_grad():
            for name, value in self.rnn.named_parameters():
                if name.startswith("bias"):
                    value.zero_()
                if name.startswith("bias_ih"):
                    value[hidden : 2 * hidden] = 1.0

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.rnn(x, state)


class LSTM(NetModel):
    """Clips classified by an LSTM over log-mel frames.

    Args:
        hidden: units a layer.
        layers: recurrent layers.
        window: frames that a gradient goes back at most; None is the whole excerpt.
        training, representation, rate, random_state: see `NetModel`.
    """

    def __init__(
        self,
        hidden: int = 96,
        layers: int = 1,
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.hidden = hidden
        self.layers = layers
        self.window = window

    def build(self, inputs: int, outputs: int) -> nn.Module:
        return SequenceClassifier(
            LSTMNetwork(inputs, self.hidden, self.layers), self.hidden, outputs, window=self.window
        )
