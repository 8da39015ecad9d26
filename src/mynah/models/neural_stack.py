"""Neural stack, queue and deque (Grefenstette, Hermann, Suleyman & Blunsom 2015, arXiv:1506.02516).

An LSTM pushes vectors v_t with strengths d_t into a memory that grows, and pops u_t from it first:

    (h_t, c_t) = LSTM((x_t, r_{t-1}), (h_{t-1}, c_{t-1}))
    d_t = sigma(W_d h_t + b_d)    u_t = sigma(W_u h_t + b_u)    v_t = tanh(W_v h_t + b_v)    o_t = tanh(W_o h_t + b_o)
    s_t[i] = max(0, s_{t-1}[i] - max(0, u_t - sum_{j>i} s_{t-1}[j]))    s_t[t] = d_t
    r_t = sum_i min(s_t[i], max(0, 1 - sum_{j>i} s_t[j])) V_t[i]

where j > i are the rows above i in a stack; in a queue those that came before i. A deque pops at both ends, then
pushes at both and reads at both. The memory has no parameters, so what it learns on short sequences holds on long
ones; its strengths are kept as intervals of a tape, see `mynah.layers.tape`.

Departures from the paper:
- Adam instead of RMSProp; smaller sizes, see `mynah.papers.problems.copy_reverse`. Symbols enter by their one-hot code.
- The bias of the forget gates starts at 1, in the reversal at -1: an LSTM that remembers there by itself soon knows
  half of the answer and leaves the stack unused. This is not taken from the paper.
- The bias of u starts at -1, as in the paper (as recalled), and the weights of d and u near 0.
- For clips, outputs o_t are pooled over time (mean and maximum), and four frames are averaged into one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mynah.contracts.sequence import SequenceModel
from mynah.layers import tape
from mynah.layers.cells import set_forget_bias, zero_biases
from mynah.layers.sequence_network import SequenceNetwork, TorchNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "neural_stack",
    "title": "Neural stack, queue and deque",
    "year": 2015,
    "authors": "E. Grefenstette, K. M. Hermann, M. Suleyman, P. Blunsom",
    "reference": "Learning to transduce with unbounded memory, arXiv:1506.02516",
    "tasks": ("classify",),
    "reading": ("neural-stack",),
    "superseded_by": ("lstm", "gru"),
    "aliases": ("neural-queue", "neural-deque", "stack-lstm"),
    "estimator": "NeuralStack",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "reversal-stack",
            "title": "reversal by a stack: share of sequences of trained lengths that are right",
            "measure": "trained",
            "at_least": 1.0,
            "paper": "1.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
            "quick": False,
        },
        {
            "experiment": "reversal-stack",
            "title": "reversal by a stack: share of sequences twice as long that are right",
            "measure": "longer",
            "at_least": 0.95,
            "paper": "1.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
            "quick": False,
        },
        {
            "experiment": "copy-queue",
            "title": "copy by a queue: share of sequences of trained lengths that are right",
            "measure": "trained",
            "at_least": 1.0,
            "paper": "1.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
        },
        {
            "experiment": "copy-queue",
            "title": "copy by a queue: share of sequences twice as long that are right",
            "measure": "longer",
            "at_least": 0.95,
            "paper": "1.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
        },
        {
            "experiment": "reversal-deque",
            "title": "reversal by a deque: share of sequences of trained lengths that are right",
            "measure": "trained",
            "at_least": 1.0,
            "paper": "1.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
            "quick": False,
        },
        {
            "experiment": "reversal-deque",
            "title": "reversal by a deque: share of sequences twice as long that are right",
            "measure": "longer",
            "at_least": 0.95,
            "paper": "1.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
            "quick": False,
        },
        {
            "experiment": "copy-deque",
            "title": "copy by a deque: share of sequences of trained lengths that are right",
            "measure": "trained",
            "at_least": 1.0,
            "paper": "1.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
            "quick": False,
        },
        {
            "experiment": "copy-deque",
            "title": "copy by a deque: share of sequences twice as long that are right",
            "measure": "longer",
            "at_least": 0.95,
            "paper": "1.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
            "quick": False,
        },
        {
            "experiment": "reversal-queue",
            "title": "where it fails, reversal by a queue: share of sequences twice as long that are right",
            "measure": "longer",
            "at_most": 0.05,
            "paper": "0.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
        },
        {
            "experiment": "copy-stack",
            "title": "where it fails, copy by a stack: share of sequences twice as long that are right",
            "measure": "longer",
            "at_most": 0.05,
            "paper": "0.00 (coarse, test)",
            "seeds": "best by train_perplexity",
            "count": 5,
        },
        {
            "experiment": "reversal-lstm",
            "title": "where it fails, reversal by an LSTM: share of sequences twice as long that are right",
            "measure": "longer",
            "at_most": 0.05,
            "paper": "0.04 (8 layers)",
            "seeds": "best by train_perplexity",
            "count": 5,
        },
        {
            "experiment": "copy-lstm",
            "title": "where it fails, copy by an LSTM: share of sequences twice as long that are right",
            "measure": "longer",
            "at_most": 0.05,
            "paper": "0.01 (4 layers)",
            "seeds": "best by train_perplexity",
            "count": 5,
        },
    ),
}
#: Ends at which a memory pushes, pops and reads.
ENDS = {
    "stack": (("front", "front"),),
    "queue": (("back", "front"),),
    "deque": (("front", "front"), ("back", "back")),
}
_PUSH = {"front": tape.push_front, "back": tape.push_back}
_POP = {"front": tape.pop_front, "back": tape.pop_back}
_READ = {"front": tape.read_front, "back": tape.read_back}


class NeuralStackNetwork(SequenceNetwork):
    """An LSTM with a memory; x (batch, time, inputs), y (batch, time, hidden).

    The state is (h, c, read, values, edges): values (batch, rows, cell), from the front of the memory to its back, and
    edges (batch, rows), the ends of their intervals. There is one more row a frame, two in a deque.

    Args:
        inputs, hidden: features in, units of the LSTM.
        cell: features of a row.
        memory: "stack", "queue" or "deque".
        forget_bias: of the LSTM's forget gate at the start.

    Raises:
        ValueError: another memory, or rows without features.
    """

    def __init__(self, inputs: int, hidden: int, cell: int, memory: str = "stack", forget_bias: float = 1.0) -> None:
        super().__init__(width=hidden)
        if memory not in ENDS:
            raise ValueError(f"the memory of a neural stack is one of {', '.join(ENDS)}, not {memory!r}")
        if cell < 1:
            raise ValueError(f"a row of the memory needs at least one feature, not {cell}")
        self.cell, self.ends = cell, ENDS[memory]
        count = len(self.ends)
        self.controller = nn.LSTMCell(inputs + count * cell, hidden)
        self.signals = nn.Linear(hidden, 2 * count)
        self.vectors = nn.Linear(hidden, count * cell + hidden)
        zero_biases(self.controller)
        set_forget_bias(self.controller, hidden, forget_bias)
        with torch.no_grad():
            self.signals.weight.mul_(0.1)
            self.signals.bias.zero_()
            self.signals.bias[count:] = -1.0

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        count, sizes = len(self.ends), [self.cell] * len(self.ends)
        h, c, read, values, edges = state or self._empty(x)
        outputs = []
        for frame in x.unbind(dim=1):
            h, c = self.controller(torch.cat([frame, read], dim=1), (h, c))
            pushed, popped = torch.sigmoid(self.signals(h)).split(count, dim=1)
            *rows, output = torch.tanh(self.vectors(h)).split([*sizes, self.width], dim=1)
            for (_, end), amount in zip(self.ends, popped.split(1, dim=1), strict=True):
                edges = _POP[end](edges, amount)
            for (end, _), amount, row in zip(self.ends, pushed.split(1, dim=1), rows, strict=True):
                edges = _PUSH[end](edges, amount)
                values = torch.cat([row[:, None], values] if end == "front" else [values, row[:, None]], dim=1)
            read = torch.cat([_READ[end](edges, values) for _, end in self.ends], dim=1)
            outputs.append(output)
        return torch.stack(outputs, dim=1), (h, c, read, values, edges)

    def _empty(self, x: Tensor) -> tuple[Tensor, ...]:
        zeros = partial(x.new_zeros, len(x))
        h = zeros(self.width)
        return h, h, zeros(len(self.ends) * self.cell), zeros(0, self.cell), zeros(0)


class NeuralStack(SequenceModel):
    """Clips classified by an LSTM with a stack, queue or deque over log-mel frames.

    Args:
        cell, memory: see `NeuralStackNetwork`.
        hidden, window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    stride: ClassVar[int] = 4

    def __init__(
        self,
        hidden: int = 96,
        cell: int = 32,
        memory: str = "stack",
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, 1, window, training, representation, rate, random_state)
        self.cell = cell
        self.memory = memory

    def network(self, inputs: int) -> SequenceNetwork:
        return NeuralStackNetwork(inputs, self.hidden, self.cell, self.memory)


def _lstm(inputs: int, hidden: int) -> TorchNetwork:
    """Return an LSTM of torch, as what has no memory beside its cells."""
    rnn = nn.LSTM(inputs, hidden, batch_first=True)
    zero_biases(rnn)
    set_forget_bias(rnn, hidden, 1.0)
    return TorchNetwork(rnn)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run "reversal-" or "copy-" and a memory, or "lstm"; `quick` is the same, without the
    arms that not every seed learns.

    Adam, 1e-2, half a cosine. Reversal: 128 units, 800 batches of 10, forget gates that start at -1. Copy: 64 units,
    1000 batches of 20, forget gates that start at 1. Rows of 32 features. The LSTM alone has 128 units and 2000
    batches of 20.
    """
    from mynah.papers.problems import copy_reverse

    task, _, memory = experiment.partition("-")
    if task not in ("reversal", "copy") or memory not in (*ENDS, "lstm"):
        raise ValueError(f"no experiment {experiment!r}")
    backwards = task == "reversal"
    hidden, forget_bias, steps, size = (128, -1.0, 800, 10) if backwards else (64, 1.0, 1000, 20)
    body: Callable[[], SequenceNetwork]
    body = partial(NeuralStackNetwork, copy_reverse.OUTPUTS, hidden, 32, memory, forget_bias)
    if memory == "lstm":
        body, steps, size = partial(_lstm, copy_reverse.OUTPUTS, 128), 2000, 20
    return copy_reverse.learn(body, seed, backwards=backwards, steps=steps, size=size)
