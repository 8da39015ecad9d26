"""Stack-augmented recurrent network (Joulin & Mikolov 2015, arXiv:1503.01007).

    h_t    = sigma(U x_t + P s_{t-1}^k)                               eq. 8 and 9 with R = 0
    a_t    = softmax(A h_t)                                           PUSH, POP
    s_t[0] = a_t[PUSH] sigma(D h_t) + a_t[POP] s_{t-1}[1]             eq. 6
    s_t[i] = a_t[PUSH] s_{t-1}[i-1] + a_t[POP] s_{t-1}[i+1]           eq. 7

s^k is the k topmost of each stack. The list variant has a head in the middle of a tape, which moves left and right and
may insert (section 3.3).

Departures from the paper:
- Adam on streams of 40 symbols from an empty stack, in batches; the paper takes stochastic gradient descent on one
  stream that never ends, with backpropagation through 50 symbols.
- Random restarts, as in the paper: at most eight, until one is right on every validation word of trained lengths.
- Stacks have a fixed depth; what is pushed beyond it is lost.
- Actions are rounded when the counting experiment is tested, as in the paper, and never in a classifier of clips, which
  reads means of two frames.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mynah.problems import counting
from mynah.problems.descent import PLAIN, descend, seeded
from mynah.representations import Representation
from mynah.sequence import SequenceModel, SequenceNetwork
from mynah.training import Training, key

CARD = {
    "name": "stack_rnn",
    "title": "Stack-augmented recurrent network",
    "year": 2015,
    "authors": "A. Joulin, T. Mikolov",
    "reference": "Inferring algorithmic patterns with stack-augmented recurrent nets, arXiv:1503.01007",
    "tasks": ("classify",),
    "reading": ("stack-rnn",),
    "superseded_by": (),
    "aliases": ("stack-augmented-rnn", "stackrnn"),
    "estimator": "StackRNN",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "counting",
            "title": "a^n b^n, trained to n = 19: share of n = 2 to 60 that is right, actions rounded",
            "measure": "right",
            "at_least": 1.0,
            "paper": "1.00 (with rounding)",
        },
        {
            "experiment": "counting-plain",
            "title": "the same by a plain recurrent network of 50 units",
            "measure": "right",
            "at_most": 0.35,
            "paper": "0.25",
        },
        {
            "experiment": "counting-list",
            "title": "the same by lists in place of stacks",
            "measure": "right",
            "at_least": 1.0,
            "paper": "1.00",
            "quick": False,
        },
    ),
}

#: What is read where nothing was pushed.
EMPTY = -1.0
#: Topmost values that are read.
READ = 2
KINDS = ("stack", "list")


class StackNetwork(SequenceNetwork):
    """Sigmoid units that read and write stacks, or lists.

    x (batch, time, inputs), y (batch, time, hidden), state: (batch, stacks, depth).

    Args:
        inputs, hidden: features in, units.
        stacks, depth: how many, and how much each holds.
        kind: "stack" or "list".
        rounds: whether actions are all or nothing outside training.

    Raises:
        ValueError: another kind, or stacks that hold less than is read.
    """

    def __init__(
        self, inputs: int, hidden: int, stacks: int, depth: int, kind: str = "stack", rounds: bool = False
    ) -> None:
        super().__init__(width=hidden)
        if kind not in KINDS:
            raise ValueError(f"a memory is a {' or a '.join(KINDS)}, not {kind!r}")
        if stacks < 1 or depth < 2 * READ:
            raise ValueError(f"at least one stack of depth {2 * READ} is needed, not {stacks} of {depth}")
        self.stacks, self.depth, self.kind, self.rounds = stacks, depth, kind, rounds
        self.actions = 2 if kind == "stack" else 3
        self.into = nn.Linear(inputs, hidden)
        self.top = nn.Linear(stacks * READ, hidden, bias=False)
        self.out = nn.Linear(hidden, stacks * (self.actions + 1))  # actions, and what may be pushed

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        memory = x.new_full((len(x), self.stacks, self.depth), EMPTY) if state is None else state
        head = 0 if self.kind == "stack" else self.depth // 2
        outputs = []
        for drive in self.into(x).unbind(dim=1):
            h = torch.sigmoid(drive + self.top(memory[:, :, head : head + READ].flatten(1)))
            said = self.out(h).unflatten(1, (self.stacks, self.actions + 1))
            action, value = torch.softmax(said[:, :, :-1], dim=2), torch.sigmoid(said[:, :, -1:])
            if self.rounds and not self.training:
                action = (action == action.amax(dim=2, keepdim=True)).to(action.dtype)
            memory = _pushed_or_popped(memory, action, value) if head == 0 else _moved(memory, action, value, head)
            outputs.append(h)
        return torch.stack(outputs, dim=1), memory


def _pushed_or_popped(memory: Tensor, action: Tensor, value: Tensor) -> Tensor:
    """Return stacks (batch, stack, depth) after PUSH and POP in the shares of action (batch, stack, 2)."""
    pushed = torch.cat([value, memory[:, :, :-1]], dim=2)
    popped = torch.cat([memory[:, :, 1:], memory.new_full((*memory.shape[:2], 1), EMPTY)], dim=2)
    return action[:, :, :1] * pushed + action[:, :, 1:] * popped  # eq. 6 and 7


def _moved(memory: Tensor, action: Tensor, value: Tensor, head: int) -> Tensor:
    """Return tapes after LEFT, RIGHT and INSERT; the head stays in the middle, the tape moves under it."""
    edge = memory.new_full((*memory.shape[:2], 1), EMPTY)
    left, right, insert = action.split(1, dim=2)
    onward = torch.cat([memory[:, :, 1:], edge], dim=2)
    back = torch.cat([edge, memory[:, :, :-1]], dim=2)
    inserted = torch.cat([onward[:, :, :head], value, memory[:, :, head + 1 :]], dim=2)
    return left * back + right * onward + insert * inserted


class StackRNN(SequenceModel):
    """Clips classified by a stack-augmented network over log-mel frames, two at a time.

    Args:
        hidden: units.
        stacks, depth, kind: see `StackNetwork`.
        window: frames that a gradient goes back at most; None is the whole excerpt.
        training, representation, rate, random_state: see `NetModel`.
    """

    stride: ClassVar[int] = 2

    def __init__(
        self,
        hidden: int = 96,
        stacks: int = 10,
        depth: int = 24,
        kind: str = "stack",
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, 1, window, training, representation, rate, random_state)
        self.stacks = stacks
        self.depth = depth
        self.kind = kind

    def network(self, inputs: int) -> SequenceNetwork:
        return StackNetwork(inputs, self.hidden, self.stacks, self.depth, self.kind)


class _Plain(SequenceNetwork):
    """torch's tanh network, which has no memory to count with."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(width=hidden)
        self.rnn = nn.RNN(inputs, hidden, batch_first=True)

    def forward(self, x: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        return self.rnn(x, state)


#: Updates of a start, most starts, and the depth of stacks in the experiments.
STEPS, STARTS, DEPTH = 1200, 8, 100


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train 40 units with ten stacks, or five lists, or 50 plain units, on a^n b^n; `quick` is the same.

    Returns:
        "right": the share of n = 2 to 60 whose word is right; and the number of "starts".
    """
    bodies = {
        "counting": lambda: StackNetwork(counting.SYMBOLS, 40, 10, DEPTH, rounds=True),
        "counting-list": lambda: StackNetwork(counting.SYMBOLS, 40, 5, 2 * DEPTH, kind="list", rounds=True),
        "counting-plain": lambda: _Plain(counting.SYMBOLS, 50),
    }
    if experiment not in bodies:
        raise ValueError(f"no experiment {experiment!r}")
    training = replace(PLAIN, learning_rate=5e-3, batch=16, clip_norm=5.0)
    growing = partial(counting.curriculum, steps=STEPS)
    best, measured = -1.0, {}
    for start in range(1 if experiment == "counting-plain" else STARTS):
        own = key(seed, start)
        net = seeded(own, lambda: counting.NextSymbol(bodies[experiment]()))
        for _ in descend(net, counting.loss, growing(0), steps=STEPS, seed=own, training=training, curriculum=growing):
            pass
        valid = counting.share_right(net, seed, range(2, counting.TRAINED), "valid")
        if valid > best:
            best, measured = valid, {"right": counting.share_right(net, seed)}
        if valid == 1.0:
            break
    return {**measured, "starts": start + 1.0}
