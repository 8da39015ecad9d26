"""A recurrent network over samples: the next mu-law symbol from all before it, by one layer of LSTM or GRU.

    h_t = LSTM(e(q_{t-1}), h_{t-1})                 or GRU
    p(q_t | q_1 ... q_{t-1}) = softmax(W h_t + b)

The one-layer case of what SampleRNN (Mehri et al. 2017, arXiv:1612.07837) calls a sample-level module, which there is
conditioned on slower networks over frames; and of the recurrent part of WaveRNN (Kalchbrenner et al. 2018,
arXiv:1802.08435), with 256 symbols instead of 16 bits in two halves.

Departures from the papers:
- One tier: nothing slower conditions it.
- Trained on whole excerpts from a state of zeros.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mynah import kernels
from mynah.contracts.symbol_generator import SymbolGenerator
from mynah.ground.randomness import seeded
from mynah.layers.cells import set_forget_bias
from mynah.layers.next_symbol import NextSymbol, Stream, rounded
from mynah.layers.sequence_network import TorchNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "sample_rnn",
    "title": "Recurrent network over mu-law samples",
    "year": 2017,
    "authors": "S. Mehri and others (SampleRNN); N. Kalchbrenner and others (WaveRNN)",
    "reference": "arXiv:1612.07837 (its sample-level module alone), arXiv:1802.08435",
    "tasks": ("generate",),
    "reading": (),
    "superseded_by": (),
    "aliases": ("samplernn", "wavernn"),
    "estimator": "SampleRNN",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "ar2",
            "title": "mu-law symbols of a noisy resonance: bits a sample above what the exact filter needs",
            "measure": "excess",
            "at_most": 0.1,
            "paper": "no figure; the bound is the source's entropy",
        },
    ),
}


def network(cell: str, hidden: int, levels: int = 256, features: int = 16, conditions: int = 0) -> NextSymbol:
    """Return one layer over embeddings of symbols, with an affine head.

    Args:
        cell: "lstm" or "gru".
        hidden: units.
        levels, features, conditions: see `NextSymbol`.

    Raises:
        ValueError: another cell.
    """
    if cell not in ("lstm", "gru"):
        raise ValueError(f"the cell is lstm or gru, not {cell!r}")
    rnn = (nn.LSTM if cell == "lstm" else nn.GRU)(features + conditions, hidden, batch_first=True)
    if cell == "lstm":
        set_forget_bias(rnn, hidden, 1.0)
    return NextSymbol(levels, features, TorchNetwork(rnn), nn.Linear(hidden, levels), conditions)


def stream(net: NextSymbol, conditions: Tensor | None = None, precision: str = "float32") -> Any:
    """Return a new sequence to be drawn from a net of `network`: by the kernel, or its twin where there is none.

    Args:
        net: in evaluation mode.
        conditions: (conditions,) to begin with, or None.
        precision: of the weights, "float32" or "bfloat16".
    """
    if kernels.native is None:
        return Stream(net if precision == "float32" else rounded(net), conditions)
    made = kernels.SymbolStream(
        kernels.native.recurrent_symbols(**_packed(net), precision=precision),
        net.start,
        net.levels,
        partial(_given, net),
    )
    made.condition(conditions)
    return made


@torch.no_grad()
def _given(net: NextSymbol, conditions: Tensor | None) -> np.ndarray:
    """Return what the conditions add to the gates."""
    rnn, none = net.body.rnn, torch.zeros(1, 1, net.embedding.embedding_dim)
    x = net.joined(none, None if conditions is None else conditions[None])[0, 0]
    return kernels.by_gates(rnn.weight_ih_l0.numpy() @ x.numpy(), 4 if rnn.mode == "LSTM" else 3, axis=0)


@torch.no_grad()
def _packed(net: NextSymbol) -> dict[str, Any]:
    """Return what the kernel takes: what each symbol adds to the gates as a table."""
    rnn, symbols = net.body.rnn, net.embedding.weight
    arrays = kernels.packed_cell(rnn)
    table = symbols.numpy() @ rnn.weight_ih_l0[:, : symbols.shape[1]].numpy().T
    return {
        "cell": arrays["cell"],
        "levels": net.levels,
        "table": kernels.by_gates(table, arrays["gates"], axis=1) + arrays["start"],
        "inner": arrays["inner"],
        "inner_start": arrays["inner_start"],
        "out": kernels.padded(net.head.weight.numpy(), 0, 1),
        "out_start": kernels.padded(net.head.bias.numpy(), 0),
    }


class SampleRNN(SymbolGenerator):
    """Sounds made a sample at a time by one recurrent layer, conditioned on their class.

    Args:
        cell: "lstm" or "gru".
        hidden: units.
        precision: see `SymbolGenerator`.
        training, representation, rate, random_state: see `ByGradient`.
    """

    def __init__(
        self,
        cell: str = "gru",
        hidden: int = 128,
        precision: str = "float32",
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(precision, training, representation, rate, random_state)
        self.cell = cell
        self.hidden = hidden

    def network(self, conditions: int) -> NextSymbol:
        return network(self.cell, self.hidden, conditions=conditions)

    def stream(self, net: NextSymbol, conditions: Tensor | None) -> Any:
        return stream(net, conditions, self.precision)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    ar2: a GRU of 64 units, 600 steps of 8 x 1024 symbols.
    """
    from mynah.papers.problems import ar2

    if experiment != "ar2":
        raise ValueError(f"no experiment {experiment!r}")
    return ar2.learn(seeded(seed, lambda: network("gru", 64)), seed, steps=600, learning_rate=5e-3)
