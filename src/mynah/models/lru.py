"""Linear recurrent unit (Orvieto, Smith, Gu, Fernando, Gulcehre, Pascanu & De 2023, arXiv:2303.06349).

    h_t = lambda h_{t-1} + gamma B x_t                                   h complex, lambda diagonal
    y_t = Re(C h_t) + D x_t
    lambda = exp(-exp(nu) + i exp(theta))                                stable whatever nu and theta are
    |lambda| starts uniform on the ring from `smallest` to `largest`, its phase in 0 to `phase`
    gamma starts at sqrt(1 - |lambda|^2), and is learned as its logarithm: without it a slow unit would be loud

The recurrence is linear, so a parallel scan can run it; what is not linear happens within a frame, between layers.

Departures from the paper:
- `hidden` units keep hidden / 2 complex numbers: a real linear recurrence of `hidden` units has eigenvalues in
  conjugate pairs, and Re takes one of each. `state` sets another number.
- The blocks: batch normalisation, recurrence, GELU, a gated linear unit and the skip (the paper's, as recalled).
  Padding is left out of the statistics; in training they are those of whole excerpts, in evaluation they are fixed,
  so the network is causal and streams. Layer normalisation would leave the mean over time in, which a slow unit
  multiplies by gamma / |1 - lambda|, up to 45: the adding problem then stays at the constant answer until 1750 steps
  or more, and is below a tenth of that error by 375 steps with batch normalisation (measured).
- The phase starts in 0 to pi / 10, as for the paper's longest sequences (as recalled), not in 0 to 2 pi.
- nu and theta learn at the rate of all other weights.
- Outputs are pooled over time (mean and maximum) for one answer a clip.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor, nn

from mynah.contracts.sequence import SequenceModel
from mynah.layers.affine import affine
from mynah.layers.residual_network import ResidualNetwork
from mynah.layers.scan import linear_scan
from mynah.layers.sequence_network import SequenceNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "lru",
    "title": "Linear recurrent unit",
    "year": 2023,
    "authors": "A. Orvieto, S. L. Smith, A. Gu, A. Fernando, C. Gulcehre, R. Pascanu, S. De",
    "reference": "Resurrecting recurrent neural networks for long sequences, arXiv:2303.06349",
    "tasks": ("classify",),
    "reading": ("modern-successors",),
    "superseded_by": (),
    "aliases": ("linear-recurrent-unit",),
    "estimator": "LRU",
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


class LRULayer(nn.Module):
    """One layer, without norm or skip; x and y (time, batch, width), state (batch, units) complex.

    Args:
        width: features in and out.
        units: complex numbers of the state.
        smallest, largest: |lambda| at the start.
        phase: largest angle of lambda at the start.

    Raises:
        ValueError: no unit, or a ring that does not lie within the unit circle.
    """

    def __init__(
        self, width: int, units: int, smallest: float = 0.9, largest: float = 0.999, phase: float = math.pi / 10
    ) -> None:
        super().__init__()
        if units < 1:
            raise ValueError(f"an LRU needs at least one complex unit, not {units}")
        if not 0 <= smallest < largest < 1:
            raise ValueError(f"|lambda| starts on a ring within the unit circle, not from {smallest} to {largest}")
        square = torch.empty(units).uniform_(smallest**2, largest**2)
        self.nu = nn.Parameter(torch.log(-0.5 * torch.log(square)))
        self.theta = nn.Parameter(torch.log(phase * torch.empty(units).uniform_(1e-3, 1)))
        self.gamma = nn.Parameter(0.5 * torch.log1p(-square))
        self.into = nn.Parameter(torch.randn(units, 2, width) * (2 * width) ** -0.5)
        self.out = nn.Parameter(torch.randn(width, units, 2) * units**-0.5)
        self.skip = nn.Parameter(torch.randn(width))

    def eigenvalues(self) -> Tensor:
        """Return lambda (units,), complex."""
        return torch.polar(torch.exp(-torch.exp(self.nu)), torch.exp(self.theta))

    def forward(
        self, x: Float[Tensor, "time batch width"], state: Complex[Tensor, "batch hidden"] | None = None
    ) -> tuple[Float[Tensor, "time batch width"], Complex[Tensor, "batch hidden"]]:
        into = self.into * torch.exp(self.gamma)[:, None, None]
        (driven,) = affine(x, into.flatten(0, 1))
        drive = torch.view_as_complex(driven.unflatten(-1, (-1, 2)))
        start = torch.zeros_like(drive[0]) if state is None else state
        h, last = linear_scan(self.eigenvalues(), drive, start)
        out = torch.stack([self.out[..., 0], -self.out[..., 1]], dim=-1)  # Re(C h) = Re C Re h - Im C Im h
        (y,) = affine(torch.view_as_real(h).flatten(-2), out.flatten(1))
        return torch.addcmul(y, self.skip, x), last


def network(inputs: int, hidden: int, layers: int, state: int | None = None) -> ResidualNetwork:
    """Return residual blocks of LRUs.

    Args:
        inputs, hidden, layers: features in, features of a block, blocks.
        state: complex numbers that a block keeps; None is half of `hidden`, rounded up.
    """
    units = (hidden + 1) // 2 if state is None else state
    return ResidualNetwork(inputs, hidden, [LRULayer(hidden, units) for _ in range(layers)], over_batch=True)


class LRU(SequenceModel):
    """Clips classified by residual blocks of linear recurrent units over log-mel frames.

    Args:
        state: see `network`.
        hidden, layers, window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    def __init__(
        self,
        hidden: int = 64,
        layers: int = 2,
        state: int | None = None,
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, window, training, representation, rate, random_state)
        self.state = state

    def network(self, inputs: int) -> SequenceNetwork:
        return network(inputs, self.hidden, self.layers, self.state)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train two layers of 64 units on the adding problem, until validation sequences pass; `quick` is the same.

    A cosine from 1e-2 to zero over 125,000 sequences: half of what the gate allows.
    """
    from mynah.papers.problems import adding

    if experiment != "adding":
        raise ValueError(f"no experiment {experiment!r}")
    rate, steps = 1e-2, 2500
    return adding.learn(lambda: network(adding.INPUTS, 64, 2), seed, learning_rate=rate, steps=steps, schedule="cosine")
