"""Biaxial RNN (D. D. Johnson 2015, "Composing music with recurrent neural networks", hexahedria.com).

Along time, one LSTM for every note n, all with the same weights, sees what sounded one step before around it:

    vicinity    sounding and struck, of the notes n - 12 ... n + 12
    context     how many notes sound of each pitch class, counted from n
    beat        the place in the bar, in bits

Along the notes, from the lowest up, note n then hears from its LSTM, h_n, and from what the lower notes were decided to
do at this very step, s_{n-1} and below, and says whether it sounds, and whether it is struck if it does:

    p(s | past) = prod_n p(s_n | h_n, s_{n-1}, s_{n-2}, ...)

No weight belongs to a pitch, so music moved by k semitones gives logits moved by k: the network is equivariant to
transposition. Conservativity: where few notes sound, p becomes p^c with c falling from 1, until more do; without it,
music that has fallen silent stays so.

Departures from the paper:
- Its inputs have pitch and pitch class too, which break equivariance; they are left out.
- Its note axis is an LSTM that begins at the lowest note of the keyboard, and so counts the silent notes below: moved
  music meets another state. Here note n sees the 24 notes below it through one gated layer, which is exactly
  equivariant; ``note_axis="lstm"`` is the published form.
- One LSTM layer along time of 64 units, in place of two of 300; conservativity begins below as many notes as the
  training music usually has, at most 2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mynah.contracts import checks
from mynah.contracts.composer import NetComposer, going_on, steps_to_fill
from mynah.ground.randomness import generator, seeded
from mynah.layers.cells import set_forget_bias, zero_biases
from mynah.layers.dropout import Dropout
from mynah.music import Piece
from mynah.music.piece import RESOLUTION
from mynah.music.piece import bars as bars_of
from mynah.music.roll import notes_of, roll_of
from mynah.training import Batch, Training

CARD = {
    "name": "biaxial",
    "title": "Biaxial RNN",
    "year": 2015,
    "authors": "D. D. Johnson",
    "reference": "Composing music with recurrent neural networks, hexahedria.com",
    "tasks": ("compose",),
    "reading": ("biaxial-rnn",),
    "superseded_by": (),
    "aliases": ("biaxial-rnn", "hexahedria"),
    "estimator": "Biaxial",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "transposition",
            "title": "music moved by up to an octave: largest difference of the logits, moved as far",
            "measure": "difference",
            "at_most": 1e-5,
            "paper": "invariance is the design's purpose; no figure",
            "seeds": "all",
        },
        {
            "experiment": "transposition",
            "title": "control: the same with an LSTM along the notes, as published, which counts the notes below",
            "measure": "of_the_published_form",
            "at_least": 1e-4,
            "paper": "nearly invariant",
            "seeds": "all",
        },
        {
            "experiment": "chorales",
            "title": "JSB chorales: nats a frame, against an LSTM along time alone of as many parameters",
            "measure": "nll",
            "at_most": ("lstm", "chorales", "nll", 1.0),
            "paper": "no figure published",
            "data": "jsb_chorales",
            "quick": False,
        },
        {
            "experiment": "chorales",
            "title": "JSB chorales: nats a frame",
            "measure": "nll",
            "at_most": 8.5,
            "paper": "GRU 8.54 (Chung et al. 2014)",
            "data": "jsb_chorales",
            "quick": False,
        },
    ),
}

#: Notes seen on either side along time, and below along the notes.
VICINITY, BELOW = 12, 24
#: Bits of the place in a bar.
PLACE_BITS = 5
#: Rooms beyond the lowest and the highest pitch of training, in semitones.
MARGIN = 5
#: Conservativity: what c loses a step where few notes sound, its least, and the share of the way back to 1 elsewhere.
LOSS, LEAST, BACK = 0.02, 0.1, 0.3


class BelowAxis(nn.Module):
    """Along the notes, by one gated layer over the decisions of the 24 notes below."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.of_note = nn.Linear(inputs, 2 * hidden)
        self.of_below = nn.Conv1d(2, 2 * hidden, BELOW, bias=False)
        self.answer = nn.Linear(hidden, 2)

    def forward(
        self, h: Float[Tensor, "rows notes inputs"], chosen: Float[Tensor, "rows 2 notes"]
    ) -> Float[Tensor, "rows notes 2"]:
        """Return logits (rows, notes, 2) of h (rows, notes, inputs) and what all notes chose (rows, 2, notes)."""
        below = self.of_below(nn.functional.pad(chosen[:, :, :-1], (BELOW, 0)))
        return self._answer(self.of_note(h) + below.transpose(1, 2))

    def walk(self, h: Tensor, choose: Callable[[Tensor], tuple[bool, bool]]) -> Tensor:
        """Return what `choose` makes of the logits (2,) of each note, lowest first: (2, notes)."""
        notes = len(h)
        chosen, of_note = torch.zeros(2, BELOW + notes), self.of_note(h)
        weight = self.of_below.weight.flatten(1)
        for note in range(notes):
            below = weight @ chosen[:, note : note + BELOW].flatten()
            chosen[:, BELOW + note] = torch.tensor(choose(self._answer(of_note[note] + below)))
        return chosen[:, BELOW:]

    def _answer(self, drive: Tensor) -> Tensor:
        value, gate = drive.chunk(2, dim=-1)
        return self.answer(torch.tanh(value) * torch.sigmoid(gate))


class LSTMAxis(nn.Module):
    """Along the notes, by an LSTM from the lowest up: each note hears what the one below decided."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(inputs + 2, hidden, batch_first=True)
        zero_biases(self.lstm)
        set_forget_bias(self.lstm, hidden, 1.0)
        self.answer = nn.Linear(hidden, 2)

    def forward(
        self, h: Float[Tensor, "rows notes inputs"], chosen: Float[Tensor, "rows 2 notes"]
    ) -> Float[Tensor, "rows notes 2"]:
        """Return logits (rows, notes, 2) of h (rows, notes, inputs) and what all notes chose (rows, 2, notes)."""
        below = nn.functional.pad(chosen[:, :, :-1], (1, 0)).transpose(1, 2)
        return self.answer(self.lstm(torch.cat([h, below], dim=2))[0])

    def walk(self, h: Tensor, choose: Callable[[Tensor], tuple[bool, bool]]) -> Tensor:
        """Return what `choose` makes of the logits (2,) of each note, lowest first: (2, notes)."""
        state, below, chosen = None, torch.zeros(2), []
        for note in h:
            y, state = self.lstm(torch.cat([note, below])[None, None], state)
            below = torch.tensor(choose(self.answer(y[0, 0])), dtype=torch.float32)
            chosen.append(below)
        return torch.stack(chosen, dim=1)


AXES = {"below": BelowAxis, "lstm": LSTMAxis}
#: Log-odds that a note sounds, at the start of training: most do not.
RARELY = -3.0


class BiaxialNetwork(nn.Module):
    """Both axes; any number of notes.

    Args:
        hidden: units along time of every note.
        across: units along the notes.
        beats: features of the beat.
        note_axis: "below" or "lstm".
        dropout: share of what the time axis gives dropped in training.
    """

    def __init__(self, hidden: int, across: int, beats: int, note_axis: str = "below", dropout: float = 0.0) -> None:
        super().__init__()
        if note_axis not in AXES:
            raise ValueError(f"a note axis is one of {', '.join(AXES)}, not {note_axis!r}")
        self.time = nn.LSTM(2 * (2 * VICINITY + 1) + 12 + beats, hidden, batch_first=True)
        zero_biases(self.time)
        set_forget_bias(self.time, hidden, 1.0)
        self.dropout = Dropout(dropout)
        notes: Any = AXES[note_axis](hidden, across)
        with torch.no_grad():
            notes.answer.bias[0] = RARELY
        self.notes: Any = notes

    def forward(
        self,
        before: Float[Tensor, "batch time 2 notes"],
        beat: Float[Tensor, "batch time beats"],
        chosen: Float[Tensor, "batch time 2 notes"],
    ) -> Float[Tensor, "batch time 2 notes"]:
        """Return logits (batch, time, 2, notes) that each note sounds, and that it is struck if it does.

        Args:
            before: (batch, time, 2, notes) what sounded and was struck one step earlier.
            beat: (batch, time, beats).
            chosen: (batch, time, 2, notes) what happens at this step: a note's logits see that of lower notes.
        """
        batch, time = before.shape[:2]
        h, _ = self.along_time(before, beat)
        h = self.dropout(h).flatten(0, 1)
        return self.notes(h, chosen.flatten(0, 1)).unflatten(0, (batch, time)).transpose(2, 3)

    def along_time(self, before: Tensor, beat: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return (batch, time, notes, hidden), and the state of the time axis, which streams."""
        batch, notes = before.shape[0], before.shape[3]
        x = features(before, beat).transpose(1, 2).flatten(0, 1)
        y, state = self.time(x, state)
        return y.unflatten(0, (batch, notes)).transpose(1, 2), state


def features(before: Tensor, beat: Tensor) -> Tensor:
    """Return what each note sees along time, (batch, time, notes, feature)."""
    notes = before.shape[3]
    around = nn.functional.pad(before, (VICINITY, VICINITY)).unfold(3, 2 * VICINITY + 1, 1)
    vicinity = around.transpose(2, 3).flatten(3)
    spare = -notes % 12
    classes = nn.functional.pad(before[:, :, 0], (0, spare)).unflatten(2, (-1, 12)).sum(dim=2)
    places = ((torch.arange(notes)[:, None] + torch.arange(12)[None]) % 12).to(before.device)
    context = classes[:, :, places]
    return torch.cat([vicinity, context, beat[:, :, None].expand(-1, -1, notes, -1)], dim=3)


class Biaxial(NetComposer):
    """Music of several voices by a network along time and along notes.

    Args:
        hidden, across, note_axis, dropout: see `BiaxialNetwork`.
        window: steps of an excerpt.
        training, random_state: see `ByGradient`.

    Attributes:
        low_, high_: pitches that are learned and made, the upper one left out.
        few_: fewer notes than this at once call conservativity.
    """

    default_training = Training(
        budget="40epochs", most_epochs=200, batch=8, learning_rate=5e-3, patience=6, average=0.95
    )

    def __init__(
        self,
        hidden: int = 64,
        across: int = 32,
        note_axis: str = "below",
        dropout: float = 0.2,
        window: int = 64,
        training: Training | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, None, None, random_state)
        self.hidden = hidden
        self.across = across
        self.note_axis = note_axis
        self.dropout = dropout
        self.window = window

    def build(self, inputs: int) -> nn.Module:
        return BiaxialNetwork(self.hidden, self.across, 1 + PLACE_BITS, self.note_axis, self.dropout)

    # --- rows: what sounded before, the beat, what sounds

    def _begin(self, pieces: Sequence[Piece]) -> None:
        super()._begin(pieces)
        pitches = [note.pitch for piece in pieces for note in piece.notes if not note.is_drum] or [60]
        middle = (min(pitches) + max(pitches)) // 2
        self.low_ = max(0, min(min(pitches) - MARGIN, middle - 6))
        self.high_ = min(128, max(max(pitches) + 1 + MARGIN, middle + 6))
        sounding = [self._roll(piece)[:, 0].sum(axis=1) for piece in pieces]
        self.few_ = int(min(2, np.quantile(np.concatenate(sounding), 0.1)))

    def _roll(self, piece: Piece, steps: int = 0) -> np.ndarray:
        return roll_of(piece.from_start(), self.low_, self.high_, steps)

    def encode(self, piece: Piece) -> np.ndarray:
        piece = piece.from_start()
        roll = self._roll(piece)
        before = np.concatenate([np.zeros_like(roll[:1]), roll])[:-1]
        return np.concatenate([before.reshape(len(roll), -1), _beats(piece, len(roll)), roll.reshape(len(roll), -1)], 1)

    def _parts(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        notes = self.high_ - self.low_
        before, beat, now = rows.split([2 * notes, 1 + PLACE_BITS, 2 * notes], dim=2)
        return before.unflatten(2, (2, notes)), beat, now.unflatten(2, (2, notes))

    def losses(self, net: BiaxialNetwork, rows: Tensor) -> Tensor:
        before, beat, now = self._parts(rows)
        return likelihood(net(before, beat, now), now)

    def counting_baseline(self, known: Sequence[Piece], new: Sequence[Piece]) -> np.ndarray:
        rolls = np.concatenate([self._roll(piece) for piece in known])
        sounding, struck = rolls.sum(axis=0)
        shares = [(sounding + 0.5) / (len(rolls) + 1), (struck + 0.5) / (sounding + 1)]
        logits = torch.from_numpy(np.stack([np.log(share / (1 - share)) for share in shares]).astype(np.float32))
        found = []
        for piece in new:
            roll = torch.from_numpy(self._roll(piece))[None]
            found.append(float(likelihood(logits.expand_as(roll), roll).mean()))
        return np.array(found)

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "low": self.low_, "high": self.high_, "few": self.few_}

    def take_facts(self, facts: dict[str, Any]) -> None:
        super().take_facts(checks.without(facts, "low", "high", "few"))
        self.low_ = checks.whole(facts, "low", 0, 116)
        self.high_ = checks.whole(facts, "high", self.low_ + 12, 128)
        self.few_ = checks.whole(facts, "few", 0, 2)

    # --- new music

    def _compose(self, begin: Piece, bars: int, temperature: float, rng: np.random.Generator) -> Piece:
        first = begin.steps
        given = self._roll(begin, first)
        steps = first + steps_to_fill(begin, bars)
        beats = torch.from_numpy(_beats(begin, steps))
        before = np.concatenate([np.zeros((1, 2, self.high_ - self.low_), np.float32), given])
        net, state = self.net_.eval(), None
        if first:
            _, state = net.along_time(torch.from_numpy(before[None, :-1]), beats[None, :first])
        last, new, exponent = torch.from_numpy(before[-1]), [], 1.0
        for step in range(first, steps):
            h, state = net.along_time(last[None, None], beats[None, step : step + 1], state)
            last = net.notes.walk(h[0, 0], Chooser(temperature, exponent, rng))
            new.append(last.numpy())
            exponent = conserved(exponent, float(last[0].sum()) < self.few_)
        return going_on(begin, notes_of(np.stack(new), self.low_, begin.ticks, begin.until, self.velocity_))


class Chooser:
    """Decides for logits (2,) whether a note sounds and is struck; p becomes p to the power of `exponent`."""

    def __init__(self, temperature: float, exponent: float, rng: np.random.Generator) -> None:
        self.temperature, self.exponent, self.rng = temperature, exponent, rng

    def __call__(self, logits: Tensor) -> tuple[bool, bool]:
        """Return both; a note that does not sound is not struck."""
        sounds, struck = self._probabilities(logits)
        plays = self._drawn(sounds**self.exponent)
        return plays, plays and self._drawn(struck)

    def _probabilities(self, logits: Tensor) -> list[float]:
        return torch.sigmoid(logits.double() / (self.temperature or 1.0)).tolist()

    def _drawn(self, probability: float) -> bool:
        return probability > (self.rng.random() if self.temperature else 0.5)


def conserved(exponent: float, few: bool) -> float:
    """Return the next exponent: it falls while few notes sound, and goes back to 1 when enough do."""
    if few:
        return max(LEAST, min(1.0, exponent) - LOSS)
    return exponent + (1 - exponent) * BACK


def likelihood(logits: Tensor, roll: Tensor) -> Tensor:
    """Return the loss of each step (batch, time) in nats: of all notes, and of the strokes of those that sound."""
    each = nn.functional.binary_cross_entropy_with_logits(logits, roll, reduction="none")
    return (each[:, :, 0] + each[:, :, 1] * roll[:, :, 0]).sum(dim=2)


def _beats(piece: Piece, steps: int) -> np.ndarray:
    """Return (step, 1 + bits): one, and the place in the bar in bits, each -1 or 1."""
    position, _ = bars_of(piece.meters, piece.ticks, steps, RESOLUTION)
    bits = 2 * ((position[:, None] >> np.arange(PLACE_BITS)) & 1) - 1
    return np.concatenate([np.ones((steps, 1)), bits], axis=1).astype(np.float32)


# --- experiments


class OverChorales(nn.Module):
    """The network on frames that say what sounds and no more: they are struck at every step, on no beat."""

    def __init__(self, note_axis: str, hidden: int, across: int) -> None:
        super().__init__()
        self.net = BiaxialNetwork(hidden, across, 0, note_axis)

    def forward(self, batch: Batch) -> Float[Tensor, "batch time 88"]:
        """Return logits (batch, time, 88)."""
        before, now = (torch.stack([frames, frames], dim=2) for frames in (batch.frames, batch.target))
        return self.net(before, batch.frames[:, :, :0], now)[:, :, 0]


#: Units along time and along the notes: as many parameters as the LSTM of 36 units over 88 notes (21,400).
SIZES = {"below": (40, 24), "lstm": (40, 16)}
EPOCHS, BATCH = 12, 8


def _loss(net: OverChorales, batch: Batch) -> Tensor:
    from mynah.papers.problems import chorales

    return chorales.nll(net(batch), batch)


@torch.no_grad()
def _score(net: OverChorales, part: str) -> float:
    """Return nats a frame, a few pieces at a time: every note of each is a row."""
    from mynah.papers.problems import chorales

    net.eval()
    pieces, total, frames = chorales.rolls(part), 0.0, 0
    for first in range(0, len(pieces), BATCH):
        batch = chorales.batch_of(list(pieces[first : first + BATCH]))
        count = int(batch.lengths.sum())
        total, frames = total + float(chorales.nll(net(batch), batch)) * count, frames + count
    return total / frames


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    transposition: new networks over random chords, moved by up to an octave. chorales and chorales-lstm: trained as
    the networks of `mynah.papers.problems.chorales`, without noise on the weights, by Adam for 12 epochs.
    """
    from mynah.papers.problems import chorales
    from mynah.papers.problems.descent import PLAIN

    if experiment == "transposition":
        return {
            "difference": _moved(seed, "below"),
            "of_the_published_form": _moved(seed, "lstm"),
        }
    if experiment in ("chorales", "chorales-lstm"):
        axis = "lstm" if experiment == "chorales-lstm" else "below"
        net = seeded(seed, lambda: OverChorales(axis, *SIZES[axis]))
        training = replace(PLAIN, batch=BATCH, learning_rate=6e-3, schedule="cosine")
        return chorales.learn(net, seed, EPOCHS, loss=_loss, score=_score, training=training)
    raise ValueError(f"no experiment {experiment!r}")


@torch.no_grad()
def _moved(seed: int, note_axis: str) -> float:
    """Return the largest difference of the logits of music and of the same music moved, where both have the note."""
    net = seeded(seed, lambda: BiaxialNetwork(32, 24, 0, note_axis)).eval()
    rng = generator(seed, "chords")
    roll = np.zeros((2, 24, 2, 88), dtype=np.float32)
    roll[:, :, :, 30:58] = rng.random((2, 24, 2, 28)) < 0.15
    worst = 0.0
    for semitones in (1, 7, 12, -5):
        plain, moved = (torch.from_numpy(np.roll(roll, by, axis=3)) for by in (0, semitones))
        one, other = (net(x[:, :-1], x[:, :-1, 0, :0], x[:, 1:]) for x in (plain, moved))
        wide = slice(abs(semitones), 88 - abs(semitones))
        difference = (torch.roll(one, semitones, dims=3) - other)[:, :, :, wide]
        worst = max(worst, float(difference.abs().max()))
    return worst
