"""A task in a user's own file that has no sound at all: a corridor to walk, and two methods that learn to.

The folder has corridor.json: a length, the places where left and right are swapped, and where walks begin. A walker
sees its place, goes left or right, slips now and then, and pays a point a step until it stands at the end. Scored by
the mean number of steps: lower is better.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mynah.contracts.model import ByGradient, Model
from mynah.data import Corpus, Item
from mynah.ground.errors import BadInput
from mynah.ground.randomness import generator, seeded
from mynah.judging.metric import Metric
from mynah.representations import Frames
from mynah.tasks.task import Task, Words
from mynah.training import Batches, Training

FILE = "corridor.json"
MOST_STEPS = 60
SLIPS = 0.1


@dataclass(frozen=True)
class Start:
    """A walk to come: the corridor, the first place, and the seed of its slips."""

    length: int
    swapped: tuple[int, ...]
    place: int
    seed: int


def step(start, place, action, slip):
    """Return the next place after an action (0 left, 1 right); a slip goes the other way."""
    right = (action == 1) != (place in start.swapped) != slip
    return min(max(place + (1 if right else -1), 0), start.length - 1)


def walk(start, act):
    """Return the actions of a walk, as letters."""
    rng, place, letters = generator(start.seed, "slips"), start.place, ""
    while place < start.length - 1 and len(letters) < MOST_STEPS:
        action = int(act(place))
        letters += "LR"[action]
        place = step(start, place, action, bool(rng.random() < SLIPS))
    return letters


class Corridor(Task):
    """Answers are (walk,) letters."""

    name = "corridor"
    words = Words(("step", "steps"), "of each", "never arriving", ("walk", "walks"))
    metric = Metric(
        "steps",
        "mean steps to the end",
        unit="steps",
        higher_is_better=False,
        low=0.0,
        meaning="the mean number of steps until the end of the corridor",
        function=lambda totals: totals[..., 1] / totals[..., 0],
    )

    def read(self, place, reading):
        try:
            found = json.loads((Path(place) / FILE).read_text(encoding="utf-8"))
            length, swapped, starts = found["length"], tuple(found["swapped"]), found["starts"]
        except (OSError, ValueError, KeyError) as error:
            raise BadInput("cannot be read", where=FILE, measured=error) from error
        walks = [
            Item(
                f"walk {number:02d}",
                Start(length, swapped, first, number),
                content=json.dumps([length, swapped, first]),
            )
            for number, first in enumerate(starts)
        ]
        return Corpus(Path(place).resolve().name, place, tuple(walks), grouped_by="walk")

    def targets(self, corpus):
        return np.zeros(len(corpus))

    def answer(self, model, part, names):
        return np.array([self.use(model, start) for start in part.inputs.take(part.test)]), {}

    def use(self, model, item):
        return walk(item, model.act)

    def statistics(self, targets, answers, names):
        """Return (walk, 2): one, and its steps."""
        return np.array([[1, len(letters)] for letters in answers], dtype=float)

    def floor(self, targets, names):
        return float(MOST_STEPS)


class _Walker(Model):
    """What both methods share: items as they are, and a table of what to do where."""

    tasks = ("corridor",)
    default_representation = None

    def _frames(self, X, *, reset):
        starts = list(X)
        self.representation_ = self.rate_ = None
        if reset:
            self.start_, self.n_features_in_ = starts[0], starts[0].length
        return Frames.from_arrays([np.eye(s.length, dtype=np.float32)[[s.place]] for s in starts])

    def _codes(self, y, count):
        return np.zeros(count, dtype=int)

    def facts(self):
        return {}

    def take_facts(self, facts):
        if facts:
            raise ValueError("unknown facts")


class TableQ(_Walker):
    """Q-learning with a table (Watkins 1989)."""

    def __init__(self, walks=300, representation=None, rate=None, random_state=0):
        super().__init__(representation, rate, random_state)
        self.walks = walks

    def _learn(self, frames, codes, groups, keeper):
        rng, start = generator(self.random_state, "q"), self.start_
        self.values_ = np.zeros((start.length, 2))
        for _ in range(self.walks):
            place = int(rng.integers(start.length - 1))
            for _ in range(MOST_STEPS):
                action = int(self.values_[place].argmax()) if rng.random() > 0.2 else int(rng.integers(2))
                there = step(start, place, action, bool(rng.random() < SLIPS))
                ahead = 0.0 if there == start.length - 1 else self.values_[there].max()
                self.values_[place, action] += 0.2 * (-1 + ahead - self.values_[place, action])
                place = there
                if place == start.length - 1:
                    break
        yield from ()

    def act(self, place):
        return self.values_[place].argmax()

    def tensors(self):
        return {"values": self.values_}

    def restore(self, tensors):
        self.values_ = tensors["values"]


class PolicyGradient(_Walker, ByGradient):
    """A table of logits, trained step by step on walks of its own (REINFORCE, Williams 1992)."""

    default_training = Training(learning_rate=0.05, valid=0.0)

    def __init__(self, training=None, representation=None, rate=None, random_state=0):
        super().__init__(training, representation, rate, random_state)

    def _new_net(self, seed):
        return seeded(seed, lambda: nn.Linear(self.n_features_in_, 2, bias=False))

    def batches(self, frames, codes, seed):
        return Batches(frames, codes, 1, size=self.settings.batch, seed=seed)

    def loss(self, net, batch):
        """Walk from each place of the batch and descend minus the advantage times the log-probability."""
        start, places = self.start_, batch.frames[:, 0].argmax(dim=1)
        chosen, alive = [], []
        for _ in range(MOST_STEPS // 2):
            logits = torch.log_softmax(net(nn.functional.one_hot(places, start.length).float()), dim=1)
            actions = torch.multinomial(logits.detach().exp(), 1)
            slips = torch.rand(len(places)) < SLIPS
            alive.append((places < start.length - 1).float())
            chosen.append(logits.gather(1, actions)[:, 0])
            moves = zip(places.tolist(), actions[:, 0].tolist(), slips.tolist(), strict=True)
            places = torch.tensor([p if p == start.length - 1 else step(start, p, a, s) for p, a, s in moves])
        alive, chosen = torch.stack(alive), torch.stack(chosen)
        ahead = -alive.flip(0).cumsum(0).flip(0)  # points still to be paid
        advantage = ahead - (ahead * alive).sum() / alive.sum()
        return -(advantage * alive * chosen).sum() / alive.sum() / 10

    def act(self, place):
        with torch.no_grad():
            return int(self.net_.weight[:, place].argmax())
