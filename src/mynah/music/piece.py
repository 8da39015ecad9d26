"""A piece of music: notes on a grid of ticks, with its tempo and meter as they change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

#: Channel of the drums, counted from 0 (General MIDI: channel 10).
DRUMS = 9
#: Steps a quarter note of all that is learned and made.
RESOLUTION = 4
#: Longest piece that is learned or made, in quarter notes: 80 minutes at 120 a minute.
LONGEST_QUARTERS = 10_000
#: Ticks a quarter note that new music needs at least: with fewer, its rhythm would be bent.
FEWEST_TICKS = 48
#: Beats of a bar, and parts of a whole note that a beat may be.
NUMERATORS, DENOMINATORS = range(1, 256), (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, order=True)
class Note:
    """One note.

    Args:
        start, end: ticks; the end is later than the start.
        pitch: 0 to 127, where 60 is middle C; of drums, the instrument.
        velocity: 1 to 127.
        track, channel, program: where it stood, the channel counted from 0, and the instrument (General MIDI).
    """

    start: int
    end: int
    pitch: int
    velocity: int = 80
    track: int = 0
    channel: int = 0
    program: int = 0

    @property
    def is_drum(self) -> bool:
        """Whether the pitch names a drum."""
        return self.channel == DRUMS


@dataclass(frozen=True, order=True)
class Tempo:
    """From this tick on, a quarter note lasts so many microseconds."""

    tick: int
    microseconds: int = 500_000


@dataclass(frozen=True, order=True)
class Meter:
    """From this tick on, a bar is so many beats of a whole note's so-manieth."""

    tick: int
    numerator: int = 4
    denominator: int = 4


@dataclass(frozen=True)
class Piece:
    """Notes in the order of their start, and what they are counted in.

    Args:
        notes: sorted when made.
        ticks: of a quarter note.
        tempos, meters: changes in the order of their ticks; before the first, 120 quarters a minute and 4/4 hold.
        name: for people.
    """

    notes: tuple[Note, ...]
    ticks: int = 480
    tempos: tuple[Tempo, ...] = (Tempo(0),)
    meters: tuple[Meter, ...] = (Meter(0),)
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(sorted(self.notes)))

    @property
    def end(self) -> int:
        """Tick at which the last note ends."""
        return max((note.end for note in self.notes), default=0)

    @property
    def steps(self) -> int:
        """Steps (`RESOLUTION`) from tick 0 to where the last note ends, drums too."""
        return max((span(note, self.ticks)[1] for note in self.notes), default=0)

    @property
    def until(self) -> int:
        """Tick at which music that goes on from this piece begins."""
        return tick_of(self.steps, self.ticks)

    @property
    def pitched(self) -> Piece:
        """The piece without its drums."""
        return replace(self, notes=tuple(note for note in self.notes if not note.is_drum))

    def seconds(self, tick: int) -> float:
        """Return the time of a tick, by the tempo map."""
        tempo = self.tempo_at(tick)
        return (self._clock[tempo.tick] + (tick - tempo.tick) * tempo.microseconds) / self.ticks / 1e6

    @cached_property
    def _clock(self) -> dict[int, int]:
        """When each tempo begins, in microseconds times the ticks of a quarter note, by its tick."""
        before, total, found = Tempo(0), 0, {0: 0}
        for tempo in self.tempos:
            total += (tempo.tick - before.tick) * before.microseconds
            found[tempo.tick], before = total, tempo
        return found

    def tempo_at(self, tick: int) -> Tempo:
        """Return the tempo that holds at a tick."""
        count = bisect_right(self.tempos, tick, key=lambda tempo: tempo.tick)
        return self.tempos[count - 1] if count else Tempo(0)

    def meter_at(self, tick: int) -> Meter:
        """Return the meter that holds at a tick."""
        count = bisect_right(self.meters, tick, key=lambda meter: meter.tick)
        return self.meters[count - 1] if count else Meter(0)

    def from_start(self) -> Piece:
        """Return the piece moved by whole bars so that its first note lies in the first bar."""
        first = self.notes[0].start if self.notes else 0
        meter = self.meter_at(first)
        bar = bar_ticks(meter, self.ticks)
        cut = meter.tick + (first - meter.tick) // bar * bar
        notes = tuple(replace(n, start=n.start - cut, end=n.end - cut) for n in self.notes)
        tempos = (
            replace(self.tempo_at(cut), tick=0),
            *(replace(t, tick=t.tick - cut) for t in self.tempos if t.tick > cut),
        )
        meters = (replace(meter, tick=0), *(replace(m, tick=m.tick - cut) for m in self.meters if m.tick > cut))
        return replace(self, notes=notes, tempos=tempos, meters=meters)

    def fine(self) -> Piece:
        """Return the piece on ticks so many times finer that a quarter note has `FEWEST_TICKS`; the same if it has."""
        if self.ticks >= FEWEST_TICKS:
            return self
        times = RESOLUTION * -(-FEWEST_TICKS // (RESOLUTION * self.ticks))
        return replace(
            self,
            ticks=self.ticks * times,
            notes=tuple(replace(n, start=n.start * times, end=n.end * times) for n in self.notes),
            tempos=tuple(replace(t, tick=t.tick * times) for t in self.tempos),
            meters=tuple(replace(m, tick=m.tick * times) for m in self.meters),
        )


def is_meter(numerator: int, denominator: int) -> bool:
    """Whether there are bars of so many beats of a whole note's so-manieth."""
    return numerator in NUMERATORS and denominator in DENOMINATORS


def span(note: Note, ticks: int) -> tuple[int, int]:
    """Return a note's first step and the step after its last, later by 1 or more; a quarter note has so many ticks."""
    first = round(note.start * RESOLUTION / ticks)
    return first, max(round(note.end * RESOLUTION / ticks), first + 1)


def tick_of(step: int, ticks: int) -> int:
    """Return the tick at which a step begins, where a quarter note has so many ticks."""
    return round(step * ticks / RESOLUTION)


def bar_ticks(meter: Meter, ticks: int) -> int:
    """Return the length of a bar, at least 1, in units of which a quarter note has so many."""
    return max(1, ticks * 4 * meter.numerator // meter.denominator)


def bars(meters: Sequence[Meter], ticks: int, steps: int, resolution: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (step,) position in its bar and (step,) length of its bar, both in steps.

    Args:
        meters: of a piece of so many `ticks` a quarter note; a change begins a bar.
        steps: how many.
        resolution: steps a quarter note.
    """
    position, length = np.zeros(steps, dtype=np.int64), np.ones(steps, dtype=np.int64)
    changes = [*meters] if meters and meters[0].tick == 0 else [Meter(0), *meters]
    for change, following in zip(changes, [*changes[1:], None], strict=True):
        first = round(change.tick * resolution / ticks)
        last = steps if following is None else min(steps, round(following.tick * resolution / ticks))
        if first < last:
            bar = bar_ticks(change, resolution)
            length[first:last] = bar
            position[first:last] = np.arange(last - first) % bar
    return position, length
