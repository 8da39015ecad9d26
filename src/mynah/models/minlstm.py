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

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from mynah.contracts.sequence import InputGatedModel
from mynah.layers.affine import affine
from mynah.layers.scan import gated_scan

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

    def forward(
        self, x: Float[Tensor, "time batch width"], state: Float[Tensor, "batch hidden"] | None = None
    ) -> tuple[Float[Tensor, "time batch hidden"], Float[Tensor, "batch hidden"]]:
        forget, take, candidate = affine(x, self.into.weight, self.into.bias, parts=3)
        start = candidate.new_zeros(candidate.shape[1:]) if state is None else state
        return gated_scan(logsigmoid(take) - logsigmoid(forget), candidate, start)


class MinLSTM(InputGatedModel):
    """Clips classified by residual blocks of minLSTM over log-mel frames; settings: see `InputGatedModel`."""

    def recurrence(self, width: int) -> nn.Module:
        return MinLSTMLayer(width, width, self.memory)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train two layers of 64 units on the adding problem, until validation sequences pass; `quick` is the same."""
    from mynah.papers.problems import adding

    if experiment != "adding":
        raise ValueError(f"no experiment {experiment!r}")
    return adding.learn(lambda: MinLSTM(hidden=64, layers=2).network(adding.INPUTS), seed, learning_rate=2e-3)
