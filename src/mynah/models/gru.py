"""Gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), in the form of torch and cuDNN or as it was published.

    r_t = sigma(W_r x_t + b_r + U_r h_{t-1} + c_r)          reset gate
    z_t = sigma(W_z x_t + b_z + U_z h_{t-1} + c_z)          update gate
    n_t = tanh(W_n x_t + b_n + r_t (U_n h_{t-1} + c_n))     candidate
    h_t = (1 - z_t) n_t + z_t h_{t-1}

Departures from the paper:
- The reset gate multiplies after the recurrent product, as in cuDNN; ``form="cho"`` has the paper's U_n (r_t h_{t-1}).
  The weights of one do not serve the other.
- The names z and 1 - z are exchanged against the paper's eq. 7.
- Outputs are pooled over time (mean and maximum) for one answer a clip.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from mynah.contracts.sequence import SequenceModel
from mynah.ground.randomness import seeded
from mynah.layers.cells import ChoGRU, Stacked
from mynah.layers.sequence_network import SequenceNetwork
from mynah.representations import Representation
from mynah.training import Training

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
    "claims": (
        {
            "experiment": "chorales",
            "title": "JSB chorales, 46 units: nats a frame",
            "measure": "nll",
            "at_most": 8.69,
            "paper": "8.54 (Chung et al. 2014)",
            "data": "jsb_chorales",
        },
        {
            "experiment": "chorales",
            "title": "JSB chorales: nats a frame, against the tanh network",
            "measure": "nll",
            "at_most": ("elman", "chorales", "nll", 1.0),
            "paper": "8.54 against 9.10 (the latter as recalled)",
            "data": "jsb_chorales",
        },
        {
            "experiment": "chorales-cho",
            "title": "JSB chorales, 46 units, the reset gate before the product: nats a frame",
            "measure": "nll",
            "at_most": 8.69,
            "paper": "8.54 (Chung et al. 2014)",
            "data": "jsb_chorales",
            "quick": False,
        },
    ),
}
#: cuDNN's and torch's, and the paper's.
FORMS = ("cudnn", "cho")


class GRUNetwork(SequenceNetwork):
    """Layers of GRU; x (batch, time, inputs), y (batch, time, hidden).

    Raises:
        ValueError: another form than "cudnn" or "cho".
    """

    def __init__(self, inputs: int, hidden: int, layers: int, form: str = "cudnn") -> None:
        super().__init__(width=hidden)
        if form not in FORMS:
            raise ValueError(f"a GRU has the form {' or '.join(FORMS)}, not {form!r}")
        self.rnn: nn.Module
        if form == "cudnn":
            self.rnn = nn.GRU(inputs, hidden, layers, batch_first=True)
        else:
            self.rnn = Stacked([ChoGRU(hidden if n else inputs, hidden) for n in range(layers)])

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        return self.rnn(x, state)


class GRU(SequenceModel):
    """Clips classified by a GRU over log-mel frames.

    Args:
        form: "cudnn", or "cho" for the published one, which runs step by step.
        hidden, layers, window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    def __init__(
        self,
        hidden: int = 96,
        layers: int = 1,
        form: str = "cudnn",
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, window, training, representation, rate, random_state)
        self.form = form

    def network(self, inputs: int) -> SequenceNetwork:
        return GRUNetwork(inputs, self.hidden, self.layers, self.form)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train 46 units on chorales, in torch's form ("chorales") or the paper's ("chorales-cho"); `quick` is the same."""
    from mynah.papers.problems import chorales
    from mynah.papers.problems.answers import EveryFrame

    forms = {"chorales": "cudnn", "chorales-cho": "cho"}
    if experiment not in forms:
        raise ValueError(f"no experiment {experiment!r}")
    net = seeded(seed, lambda: EveryFrame(GRUNetwork(chorales.NOTES, 46, 1, forms[experiment]), chorales.NOTES))
    return chorales.learn(net, seed)
