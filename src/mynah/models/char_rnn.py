"""Character RNN (A. Karpathy 2015, "The unreasonable effectiveness of recurrent neural networks").

    p(text) = prod_t p(c_t | c_1 ... c_{t-1})       c_t one character, by layers of LSTM over one-hot vectors

Music is text in ABC notation: `Piece`s become tunes (`mynah.music.abc`), and what the network writes is read as one.
Plain texts are learned as they are; `write` returns new ones.

Departures from the post:
- Excerpts of 128 characters begin with an empty state; the post carries it through one long text.
- Character 0 begins and ends every text, so a tune can begin from nothing; it is not drawn while bars are asked for.
- Bars are counted by the lengths of notes and rests, not by the lines written; what comes after those asked for is cut.
- Adam with weight decay and a cosine, in place of RMSprop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from mynah.contracts import checks
from mynah.contracts.composer import EventComposer, EventNetwork, draw, going_on, steps_to_fill
from mynah.ground.randomness import generator, seeded
from mynah.layers.temperature import checked
from mynah.music import Meter, Piece, abc
from mynah.music.melody import melody_of
from mynah.music.piece import LONGEST_QUARTERS, RESOLUTION, bar_ticks, tick_of
from mynah.training import Batch, one_thread

CARD = {
    "name": "char_rnn",
    "title": "Character RNN",
    "year": 2015,
    "authors": "A. Karpathy",
    "reference": "The unreasonable effectiveness of recurrent neural networks, karpathy.github.io",
    "tasks": ("compose",),
    "reading": ("char-rnn",),
    "superseded_by": (),
    "aliases": ("char-rnn", "character-rnn"),
    "estimator": "CharRNN",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "markov",
            "title": "text whose letters depend on three before: bits a character, less the entropy",
            "measure": "excess",
            "at_most": 0.05,
            "paper": "0, the bound; the post has no table",
        },
        {
            "experiment": "markov",
            "title": "the same: bits saved of one who knows how often each letter comes",
            "measure": "saved",
            "at_least": 1.0,
            "paper": "no figure",
        },
    ),
}

#: Codes below those of the characters: the edge of a text, and a character that training did not have.
EDGE, UNKNOWN, FIRST = 0, 1, 2
#: Characters after which it is seen how far a tune has come.
LOOK = 80
#: Characters a sixteenth, at most, before a tune is ended that has not all bars.
LONGEST_STEP = 10


class CharRNN(EventComposer):
    """Texts by an LSTM over characters; pieces are texts in ABC notation.

    Args:
        hidden, layers, dropout, window, training, random_state: see `EventComposer`.

    Attributes:
        alphabet_: the characters, sorted.
    """

    unit = "nats a character"

    def write(
        self, count: int = 1, *, characters: int = 500, like: str = "", temperature: float = 1.0, seed: int = 0
    ) -> Iterator[str]:
        """Return an iterator over texts of at most so many new characters, each after `like`, ended where they end.

        Raises:
            ValueError: fewer than 1 character, or an invalid temperature.
        """
        check_is_fitted(self, "n_features_in_")
        if characters < 1:
            raise ValueError(f"a text has 1 character or more, not {characters}")
        return self._texts(count, characters, like, checked(temperature), seed)

    def _texts(self, count: int, characters: int, like: str, temperature: float, seed: int) -> Iterator[str]:
        for number in range(count):
            text = like
            with one_thread(), torch.no_grad():
                for character in self._characters(like, temperature, generator(seed, "write", number)):
                    if not character or len(text) - len(like) >= characters:
                        break
                    text += character
            yield text

    def _characters(
        self, like: str, temperature: float, rng: np.random.Generator, endless: bool = False
    ) -> Iterator[str]:
        """Yield one character after the other, and an empty one at an end, which is not drawn where `endless`."""
        net, state = self.net_.eval(), None
        codes = [EDGE, *self._codes_of(like)]
        while True:
            rows = torch.tensor(codes, dtype=torch.float32)[None, :, None]
            logits, state = net(rows, state)
            likely = logits[0, -1].clone()
            likely[UNKNOWN] = -torch.inf
            if endless:
                likely[EDGE] = -torch.inf
            codes = [draw(likely, temperature, rng)]
            yield "" if codes[0] == EDGE else self.alphabet_[codes[0] - FIRST]

    # --- rows

    def outputs(self) -> int:
        return FIRST + len(self.alphabet_)

    def sizes(self) -> list[int]:
        return [self.outputs()]

    def _frames(self, X: Any, *, reset: bool) -> Any:
        X = list(X)
        if reset:
            self.alphabet_ = sorted(set("".join(map(_text, X))))
        return super()._frames(X, reset=reset)

    def _begin(self, pieces: Sequence[Piece | str]) -> None:
        super()._begin([piece for piece in pieces if isinstance(piece, Piece)] or [Piece(())])

    def input_of(self, piece: Piece) -> Piece:
        return melody_of(piece)

    def encode(self, piece: Piece | str) -> np.ndarray:
        text = _text(piece)
        if not text:
            raise ValueError("there is a text without a character")
        codes = np.array([EDGE, *self._codes_of(text), EDGE], dtype=np.float32)
        return np.stack([codes[:-1], codes[1:]], axis=1)

    def _codes_of(self, text: str) -> list[int]:
        code = {character: number for number, character in enumerate(self.alphabet_, FIRST)}
        return [code.get(character, UNKNOWN) for character in text]

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "alphabet": self.alphabet_}

    def take_facts(self, facts: dict[str, Any]) -> None:
        super().take_facts(checks.without(facts, "alphabet"))
        self.alphabet_ = checks.texts(facts, "alphabet")
        if not all(len(character) == 1 for character in self.alphabet_):
            raise ValueError("an alphabet is made of characters")

    @classmethod
    def facts_of_version_1(cls, manifest: dict[str, Any]) -> dict[str, Any]:
        return {**super().facts_of_version_1(manifest), "alphabet": manifest["labels"]}

    # --- new music

    def _compose(self, begin: Piece, bars: int, temperature: float, rng: np.random.Generator) -> Piece:
        given = abc.write(begin, begin.steps) if begin.notes else ""
        text, look = given, LOOK
        for character in self._characters(given, temperature, rng, endless=True):
            text += character
            if len(text) - len(given) < look:
                continue
            found, steps = abc.read_with_length(text, begin.ticks)
            if not begin.notes:
                begin = replace(begin, meters=_at_bar_lines(found))
            last = _last_step(begin, bars)
            if steps >= last or look >= LOOK + LONGEST_STEP * (last - begin.steps):
                break
            look += max(LOOK, look // 4)
        end = tick_of(last, begin.ticks)
        new = [
            replace(note, end=min(note.end, end), velocity=self.velocity_)
            for note in found.notes
            if begin.until <= note.start < end
        ]
        return going_on(begin, new)


def _last_step(begin: Piece, bars: int) -> int:
    """Return the step after so many new bars; of a piece that begins with nothing, their meters may change."""
    if begin.notes:
        return begin.steps + steps_to_fill(begin, bars)
    step = 0
    for _ in range(bars):
        step += bar_ticks(begin.meter_at(tick_of(step, begin.ticks)), RESOLUTION)
    return min(step, LONGEST_QUARTERS * RESOLUTION)


def _at_bar_lines(piece: Piece) -> tuple[Meter, ...]:
    """Return the meters of a piece without those that change nothing or do not begin at a bar line."""
    kept = [piece.meter_at(0)]
    for meter in piece.meters:
        since = round((meter.tick - kept[-1].tick) * RESOLUTION / piece.ticks)
        if replace(meter, tick=kept[-1].tick) != kept[-1] and since % bar_ticks(kept[-1], RESOLUTION) == 0:
            kept.append(meter)
    return tuple(kept)


def _text(piece: Piece | str) -> str:
    if isinstance(piece, str):
        return piece
    return abc.write(piece.from_start()) if piece.pitched.notes else ""


#: Of the experiment.
STEPS, HIDDEN = 3000, 128


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    markov: one layer of 128 units reads 64 texts of 64 letters, drawn anew at each step, and is asked about new ones;
    Adam.
    """
    from mynah.papers.problems import markov_text
    from mynah.papers.problems.descent import PLAIN, descend

    if experiment != "markov":
        raise ValueError(f"no experiment {experiment!r}")
    letters = markov_text.LETTERS
    model = CharRNN(hidden=HIDDEN, layers=1)
    net = seeded(seed, lambda: EventNetwork(model.network(letters), [letters], letters, 0.0))
    training = replace(PLAIN, batch=64, learning_rate=5e-3, schedule="cosine")
    for _ in descend(net, _loss, markov_text.drawer(seed), steps=STEPS, seed=seed, training=training):
        pass
    bits = _bits(net, seed)
    entropy, unigram = markov_text.entropy(seed), markov_text.unigram(seed)
    return {"bits": bits, "entropy": entropy, "excess": bits - entropy, "saved": unigram - bits}


def _losses(net: nn.Module, rows: Tensor) -> Tensor:
    logits, _ = net(rows[:, :, :1])
    return nn.functional.cross_entropy(logits.transpose(1, 2), rows[:, :, 1].long(), reduction="none")


def _loss(net: EventNetwork, batch: Batch) -> Tensor:
    return _losses(net, batch.frames).mean()


@torch.no_grad()
def _bits(net: nn.Module, seed: int) -> float:
    """Return bits a character of new texts, from the first that has three before it."""
    from mynah.papers.problems import markov_text

    text = markov_text.texts(seed, generator(seed, "markov test"), markov_text.TESTED, markov_text.TEST_LENGTH)
    nats = _losses(net.eval(), markov_text.rows_of(text))[:, markov_text.ORDER - 1 :]
    return float(nats.mean() / np.log(2))
