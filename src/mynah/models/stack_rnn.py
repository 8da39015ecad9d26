"""Stack-augmented recurrent network (Joulin & Mikolov 2015, arXiv:1503.01007).

Sigmoid units that write to stacks of unbounded use; s[0] is the top, an empty place reads -1:

    h_t = sigma(U x_t + R h_{t-1} + P s^k_{t-1})                     the k topmost places of each stack
    a_t = softmax(A h_t)                                             PUSH, POP and, if asked for, NO-OP
    s_t[0] = a_t[PUSH] sigma(D h_t) + a_t[POP] s_{t-1}[1]
    s_t[i] = a_t[PUSH] s_{t-1}[i-1] + a_t[POP] s_{t-1}[i+1]

or to lists with a head in their middle, which INSERT, LEFT and RIGHT shift past it; what lies right of it stays:

    l_t[i] = a_t[RIGHT] l_{t-1}[i+1] + a_t[LEFT] l_{t-1}[i-1] + a_t[INSERT] (sigma(D h_t) at the head,
             l_{t-1}[i+1] left of it, l_{t-1}[i] right of it)

The mixture of actions makes it trainable; rounded to the likeliest action, a stack counts without error. R is 0
unless asked for, so that nothing but the memory goes from step to step.

Departures from the paper:
- Adam and whole streams of 80 symbols instead of gradient descent with 50 steps back; the gradient's norm is clipped,
  not each of its entries.
- Memory has a fixed number of places; what is pushed beyond falls out at the bottom.
- The list is as recalled, and which places of it are read is our choice: the head and its left neighbours.
- For clips, the units' outputs are pooled over time (mean and maximum), four frames are averaged into one, and actions
  are rounded only if asked for.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mynah.contracts.sequence import SequenceModel
from mynah.layers.sequence_network import SequenceNetwork, TorchNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "stack_rnn",
    "title": "Stack-augmented recurrent network",
    "year": 2015,
    "authors": "A. Joulin, T. Mikolov",
    "reference": "Inferring algorithmic patterns with stack-augmented recurrent nets, arXiv:1503.01007",
    "tasks": ("classify",),
    "reading": ("stack-rnn",),
    "superseded_by": ("lstm",),
    "aliases": ("stack-augmented-rnn", "stackrnn"),
    "estimator": "StackRNN",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "counting",
            "title": "a^n b^n, trained on n < 20: share of n from 2 to 60 that are right, actions rounded",
            "measure": "right",
            "at_least": 1.0,
            "paper": "1.00 (table 2)",
        },
        {
            "experiment": "counting-list",
            "title": "the same with lists for stacks",
            "measure": "right",
            "at_least": 1.0,
            "paper": "1.00, not rounded (table 2)",
        },
        {
            "experiment": "counting-plain",
            "title": "where there is no memory: the same by a tanh network of 50 units",
            "measure": "right",
            "at_most": 0.35,
            "paper": "0.25 (table 2)",
        },
    ),
}
#: Actions on each kind of memory; NO-OP may be added to either.
ACTIONS = {"stack": ("PUSH", "POP"), "list": ("INSERT", "LEFT", "RIGHT")}
EMPTY = -1.0


class StackRNNNetwork(SequenceNetwork):
    """Units with stacks or lists; x (batch, time, inputs), y (batch, time, hidden), state = (h, places).

    Places are (batch, stacks, capacity), the top first; of lists (batch, stacks, 2 capacity + 1), the head in the
    middle.

    Args:
        inputs, hidden: features in, units.
        stacks: stacks or lists.
        memory: "stack" or "list".
        depth: places of each that are read.
        capacity: places of a stack, or on either side of a list's head.
        recurrent: whether the units also see each other (R).
        idle: whether NO-OP is an action too.
        rounded: whether, in evaluation mode, the likeliest action is taken alone.

    Raises:
        ValueError: another memory, no stack, or a depth that is not from 1 to `capacity`.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        stacks: int,
        memory: str = "stack",
        depth: int = 2,
        capacity: int = 64,
        recurrent: bool = False,
        idle: bool = False,
        rounded: bool = False,
    ) -> None:
        super().__init__(width=hidden)
        if memory not in ACTIONS:
            raise ValueError(f"the memory of a stack RNN is one of {', '.join(ACTIONS)}, not {memory!r}")
        if stacks < 1:
            raise ValueError(f"a stack RNN needs at least one {memory}, not {stacks}")
        if not 1 <= depth <= capacity:
            raise ValueError(f"the depth that is read must be from 1 to the capacity of {capacity}, not {depth}")
        self.memory, self.stacks, self.depth, self.capacity = memory, stacks, depth, capacity
        self.idle, self.rounded = idle, rounded
        self.actions = len(ACTIONS[memory]) + idle
        self.places = capacity if memory == "stack" else 2 * capacity + 1
        self.first = 0 if memory == "stack" else capacity - depth + 1
        self.into = nn.Linear(inputs, hidden)
        self.read = nn.Linear(stacks * depth, hidden, bias=False)
        self.recurrent = nn.Linear(hidden, hidden, bias=False) if recurrent else None
        self.write = nn.Linear(hidden, stacks * (1 + self.actions))

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        h, places = state or (
            x.new_zeros(len(x), self.width),
            x.new_full((len(x), self.stacks, self.places), EMPTY),
        )
        outputs = []
        for drive in self.into(x).unbind(dim=1):
            seen = places[:, :, self.first : self.first + self.depth].flatten(1)
            drive = torch.addmm(drive, seen, self.read.weight.T)
            if self.recurrent is not None:
                drive = torch.addmm(drive, h, self.recurrent.weight.T)
            h = torch.sigmoid(drive)
            value, chosen = self.write(h).split([self.stacks, self.stacks * self.actions], dim=1)
            share = self._shares(chosen.unflatten(1, (self.stacks, self.actions)))
            places = self._moved(places, torch.sigmoid(value)[:, :, None], share)
            outputs.append(h)
        return torch.stack(outputs, dim=1), (h, places)

    def _shares(self, chosen: Tensor) -> list[Tensor]:
        """Return for each action (batch, stacks, 1): how much of it is done."""
        if self.rounded and not self.training:
            share = nn.functional.one_hot(chosen.argmax(dim=2), self.actions).to(chosen.dtype)
        else:
            share = torch.softmax(chosen, dim=2)
        return list(share.split(1, dim=2))

    def _moved(self, places: Tensor, value: Tensor, share: list[Tensor]) -> Tensor:
        edge = places.new_full((*places.shape[:2], 1), EMPTY)
        if self.memory == "stack":
            around = torch.cat([value, places, edge], dim=2)
            moved = torch.addcmul(share[0] * around[:, :, :-2], share[1], around[:, :, 2:])
        else:
            head = self.capacity
            inserted = torch.cat([places[:, :, 1 : head + 1], value, places[:, :, head + 1 :]], dim=2)
            around = torch.cat([edge, places, edge], dim=2)
            moved = torch.addcmul(share[0] * inserted, share[1], around[:, :, :-2])
            moved = torch.addcmul(moved, share[2], around[:, :, 2:])
        return torch.addcmul(moved, share[-1], places) if self.idle else moved


class StackRNN(SequenceModel):
    """Clips classified by a stack-augmented network over log-mel frames.

    Args:
        stacks, memory, depth, capacity, recurrent, idle, rounded: see `StackRNNNetwork`.
        hidden, window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    stride: ClassVar[int] = 4

    def __init__(
        self,
        hidden: int = 96,
        stacks: int = 10,
        memory: str = "stack",
        depth: int = 2,
        capacity: int = 32,
        recurrent: bool = False,
        idle: bool = False,
        rounded: bool = False,
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, 1, window, training, representation, rate, random_state)
        self.stacks = stacks
        self.memory = memory
        self.depth = depth
        self.capacity = capacity
        self.recurrent = recurrent
        self.idle = idle
        self.rounded = rounded

    def network(self, inputs: int) -> SequenceNetwork:
        settings = (self.memory, self.depth, self.capacity, self.recurrent, self.idle, self.rounded)
        return StackRNNNetwork(inputs, self.hidden, self.stacks, *settings)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    counting: 40 units, 10 stacks, 2 places read, rounded. counting-list: 5 lists. counting-plain: 50 tanh units, from
    one start. See `mynah.papers.problems.counting`.
    """
    from mynah.papers.problems import counting

    if experiment == "counting":
        return counting.learn(lambda: StackRNNNetwork(counting.SYMBOLS, 40, 10, rounded=True), seed)
    if experiment == "counting-list":
        return counting.learn(lambda: StackRNNNetwork(counting.SYMBOLS, 40, 5, memory="list", rounded=True), seed)
    if experiment == "counting-plain":
        return counting.learn(lambda: TorchNetwork(nn.RNN(counting.SYMBOLS, 50, batch_first=True)), seed, starts=1)
    raise ValueError(f"no experiment {experiment!r}")
