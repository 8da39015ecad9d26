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
- Full backpropagation through the excerpt instead of the paper's truncated gradient, and Adam.
- Peepholes (Gers & Schmidhuber 2000) are a setting, off by default, and run step by step.
- Outputs are pooled over time (mean and maximum) for one answer a clip.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from mynah.contracts.sequence import SequenceModel
from mynah.ground.randomness import generator, seeded
from mynah.layers.cells import PeepholeLSTM, Stacked, set_forget_bias, zero_biases
from mynah.layers.sequence_network import SequenceNetwork
from mynah.layers.windows import in_windows
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "lstm",
    "title": "Long short-term memory",
    "year": 1997,
    "authors": "S. Hochreiter, J. Schmidhuber",
    "reference": "Long short-term memory, Neural Computation 9(8)",
    "tasks": ("classify",),
    "reading": ("lstm", "stateful-lstm"),
    "superseded_by": (),
    "aliases": ("long-short-term-memory",),
    "estimator": "LSTM",
    "cost": "gradient",
    "claims": (
        {
            "experiment": "adding",
            "title": "adding problem, T = 100: error after at most 250,000 sequences",
            "measure": "mse",
            "at_most": 0.002,
            "paper": "1 of 2560 wrong after 74,000 (as recalled)",
        },
        {
            "experiment": "adding",
            "title": "adding problem, T = 100: share of 2560 answers off by more than 0.04",
            "measure": "wrong",
            "at_most": 0.01,
            "paper": "0.0004 (as recalled)",
        },
        {
            "experiment": "temporal-order",
            "title": "temporal order, three symbols: share right after at most 100,000 sequences",
            "measure": "right",
            "at_least": 1.0,
            "paper": "solved after 31,390 (a later replication)",
        },
        {
            "experiment": "chorales",
            "title": "JSB chorales, 36 units: nats a frame",
            "measure": "nll",
            "at_most": 8.82,
            "paper": "8.67 (Chung et al. 2014, as recalled)",
            "data": "jsb_chorales",
        },
        {
            "experiment": "chorales",
            "title": "JSB chorales: nats a frame, against the tanh network",
            "measure": "nll",
            "at_most": ("elman", "chorales", "nll", 1.0),
            "paper": "8.67 against 9.10 (as recalled)",
            "data": "jsb_chorales",
        },
        {
            "experiment": "stateful",
            "title": "a state carried over windows against one long pass: largest difference",
            "measure": "carried",
            "at_most": 1e-6,
            "paper": "equal by definition",
        },
        {
            "experiment": "stateful",
            "title": "a state reset at every window against one long pass: largest difference",
            "measure": "reset",
            "at_least": 0.01,
            "paper": "another function (Keras forum item)",
        },
        {
            "experiment": "half-sine",
            "title": "control: from sin t to sin t/2 with a state reset at every window, which cannot be done: error",
            "measure": "mse",
            "at_least": 0.45,
            "paper": "0.5, the zero function (Keras forum item)",
        },
    ),
}


class LSTMNetwork(SequenceNetwork):
    """Layers of LSTM; x (batch, time, inputs), y (batch, time, width), state = (h, c).

    Args:
        inputs, hidden, layers: features in, units a layer, layers.
        peepholes: whether the gates see the cell.
        forget_bias: of the forget gates at the start; the larger, the longer a new network remembers.
        bidirectional: a second network reads from each row's end, so y needs later input; width is twice `hidden`.

    Raises:
        ValueError: peepholes both ways, which there is no cell for.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        layers: int,
        peepholes: bool = False,
        bidirectional: bool = False,
        forget_bias: float = 1.0,
    ) -> None:
        super().__init__(width=hidden * (2 if bidirectional else 1))
        if peepholes and bidirectional:
            raise ValueError("an LSTM has peepholes or reads both ways, not both")
        self.looks_ahead = self.takes_lengths = bidirectional
        self.rnn: nn.Module
        if peepholes:
            self.rnn = Stacked([PeepholeLSTM(hidden if n else inputs, hidden) for n in range(layers)])
        else:
            self.rnn = nn.LSTM(inputs, hidden, layers, batch_first=True, bidirectional=bidirectional)
        zero_biases(self.rnn)
        set_forget_bias(self.rnn, hidden, forget_bias)

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        if lengths is None:
            return self.rnn(x, state)
        real = pack_padded_sequence(x, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        y, state = self.rnn(real, state)
        return pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])[0], state


class LSTM(SequenceModel):
    """Clips classified by an LSTM over log-mel frames.

    Args:
        peepholes, bidirectional: see `LSTMNetwork`.
        hidden, layers, window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    def __init__(
        self,
        hidden: int = 96,
        layers: int = 1,
        peepholes: bool = False,
        bidirectional: bool = False,
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, window, training, representation, rate, random_state)
        self.peepholes = peepholes
        self.bidirectional = bidirectional

    def network(self, inputs: int) -> SequenceNetwork:
        if self.bidirectional and self.window is not None:
            raise ValueError("an LSTM that reads both ways cannot be trained in windows: set window to None")
        return LSTMNetwork(inputs, self.hidden, self.layers, self.peepholes, self.bidirectional)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    adding: 100 units, Adam, 2e-3, ended when validation sequences pass with room to spare. temporal-order: 64 units,
    3e-3, 100,000 sequences, and forget gates that start nearly open, as the 1997 paper has none. chorales: see
    `mynah.papers.problems.chorales`. stateful: a new network over noise, in windows of 16. half-sine: 32 units, 5e-3.
    """
    from mynah.papers.problems import adding, chorales
    from mynah.papers.problems.answers import EveryFrame

    if experiment == "adding":
        return adding.learn(lambda: LSTMNetwork(adding.INPUTS, 100, 1), seed, learning_rate=2e-3)
    if experiment == "temporal-order":
        return _temporal_order(seed)
    if experiment == "chorales":
        net = seeded(seed, lambda: EveryFrame(LSTMNetwork(chorales.NOTES, 36, 1), chorales.NOTES))
        return chorales.learn(net, seed)
    if experiment == "stateful":
        return _stateful(seed)
    if experiment == "half-sine":
        return _half_sine(seed)
    raise ValueError(f"no experiment {experiment!r}")


def _temporal_order(seed: int) -> dict[str, float]:
    from mynah.papers.problems import temporal_order
    from mynah.papers.problems.answers import LastFrame
    from mynah.papers.problems.descent import PLAIN, descend

    def build() -> LastFrame:
        body = LSTMNetwork(temporal_order.SYMBOLS, 64, 1, forget_bias=4.0)
        return LastFrame(body, temporal_order.CLASSES)

    net = seeded(seed, build)
    training = replace(PLAIN, learning_rate=3e-3, batch=20, schedule="cosine")
    draw, loss = temporal_order.draw, temporal_order.loss
    for _ in descend(net, loss, draw, steps=100_000 // training.batch, seed=seed, training=training):
        pass
    return {"right": temporal_order.accuracy(net, seed)}


@torch.no_grad()
def _stateful(seed: int) -> dict[str, float]:
    net = seeded(seed, lambda: LSTMNetwork(4, 32, 1)).eval()
    x = torch.from_numpy(generator(seed, "stateful").normal(size=(2, 128, 4)).astype("float32"))
    whole = net(x)[0]
    reset = torch.cat([net(window)[0] for window in x.split(16, dim=1)], dim=1)
    carried = in_windows(net, x, 16)
    return {"carried": float((carried - whole).abs().max()), "reset": float((reset - whole).abs().max())}


def _half_sine(seed: int) -> dict[str, float]:
    from mynah.papers.problems import half_sine
    from mynah.papers.problems.answers import EveryFrame
    from mynah.papers.problems.descent import PLAIN, descend

    net = seeded(seed, lambda: EveryFrame(LSTMNetwork(1, 32, 1), 1))
    training = replace(PLAIN, learning_rate=5e-3)
    for _ in descend(net, half_sine.loss, half_sine.draw, steps=600, seed=seed, training=training):
        pass
    return {"mse": half_sine.error(net, seed)}
