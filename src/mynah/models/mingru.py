"""minGRU (Feng, Tung, Ahmed, Bengio & Hajimirsadeghi 2024, "Were RNNs all we needed?", arXiv:2410.01201).

A GRU whose gate and candidate see the input alone, which leaves a recurrence that a parallel scan can run:

    z_t = sigma(W_z x_t + b_z)
    n_t = W_n x_t + b_n
    h_t = (1 - z_t) h_{t-1} + z_t n_t                section 3.1

A gate of one layer cannot see what that layer remembers: that takes a second layer, whose input is the first one's.

Departures from the paper:
- The recurrence itself is scanned, in chunks, and not its logarithm (appendix B). It neither divides nor takes a
  logarithm, and h stays between the smallest and the largest candidate, so it is stable; and n_t may be negative,
  which the logarithm forbids (there it goes through a positive g).
- Layers lie in residual blocks of layer normalisation, recurrence, GELU and a gated linear unit, as for minLSTM
  here. The paper's blocks vary by task (a convolution over 4 frames, the recurrence, an MLP; as recalled).
- b_z starts so that the units forget after 1 to `memory` frames (Tallec & Ollivier 2018, arXiv:1804.11188).
- Outputs are pooled over time (mean and maximum) for one answer a clip.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mynah.contracts.sequence import InputGatedModel
from mynah.layers.affine import affine
from mynah.layers.scan import gated_scan

CARD = {
    "name": "mingru",
    "title": "Minimal gated recurrent unit",
    "year": 2024,
    "authors": "L. Feng, F. Tung, M. O. Ahmed, Y. Bengio, H. Hajimirsadeghi",
    "reference": "Were RNNs all we needed?, arXiv:2410.01201",
    "tasks": ("classify",),
    "reading": ("modern-successors",),
    "superseded_by": (),
    "aliases": ("min-gru",),
    "estimator": "MinGRU",
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


class MinGRULayer(nn.Module):
    """One layer, without norm or skip; x (time, batch, inputs), y (time, batch, hidden), state (batch, hidden).

    Args:
        memory: frames after which the slowest unit forgets at the start.
    """

    def __init__(self, inputs: int, hidden: int, memory: float = 100.0) -> None:
        super().__init__()
        if not memory > 1:
            raise ValueError(f"a memory is longer than one frame, not {memory}")
        self.hidden = hidden
        self.into = nn.Linear(inputs, 2 * hidden)
        with torch.no_grad():
            self.into.bias[:hidden] = -torch.empty(hidden).uniform_(1, memory).log()
            self.into.bias[hidden:] = 0.0

    def forward(
        self, x: Float[Tensor, "time batch width"], state: Float[Tensor, "batch hidden"] | None = None
    ) -> tuple[Float[Tensor, "time batch hidden"], Float[Tensor, "batch hidden"]]:
        gate, candidate = affine(x, self.into.weight, self.into.bias, parts=2)
        start = gate.new_zeros(gate.shape[1:]) if state is None else state
        return gated_scan(gate, candidate, start)


class MinGRU(InputGatedModel):
    """Clips classified by residual blocks of minGRU over log-mel frames; settings: see `InputGatedModel`."""

    def recurrence(self, width: int) -> nn.Module:
        return MinGRULayer(width, width, self.memory)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train two layers of 64 units on the adding problem, until validation sequences pass; `quick` is the same."""
    from mynah.papers.problems import adding

    if experiment != "adding":
        raise ValueError(f"no experiment {experiment!r}")
    return adding.learn(lambda: MinGRU(hidden=64, layers=2).network(adding.INPUTS), seed, learning_rate=2e-3)
