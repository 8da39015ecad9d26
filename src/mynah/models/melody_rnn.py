"""Melody RNN: basic, mono, lookback, attention (Magenta 2016, "Generating long-term structure in songs and stories").

A melody is one event a sixteenth note (see `mynah.music.melody`), and an LSTM says which comes next.

- basic: sees the event before; three octaves, other notes are moved into them by octaves.
- mono: the same over all 128 pitches.
- lookback: sees also the events one bar and two bars ago, whether the event before repeated them, and the place in the
  bar; beside the events it can answer "as one bar ago" and "as two bars ago".
- attention: sees as much as basic, and looks back at its last n = 40 outputs h_i (Bahdanau, Cho & Bengio 2015):

      u_i = v . tanh(W_1 h_i + W_2 c_t),    a_i = softmax(u_i),    h'_t = sum_i a_i h_{t-i}

  where c_t is the cell's state. h'_t goes into the answer, and into the next step beside its input.

Departures from Magenta:
- Pitches are learned as they are; training moves each excerpt by up to half an octave, in place of moving all songs to
  C major.
- The place in the bar is counted from the piece's own meter, so a bar ago is a bar ago in 3/4 too; whether the bar is
  odd stands for the fifth bit of their counter.
- Attention sees one event, as basic does; theirs also sees keys and chords already sung.
- One excerpt is 128 steps; Adam with weight decay and a cosine in place of a decaying rate.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mynah.contracts.composer import EventComposer, draw, going_on, steps_to_fill
from mynah.layers.sequence_network import SequenceNetwork
from mynah.music import Piece
from mynah.music.melody import FIRST_NOTE, NO_EVENT, ago, events_of, folded, melody_of, notes_of
from mynah.music.piece import RESOLUTION
from mynah.music.piece import bars as bars_of
from mynah.training import Training

CARD = {
    "name": "melody_rnn",
    "title": "Melody RNN",
    "year": 2016,
    "authors": "Magenta (E. Waite and others)",
    "reference": "Generating long-term structure in songs and stories, magenta.tensorflow.org",
    "tasks": ("compose",),
    "reading": ("melody-rnn",),
    "superseded_by": (),
    "aliases": ("melody-rnn", "melody"),
    "estimator": "MelodyRNN",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "repeats",
            "title": "melodies whose even bars repeat the bar before: share right in even bars, lookback less basic",
            "measure": "gain",
            "at_least": 0.10,
            "paper": "no figure published; lookback is meant to make repeating easy",
        },
    ),
}

#: Pitches of each variant, the upper one left out.
RANGES = {"basic": (48, 84), "mono": (0, 128), "lookback": (48, 84), "attention": (48, 84)}
#: Outputs that attention looks back at.
ATTENDED = 40
#: Bits of the place in a bar.
PLACE_BITS = 5


class AttentionNetwork(SequenceNetwork):
    """An LSTM that looks back at its last outputs; x (batch, time, inputs), y (batch, time, hidden).

    Args:
        inputs, hidden: features in, units.
        span: outputs looked back at.
    """

    def __init__(self, inputs: int, hidden: int, span: int = ATTENDED) -> None:
        super().__init__(width=hidden)
        self.span = span
        self.cell = nn.LSTMCell(inputs + hidden, hidden)
        self.of_outputs, self.of_cell = nn.Linear(hidden, hidden, bias=False), nn.Linear(2 * hidden, hidden, bias=False)
        self.energy = nn.Linear(hidden, 1, bias=False)
        self.answer = nn.Linear(2 * hidden, hidden)

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        zeros = x.new_zeros(len(x), self.width)
        none = x.new_zeros(len(x), 0, self.width)
        h, c, context, seen, known = (zeros, zeros, zeros, none, none) if state is None else state
        outputs = []
        for step in x.unbind(dim=1):
            h, c = self.cell(torch.cat([step, context], dim=1), (h, c))
            if seen.shape[1]:
                query = self.of_cell(torch.cat([h, c], dim=1))[:, None]
                weights = torch.softmax(self.energy(torch.tanh(known + query)), dim=1)
                context = (weights * seen).sum(dim=1)
            outputs.append(self.answer(torch.cat([h, context], dim=1)))
            seen = torch.cat([seen, h[:, None]], dim=1)[:, -self.span :]
            known = torch.cat([known, self.of_outputs(h)[:, None]], dim=1)[:, -self.span :]
        return torch.stack(outputs, dim=1), (h, c, context, seen, known)


class MelodyRNN(EventComposer):
    """Melodies by an LSTM over events.

    Args:
        variant: "basic", "mono", "lookback" or "attention".
        hidden, layers, dropout, window, training, random_state: see `EventComposer`; attention has one layer.
    """

    def __init__(
        self,
        variant: str = "lookback",
        hidden: int = 128,
        layers: int = 2,
        dropout: float = 0.3,
        window: int = 128,
        training: Training | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, dropout, window, training, random_state)
        self.variant = variant

    @property
    def _range(self) -> tuple[int, int]:
        if self.variant not in RANGES:
            raise ValueError(f"a variant is one of {', '.join(RANGES)}, not {self.variant!r}")
        return RANGES[self.variant]

    @property
    def _events(self) -> int:
        low, high = self._range
        return FIRST_NOTE + high - low

    # --- rows

    def outputs(self) -> int:
        return self._events + (2 if self.variant == "lookback" else 0)

    def sizes(self) -> list[int]:
        if self.variant != "lookback":
            return [self._events]
        return [self._events] * 3 + [1] * (2 + 1 + PLACE_BITS)

    def network(self, inputs: int) -> SequenceNetwork:
        return AttentionNetwork(inputs, self.hidden) if self.variant == "attention" else super().network(inputs)

    def input_of(self, piece: Piece) -> Piece:
        return melody_of(piece, *self._range)

    def encode(self, piece: Piece) -> np.ndarray:
        piece = piece.from_start()
        events = self._numbers(piece)
        position, length = bars_of(piece.meters, piece.ticks, len(events), RESOLUTION)
        return self._rows(events, position, length).astype(np.float32)

    def _numbers(self, piece: Piece, steps: int = 0) -> np.ndarray:
        """Return events of a piece, so many at least, pitches in the variant's range and counted from its lowest."""
        low, high = self._range
        events = folded(events_of(piece, steps), low, high)
        return np.where(events >= FIRST_NOTE, events - low, events)

    def _rows(self, events: np.ndarray, position: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Return the rows of (time,) events at places in bars: what is known before each, and its answer."""
        before = ago(events, np.ones_like(length))
        if self.variant != "lookback":
            return np.stack([before, events], axis=1)
        one, two = ago(events, length), ago(events, 2 * length)
        known = _known(before, one, two, position, _odd(position, length), _repeated(events, length))
        answer = np.where(events == two, self._events + 1, np.where(events == one, self._events, events))
        return np.concatenate([known, answer[:, None]], axis=1)

    def varied(self, rows: Tensor, lengths: Tensor, target: Tensor, draw: torch.Generator) -> tuple:
        """Move each example by -6 to 5 semitones, or leave it where a note would not be in the range."""
        semitones = torch.randint(-6, 6, (len(rows), 1, 1), generator=draw)
        columns = [0, rows.shape[2] - 1] if self.variant != "lookback" else [0, 1, 2, rows.shape[2] - 1]
        events = rows[:, :, columns]
        pitched = (events >= FIRST_NOTE) & (events < self._events)
        moved = torch.where(pitched, events + semitones, events)
        fits = (~pitched | ((moved >= FIRST_NOTE) & (moved < self._events))).flatten(1).all(dim=1)
        rows = rows.clone()
        rows[:, :, columns] = torch.where(fits[:, None, None], moved, events)
        return rows, lengths, target

    # --- new music

    def _compose(self, begin: Piece, bars: int, temperature: float, rng: np.random.Generator) -> Piece:
        first = begin.steps
        events = self._numbers(begin, first)
        steps = first + steps_to_fill(begin, bars)
        position, length = bars_of(begin.meters, begin.ticks, steps, RESOLUTION)
        odd = _odd(position, length)
        events = np.concatenate([events, np.full(steps - first, NO_EVENT)])
        net, state = self.net_.eval(), None
        if first:
            rows = self._rows(events[:first], position[:first], length[:first])
            _, state = net(torch.from_numpy(rows[None, :, :-1].astype(np.float32)))
        for step in range(first, steps):
            row = self._before(events, step, position, length, odd)
            logits, state = net(torch.from_numpy(row[None].astype(np.float32)), state)
            events[step] = self._event_of(draw(logits[0, 0], temperature, rng), events, step, length)
        new = np.where(events >= FIRST_NOTE, events + self._range[0], events)[first:]
        return going_on(begin, notes_of(new, begin.ticks, begin.until, self.velocity_))

    def _before(
        self, events: np.ndarray, step: int, position: np.ndarray, length: np.ndarray, odd: np.ndarray
    ) -> np.ndarray:
        """Return what is known before one step, (1, number), of events of which those before the step are there."""
        here = slice(step, step + 1)
        before = _at(events, step - 1)
        if self.variant != "lookback":
            return np.array([[before]])
        one, two = (_at(events, step - bars * int(length[step])) for bars in (1, 2))
        repeated = np.array([[_is_repeat(events, step - 1, length, bars) for bars in (1, 2)]])
        return _known(np.array([before]), np.array([one]), np.array([two]), position[here], odd[here], repeated)

    def _event_of(self, answer: int, events: np.ndarray, step: int, length: np.ndarray) -> int:
        """Return the event that an answer means."""
        if answer < self._events:
            return answer
        return _at(events, step - (answer - self._events + 1) * int(length[step]))


def _known(
    before: np.ndarray, one: np.ndarray, two: np.ndarray, position: np.ndarray, odd: np.ndarray, repeated: np.ndarray
) -> np.ndarray:
    bits = (position[:, None] >> np.arange(PLACE_BITS)) & 1
    signs = 2 * np.concatenate([odd[:, None], bits], axis=1) - 1
    return np.concatenate([np.stack([before, one, two], axis=1), repeated, signs], axis=1)


def _odd(position: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return whether each step lies in an odd bar, the first being number 0."""
    return (np.cumsum(position == 0) - 1) % 2


def _repeated(events: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return (time, 2): whether the event before each step repeated that of a bar ago, and of two."""
    found = [[_is_repeat(events, step - 1, length, bars) for bars in (1, 2)] for step in range(len(events))]
    return np.array(found, dtype=np.int64).reshape(len(events), 2)


def _is_repeat(events: np.ndarray, step: int, length: np.ndarray, bars: int) -> bool:
    return step >= 0 and int(events[step]) == _at(events, step - bars * int(length[step]))


def _at(events: np.ndarray, step: int) -> int:
    return int(events[step]) if step >= 0 else NO_EVENT


def accuracy(model: MelodyRNN, pieces: list[Piece]) -> float:
    """Return the share of steps in even bars at which the most probable answer means the event that came."""
    right = total = 0
    for piece in pieces:
        events = model._numbers(piece)
        position, length = bars_of(piece.meters, piece.ticks, len(events), RESOLUTION)
        rows = torch.from_numpy(model.encode(piece))[None]
        with torch.no_grad():
            answers = model.net_.eval()(rows[:, :, :-1])[0][0].argmax(dim=1).tolist()
        for step in np.flatnonzero(_odd(position, length)):
            right += model._event_of(answers[step], events, int(step), length) == events[step]
            total += 1
    return float(right / total)


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    repeats: both variants learn the same melodies for equally many steps, and are asked about new ones.
    """
    from mynah.papers.problems import repeats

    if experiment != "repeats":
        raise ValueError(f"no experiment {experiment!r}")
    training, tested = repeats.corpus(seed, "train"), repeats.corpus(seed, "test")
    found = {}
    for variant in ("basic", "lookback"):
        model = MelodyRNN(variant, layers=1, dropout=0.0, training=repeats.TRAINING, random_state=seed).fit(training)
        found[variant] = accuracy(model, tested)
    return {**found, "gain": found["lookback"] - found["basic"]}
