"""Questions about short stories, after tasks 1 and 2 of bAbI (Weston et al. 2015, arXiv:1502.05698).

People walk between places, and take things along or leave them. "where is dana" follows from one statement, the last
about Dana. "where is the drum" follows from two: who had it last, and where that was. The rules of the world and the
numbers of people, places and things are those of bAbI; names, sentences and the generator are our own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from mynah.ground.randomness import generator
from mynah.papers.problems.descent import Draw
from mynah.training import Batch

PEOPLE = ("dana", "ivo", "mira", "tomas")
PLACES = ("attic", "cellar", "harbour", "market", "orchard", "workshop")
THINGS = ("drum", "flute", "lantern")
MOVES = ("{} strolled to the {}", "{} hurried to the {}", "{} wandered off to the {}", "{} is back in the {}")
TAKES = ("{} took the {} along", "{} picked up the {}", "{} now carries the {}")
LEAVES = ("{} left the {} behind", "{} put down the {}", "{} parted with the {}")
QUESTIONS = {1: "where is {}", 2: "where is the {}"}


def _vocabulary() -> tuple[str, ...]:
    forms = " ".join((*MOVES, *TAKES, *LEAVES, *QUESTIONS.values())).replace("{}", "").split()
    return ("", *sorted({*forms, *PEOPLE, *PLACES, *THINGS}))


#: All words; number 0 is no word.
VOCABULARY = _vocabulary()
#: Words of the longest sentence.
WORDS = 6
#: Statements of a story at most, by the number of facts that an answer needs.
LONGEST = {1: 10, 2: 24}
#: Empty memories that training strews in, as a share of the statements.
EMPTY = 0.1
#: Memories of the longest story with its empty ones.
MEMORIES = LONGEST[2] + round(EMPTY * LONGEST[2])


@dataclass(frozen=True)
class Story:
    """Statements in the order they were made, a question after the last, and its answer in one word."""

    statements: tuple[str, ...]
    question: str
    answer: str


def tell(rng: np.random.Generator, facts: int) -> Story:
    """Return a story whose question needs one or two of its statements; its length is even, up to `LONGEST`.

    Raises:
        ValueError: another number of facts.
    """
    if facts not in QUESTIONS:
        raise ValueError(f"questions need one fact or two, not {facts}")
    length = 2 * int(rng.integers(1, LONGEST[facts] // 2 + 1))
    while True:  # until there is something to ask: in a short story, nobody may have taken a thing
        world = _World(rng, THINGS if facts == 2 else ())
        statements = tuple(world.act() for _ in range(length))
        known = world.known_things() if facts == 2 else world.known_people()
        if known:
            asked = sorted(known)[rng.integers(len(known))]
            return Story(statements, QUESTIONS[facts].format(asked), known[asked])


class _World:
    """Who and what is where, and what the statements so far let a listener know."""

    def __init__(self, rng: np.random.Generator, things: tuple[str, ...]) -> None:
        self.rng = rng
        self.place = dict.fromkeys(PEOPLE, "")  # empty: not yet said
        self.lies = {thing: self._any(PLACES) for thing in things}  # or the name of who has it
        self.seen: set[str] = set()

    def _any(self, options: tuple[str, ...] | list[str]) -> str:
        return options[self.rng.integers(len(options))]

    def act(self) -> str:
        """Let somebody do something, and return the statement of it."""
        person = self._any(PEOPLE)
        here = [thing for thing, at in self.lies.items() if at == self.place[person]]
        held = [thing for thing, at in self.lies.items() if at == person]
        luck = self.rng.random()
        if here and luck < 0.6:
            thing = self._any(here)
            self.lies[thing] = person
            self.seen.add(thing)
            return self._any(TAKES).format(person, thing)
        if held and luck < 0.3:
            thing = self._any(held)
            self.lies[thing] = self.place[person]
            return self._any(LEAVES).format(person, thing)
        self.place[person] = self._any([place for place in PLACES if place != self.place[person]])
        return self._any(MOVES).format(person, self.place[person])

    def known_people(self) -> dict[str, str]:
        """Return where everybody is of whom that was said."""
        return {person: place for person, place in self.place.items() if place}

    def known_things(self) -> dict[str, str]:
        """Return where the things are that somebody has or had."""
        return {thing: self.place.get(at, at) for thing, at in self.lies.items() if thing in self.seen}


@dataclass(frozen=True)
class Questions:
    """Stories in numbers of words.

    Attributes:
        stories: (question, memory, word) statements, the most recent first, zero after the last.
        counts: (question,) statements.
        asked: (question, word).
        answers: (question,) a word.
    """

    stories: np.ndarray
    counts: np.ndarray
    asked: np.ndarray
    answers: np.ndarray

    def __len__(self) -> int:
        return len(self.answers)

    def __getitem__(self, rows: slice | np.ndarray) -> Questions:
        return Questions(self.stories[rows], self.counts[rows], self.asked[rows], self.answers[rows])

    def batch(self) -> Batch:
        """Return frames (question, 1 + memory, word): what is asked, then the story; target the answers."""
        frames = np.concatenate([self.asked[:, None], self.stories[:, : self.counts.max()]], axis=1)
        return Batch(torch.from_numpy(frames), torch.from_numpy(1 + self.counts), torch.from_numpy(self.answers))


def questions(seed: int, part: str, size: int, facts: int) -> Questions:
    """Return `size` questions of "train" or "test", each about a story of its own."""
    rng = generator(seed, "stories", part, facts)
    told = [tell(rng, facts) for _ in range(size)]
    stories = np.zeros((size, MEMORIES, WORDS), dtype=np.int64)
    asked = np.zeros((size, WORDS), dtype=np.int64)
    for row, story in enumerate(told):
        for memory, statement in enumerate(reversed(story.statements)):
            _write(stories[row, memory], statement)
        _write(asked[row], story.question)
    counts = np.array([len(story.statements) for story in told])
    return Questions(stories, counts, asked, np.array([VOCABULARY.index(story.answer) for story in told]))


def _write(place: np.ndarray, sentence: str) -> None:
    numbers = [VOCABULARY.index(word) for word in sentence.split()]
    place[: len(numbers)] = numbers


def with_empty_memories(rng: np.random.Generator, plain: Questions) -> Questions:
    """Strew empty memories among the statements, a tenth of their number, rounded up."""
    slots = np.arange(plain.stories.shape[1])[None]
    totals = plain.counts + np.ceil(EMPTY * plain.counts).astype(np.int64)
    drawn = np.where(slots < totals[:, None], rng.random((len(plain), slots.size)), np.inf)
    is_told = drawn.argsort(axis=1).argsort(axis=1) < plain.counts[:, None]  # as many places as there are statements
    number = np.maximum(is_told.cumsum(axis=1) - 1, 0)
    moved = np.take_along_axis(plain.stories, number[:, :, None], axis=1) * is_told[:, :, None]
    return Questions(moved, totals, plain.asked, plain.answers)


def drawer(given: Questions) -> Draw:
    """Return a function that draws batches of these questions, with empty memories strewn in."""

    def draw(rng: np.random.Generator, size: int) -> Batch:
        return with_empty_memories(rng, given[rng.integers(0, len(given), size)]).batch()

    return draw


def loss(net: nn.Module, batch: Batch) -> Tensor:
    """Cross entropy, summed over the questions as the paper's own training does."""
    return torch.nn.functional.cross_entropy(net(batch.frames, batch.lengths), batch.target, reduction="sum")


@torch.no_grad()
def evaluate(net: nn.Module, given: Questions) -> dict[str, float]:
    """Return the mean "loss", and the "error": the share of questions answered wrongly."""
    net.eval()
    total, wrong = 0.0, 0
    for batch in _batches(given):
        logits = net(batch.frames, batch.lengths)
        total += float(torch.nn.functional.cross_entropy(logits, batch.target, reduction="sum"))
        wrong += int((logits.argmax(dim=1) != batch.target).sum())
    return {"loss": total / len(given), "error": wrong / len(given)}


def _batches(given: Questions, size: int = 250) -> Iterator[Batch]:
    return (given[start : start + size].batch() for start in range(0, len(given), size))
