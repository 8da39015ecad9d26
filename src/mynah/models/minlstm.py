"""minLSTM (Feng, Tung, Ahmed, Bengio & Hajimirsadeghi 2024, "Were RNNs all we needed?", arXiv:2410.01201).

An LSTM whose gates and candidate see the input alone and whose two gates sum to one, which leaves a recurrence that a
parallel scan can run:

    f_t = sigma(W_f x_t + b_f)
    i_t = sigma(W_i x_t + b_i)
    n_t = W_n x_t + b_n
    h_t = f_t / (f_t + i_t) h_{t-1} + i_t / (f_t + i_t) n_t          section 3.2

A gate of one layer cannot see what that layer remembers: that takes a second layer, whose input is the first one's.

Departures from the paper:
- The recurrence itself is scanned, in chunks, and not its logarithm (appendix B). It neither divides nor takes a
  logarithm, and h stays between the smallest and the largest candidate, so it is stable; and n_t may be negative,
  which the logarithm forbids (there it goes through a positive g).
- i / (f + i) is computed as sigma(log i - log f), which stays right where both gates are nearly shut.
- Layers lie in residual blocks of layer normalisation, recurrence, GELU and a gated linear unit, as for minGRU
  here. The paper's blocks vary by task (a convolution over 4 frames, the recurrence, an MLP; as recalled).
- b_f and b_i start so that the units forget after 1 to `memory` frames (Tallec & Ollivier 2018, arXiv:1804.11188).
- Outputs are pooled over time (mean and maximum) for one answer a clip.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from mynah.contracts.sequence import SequenceModel
from mynah.layers.affine import affine
from mynah.layers.residual import ResidualStack
from mynah.layers.scan import gated_scan
from mynah.layers.sequence_network import SequenceNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "minlstm",
    "title": "Minimal long short-term memory",
    "year": 2024,
    "authors": "L. Feng, F. Tung, M. O. Ahmed, Y. Bengio, H. Hajimirsadeghi",
    "reference": "Were RNNs all we needed?, arXiv:2410.01201",
    "tasks": ("classify",),
    "reading": ("modern-successors",),
    "superseded_by": (),
    "aliases": ("min-lstm",),
    "estimator": "MinLSTM",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "adding",
            "title": "adding problem, T = 100: error after at most 250,000 sequences",
            "measure": "mse",
            "at_most": 0.002,
            "paper": "not run there; the gate is that of the LSTM",
        },
        {
            "experiment": "adding",
            "title": "adding problem, T = 100: share of 2560 answers off by more than 0.04",
            "measure": "wrong",
            "at_most": 0.01,
            "paper": "not run there; the gate is that of the LSTM",
        },
    ),
}


class MinLSTMLayer(nn.Module):
    """One layer, without norm or skip; x (time, batch, inputs), y (time, batch, hidden), state (batch, hidden).

    Args:
        memory: frames after which the slowest unit forgets at the start, more than 1.
    """

    def __init__(self, inputs: int, hidden: int, memory: float = 100.0) -> None:
        super().__init__()
        if not memory > 1:
            raise ValueError(f"a memory is longer than one frame, not {memory}")
        self.into = nn.Linear(inputs, 3 * hidden)
        with torch.no_grad():
            forget, take, candidate = self.into.bias.chunk(3)
            forget.uniform_(1, memory).log_()
            take.copy_(-forget)
            candidate.zero_()

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        forget, take, candidate = affine(x, self.into.weight, self.into.bias, parts=3)
        start = candidate.new_zeros(candidate.shape[1:]) if state is None else state
        return gated_scan(logsigmoid(take) - logsigmoid(forget), candidate, start)


class MinLSTMNetwork(SequenceNetwork):
    """Residual blocks of minLSTM; x (batch, time, inputs), y (batch, time, hidden), state a list of each layer's."""

    def __init__(self, inputs: int, hidden: int, layers: int, memory: float = 100.0) -> None:
        super().__init__(width=hidden)
        self.stack = ResidualStack(inputs, hidden, [MinLSTMLayer(hidden, hidden, memory) for _ in range(layers)])

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.stack(x, state)


class MinLSTM(SequenceModel):
    """Clips classified by residual blocks of minLSTM over log-mel frames.

    Args:
        memory: frames after which the slowest units forget at the start, more than 1.
        hidden, layers, window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    def __init__(
        self,
        hidden: int = 64,
        layers: int = 2,
        memory: float = 100.0,
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, window, training, representation, rate, random_state)
        self.memory = memory

    def network(self, inputs: int) -> SequenceNetwork:
        return MinLSTMNetwork(inputs, self.hidden, self.layers, self.memory)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train two layers of 64 units on the adding problem, until validation sequences pass; `quick` is the same."""
    from mynah.papers.problems import adding

    if experiment != "adding":
        raise ValueError(f"no experiment {experiment!r}")
    return adding.learn(lambda: MinLSTMNetwork(adding.INPUTS, 64, 2), seed, learning_rate=2e-3)
