"""The contract of families that make music: pieces of notes in, pieces of notes out.

A family derives from `Composer`, or from `EventComposer` where it is a network that names one event after the other.
A piece becomes rows, one a step: what is known before the step, and what came. Notes are no waves, so a composer has
neither a representation nor a rate (docs/design/0005).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from mynah.contracts import checks
from mynah.contracts.model import ByGradient, Model
from mynah.ground.errors import UsageError
from mynah.ground.randomness import generator, seeded
from mynah.layers.cells import set_forget_bias, zero_biases
from mynah.layers.dropout import Dropout
from mynah.layers.masks import time_mask
from mynah.layers.sequence_network import SequenceNetwork, TorchNetwork
from mynah.layers.temperature import checked
from mynah.music import Meter, Note, Piece, Tempo
from mynah.music.piece import LONGEST_QUARTERS, RESOLUTION, bar_ticks, is_meter
from mynah.representations import Frames
from mynah.training import Augment, Batch, Batches, Training, one_thread
from mynah.training.batches import pad

#: Ticks a quarter note of pieces that go on from no other.
TICKS = 480
#: Most microseconds a quarter note: what MIDI writes in three bytes.
LONGEST_TEMPO = (1 << 24) - 1


class Composer(Model):
    """A family that makes music like the pieces it learned.

    Attributes:
        tempo_: microseconds a quarter note; the median of training.
        meter_: (numerator, denominator) of the commonest meter.
        velocity_: the median of training.
    """

    contract: ClassVar[str] = "composer"
    tasks: ClassVar[tuple[str, ...]] = ("compose",)
    command: ClassVar[str] = "compose"
    default_representation: ClassVar[None] = None
    unit: ClassVar[str] = "nats a step"

    def fit(self, X: Sequence[Piece], y: ArrayLike | None = None, groups: ArrayLike | None = None) -> Composer:
        """Learn from pieces; `groups` (piece,) are never cut through by the inner validation split."""
        super().fit(X, [] if y is None else y, groups)
        return self

    def prediction_error(self, X: Sequence[Piece]) -> np.ndarray:
        """Return the (piece,) mean loss a step, in `unit`: lower where the model expects a piece."""
        check_is_fitted(self, "n_features_in_")
        with one_thread(), torch.no_grad():
            return self._prediction_error(self._frames(X, reset=False))

    def generate(
        self, count: int = 1, *, bars: int = 16, like: Piece | None = None, temperature: float = 1.0, seed: int = 0
    ) -> Iterator[Piece]:
        """Return an iterator over `count` new pieces; piece n depends on the seed and n alone.

        Args:
            bars: of new music, beyond what is begun with; a begun bar is filled first.
            like: a piece to go on from, see `beginning`; None begins with nothing.
            temperature: divides the logits; 0 takes the most probable at each step, 10 is the most there is.
            seed: of all draws.

        Raises:
            ValueError: fewer than 1 bar, an invalid temperature, or nothing in `like` to go on from.
            UsageError: so many bars that the piece would be longer than `LONGEST_QUARTERS`.
        """
        check_is_fitted(self, "n_features_in_")
        if bars < 1:
            raise ValueError(f"a piece has 1 bar or more, not {bars}")
        temperature = checked(temperature)
        if like is not None:
            if not like.pitched.notes:
                raise ValueError("there are no pitched notes to go on from")
            like = beginning(like)
        begin = like or Piece((), TICKS, (Tempo(0, self.tempo_),), (Meter(0, *self.meter_),))
        quarters = (begin.steps + steps_to_fill(begin, bars)) / RESOLUTION
        if quarters > LONGEST_QUARTERS:
            raise UsageError(
                f"a piece has {LONGEST_QUARTERS:,} quarter notes at most",
                where=f"{bars} bars",
                measured=f"{quarters:,.0f}",
                remedy="Ask for fewer bars.",
            )
        return self._pieces(count, bars, begin, temperature, seed)

    def _pieces(self, count: int, bars: int, begin: Piece, temperature: float, seed: int) -> Iterator[Piece]:
        for number in range(count):
            with one_thread(), torch.no_grad():
                yield self._compose(begin, bars, temperature, generator(seed, "compose", number))

    def counting_baseline(self, known: Sequence[Piece], new: Sequence[Piece]) -> np.ndarray:
        """Return the (piece,) prediction error at `new` of how often each event is in `known`, whatever came before."""
        raise NotImplementedError(f"{type(self).__name__} must define counting_baseline")  # an abstract method

    # --- what a kind of composer writes

    def input_of(self, piece: Piece) -> Piece:
        """Return what the family learns from of a piece, so that pieces can be compared: all of it, or its melody."""
        return piece

    def encode(self, piece: Piece) -> np.ndarray:
        """Return the (step, feature) float32 rows of a piece."""
        raise NotImplementedError(f"{type(self).__name__} must define encode")  # an abstract method

    def _prediction_error(self, frames: Frames) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} must define _prediction_error")  # an abstract method

    def _compose(self, begin: Piece, bars: int, temperature: float, rng: np.random.Generator) -> Piece:
        """Return `begin`, which may be empty, with so many bars of new music from its `until` on."""
        raise NotImplementedError(f"{type(self).__name__} must define _compose")  # an abstract method

    def _frames(self, X: Any, *, reset: bool) -> Frames:
        pieces = list(X)
        if not pieces:
            raise ValueError("a composer needs at least one piece")
        for number, piece in enumerate(pieces):
            if isinstance(piece, Piece) and not piece.pitched.notes:
                raise ValueError(f"piece {number} has no pitched notes")
        if reset:
            self._begin(pieces)
            self.representation_ = self.rate_ = None
        frames = Frames.from_arrays([self.encode(piece) for piece in pieces])
        if reset:
            self.n_features_in_ = frames.feature_count
        return frames

    def _begin(self, pieces: Sequence[Piece]) -> None:
        """Remember of the training pieces what new ones take over."""
        notes = [note for piece in pieces for note in piece.notes if not note.is_drum]
        meters = [(m.numerator, m.denominator) for m in (piece.meter_at(0) for piece in pieces)]
        self.tempo_ = int(np.median([piece.tempo_at(0).microseconds for piece in pieces]))
        self.meter_ = max(sorted(set(meters)), key=meters.count)
        self.velocity_ = int(np.median([note.velocity for note in notes])) if notes else 80

    def _codes(self, y: ArrayLike | None, count: int) -> np.ndarray:
        return np.zeros(count, dtype=int)

    def facts(self) -> dict[str, Any]:
        return {"tempo": self.tempo_, "meter": list(self.meter_), "velocity": self.velocity_}

    def take_facts(self, facts: dict[str, Any]) -> None:
        checks.only(facts, "tempo", "meter", "velocity")
        self.tempo_ = checks.whole(facts, "tempo", 1, LONGEST_TEMPO)
        self.velocity_ = checks.whole(facts, "velocity", 1, 127)
        meter = facts["meter"]
        if not (isinstance(meter, list) and [type(number) for number in meter] == [int, int] and is_meter(*meter)):
            raise ValueError(f"no meter: {str(meter)[:20]!r}")
        self.meter_ = (meter[0], meter[1])

    @classmethod
    def facts_of_version_1(cls, manifest: dict[str, Any]) -> dict[str, Any]:
        return dict(manifest["music"])


def beginning(like: Piece) -> Piece:
    """Return a piece as new music goes on from it: from its first bar on, all else as it is, on ticks fine enough."""
    return like.from_start().fine()


def steps_to_fill(begin: Piece, bars: int) -> int:
    """Return the steps that fill the bar that a piece has begun, and so many bars more, in the meter of its end."""
    meter = begin.meter_at(begin.until)
    bar, since = bar_ticks(meter, RESOLUTION), round(meter.tick * RESOLUTION / begin.ticks)
    return -(begin.steps - since) % bar + bars * bar


class NetComposer(ByGradient, Composer):
    """A composer that is a torch network over rows, trained on excerpts of so many rows.

    A family writes `encode`, `build`, `losses` and `_compose`.
    """

    window: int

    def build(self, inputs: int) -> nn.Module:
        """Return the network over rows of so many features."""
        raise NotImplementedError(f"{type(self).__name__} must define build")  # an abstract method

    def losses(self, net: Any, rows: Tensor) -> Tensor:
        """Return the loss of each step (batch, time) in nats, for rows (batch, time, feature)."""
        raise NotImplementedError(f"{type(self).__name__} must define losses")  # an abstract method

    def varied(self, rows: Tensor, lengths: Tensor, target: Tensor, draw: torch.Generator) -> tuple:
        """Return a batch with its examples varied: not at all, unless a family knows how."""
        return rows, lengths, target

    def loss(self, net: Any, batch: Batch) -> Tensor:
        """Return the mean loss of a step of the whole batch; its target holds the steps of each row."""
        mask = time_mask(batch.lengths, batch.frames.shape[1])
        whole = batch.target if batch.whole is None else batch.whole
        return (self.losses(net, batch.frames) * mask).sum() / whole.sum()

    def batches(self, frames: Frames, codes: np.ndarray, seed: int) -> Excerpts:
        if self.window < 2:
            raise ValueError(f"an excerpt has 2 steps or more, not {self.window}")
        augment = self.varied if self.settings.augment else None
        return Excerpts(_excerpts(frames, self.window), size=self.settings.batch, seed=seed, augment=augment)

    def validation(self, frames: Frames, codes: np.ndarray, seed: int) -> Heldout:
        return Heldout(frames, self.losses)

    def _new_net(self, seed: int) -> nn.Module:
        return seeded(seed, lambda: self.build(self.n_features_in_))

    def _prediction_error(self, frames: Frames) -> np.ndarray:
        self.net_.eval()
        rows = (torch.from_numpy(np.array(array))[None] for array in frames)
        return np.array([float(self.losses(self.net_, row).mean()) for row in rows])


def _excerpts(frames: Frames, window: int) -> list[np.ndarray]:
    """Return each piece in excerpts of at most `window` rows that begin every half window."""
    found = []
    for array in frames:
        starts = range(0, max(1, len(array) - window // 2), window // 2)
        found += [np.array(array[start : start + window]) for start in starts]
    return found


class Excerpts(Batches):
    """Batches whose target is (batch, 1): the rows of each example."""

    def __init__(self, examples: Sequence[np.ndarray], *, size: int, seed: int, augment: Augment | None) -> None:
        super().__init__(examples, np.zeros(len(examples), dtype=int), 1, size=size, seed=seed, augment=augment)

    def target(self, items: np.ndarray) -> Tensor:
        return torch.from_numpy(self.lengths[items].astype(np.float32))[:, None]


class Heldout:
    """Mean loss a step over held-out pieces, its standard error, and less the loss as score."""

    def __init__(self, frames: Frames, losses: Callable[[Any, Tensor], Tensor]) -> None:
        self.frames, self.losses = frames, losses

    def __call__(self, net: Any, poll: Callable[[], None]) -> tuple[float, float, float]:
        """Score `net`; `poll` is called between pieces, and may raise to end it."""
        means = []
        for array in self.frames:
            poll()
            means.append(float(self.losses(net, pad([array])[0]).mean()))
        return float(np.mean(means)), float(np.std(means) / np.sqrt(len(means))), -float(np.mean(means))


class EventComposer(NetComposer):
    """A composer that names one event after the other: the last number of a row is the event that came.

    A family writes `encode`, `sizes`, `outputs` and `_compose`.

    Args:
        hidden, layers: of the network.
        dropout: share of its outputs dropped in training.
        window: steps of an excerpt.
        training, random_state: see `ByGradient`.
    """

    default_training = Training(
        budget="100epochs", most_epochs=400, batch=32, learning_rate=3e-3, patience=6, average=0.95
    )

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 2,
        dropout: float = 0.3,
        window: int = 128,
        training: Training | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, None, None, random_state)
        self.hidden = hidden
        self.layers = layers
        self.dropout = dropout
        self.window = window

    def sizes(self) -> list[int]:
        """Return for each number of a row but the last how many values it has; 1 for one that is taken as it is."""
        raise NotImplementedError(f"{type(self).__name__} must define sizes")  # an abstract method

    def outputs(self) -> int:
        """Return how many events there are."""
        raise NotImplementedError(f"{type(self).__name__} must define outputs")  # an abstract method

    def network(self, inputs: int) -> SequenceNetwork:
        """Return the network over vectors of so many features: layers of LSTM."""
        share = self.dropout if self.layers > 1 else 0.0
        lstm = nn.LSTM(inputs, self.hidden, self.layers, batch_first=True, dropout=share)
        zero_biases(lstm)
        set_forget_bias(lstm, self.hidden, 1.0)
        return TorchNetwork(lstm)

    def build(self, inputs: int) -> nn.Module:
        sizes = self.sizes()
        return EventNetwork(self.network(sum(sizes)), sizes, self.outputs(), self.dropout)

    def losses(self, net: EventNetwork, rows: Tensor) -> Tensor:
        logits, _ = net(rows[:, :, :-1])
        return nn.functional.cross_entropy(logits.transpose(1, 2), rows[:, :, -1].long(), reduction="none")

    def counting_baseline(self, known: Sequence[Piece], new: Sequence[Piece]) -> np.ndarray:
        counts = np.ones(self.outputs())
        for piece in known:
            counts += np.bincount(self.encode(piece)[:, -1].astype(int), minlength=len(counts))
        cost = -np.log(counts / counts.sum())
        return np.array([cost[self.encode(piece)[:, -1].astype(int)].mean() for piece in new])


class EventNetwork(nn.Module):
    """Numbers as one-hot vectors, a sequence network over them, dropout, and an affine answer."""

    def __init__(self, body: SequenceNetwork, sizes: Sequence[int], outputs: int, dropout: float) -> None:
        super().__init__()
        self.body, self.sizes = body, list(sizes)
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(body.width, outputs)

    def forward(self, rows: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Return logits (batch, time, outputs) of rows (batch, time, number), and the state after them."""
        columns = [
            column[:, :, None] if size == 1 else nn.functional.one_hot(column.long(), size).float()
            for column, size in zip(rows.unbind(dim=2), self.sizes, strict=True)
        ]
        y, state = self.body(torch.cat(columns, dim=2), state)
        return self.head(self.dropout(y)), state


def draw(logits: Tensor, temperature: float, rng: np.random.Generator) -> int:
    """Return an event drawn from logits (outputs,) divided by the temperature; the most probable one at 0."""
    if temperature == 0:
        return int(logits.argmax())
    scaled = logits.double().numpy() / temperature
    odds = np.exp(scaled - scaled.max())
    return int(np.searchsorted(np.cumsum(odds), rng.random() * odds.sum(), side="right").clip(max=len(odds) - 1))


def going_on(begin: Piece, notes: Sequence[Note]) -> Piece:
    """Return a piece with more notes on a track of their own, where it has any."""
    track = max((note.track for note in begin.notes), default=-1) + 1
    return replace(begin, notes=(*begin.notes, *(replace(note, track=track) for note in notes)), name="")
