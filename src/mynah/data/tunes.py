"""Tunes made by a few rules, for tests and for trying out composers: free of anybody's rights.

A tune is in one key, walks over its scale, leaps now and then, leaps back, and ends on its keynote; its even bars
may repeat the bars before. A second track holds the keynote and the fifth below, a third may beat time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mynah.ground.randomness import generator
from mynah.music import Meter, Note, Piece, Tempo
from mynah.music.midi import write
from mynah.music.piece import DRUMS, bar_ticks

TICKS = 480
MAJOR = (0, 2, 4, 5, 7, 9, 11)
#: Rhythms of a bar of 4/4 and of 3/4, in eighths.
RHYTHMS = {4: ((2, 2, 2, 2), (3, 1, 2, 2), (4, 2, 2), (2, 1, 1, 4), (1, 1, 2, 4)), 3: ((2, 2, 2), (3, 1, 2), (4, 2))}


def tune(
    seed: int,
    number: int,
    *,
    bars: int = 8,
    beats: int = 4,
    repeated: float = 0.5,
    melody_only: bool = False,
) -> Piece:
    """Return tune `number` of a seed, a pure function of the arguments.

    Args:
        bars: length.
        beats: 3 or 4 quarter notes a bar.
        repeated: chance that an even bar repeats the one before.
        melody_only: leave bass and drums out.
    """
    rng = generator(seed, "tune", number)
    key, degree = int(rng.integers(55, 67)), 0
    meter = Meter(0, beats, 4)
    bar = bar_ticks(meter, TICKS)
    notes: list[Note] = []
    last: list[Note] = []
    for count in range(bars):
        if count % 2 and rng.random() < repeated:
            this = [_moved(note, bar) for note in last]
        else:
            degree, this = _bar(rng, key, degree, count * bar, RHYTHMS[beats], ends=count == bars - 1)
        notes, last = [*notes, *this], this
        if not melody_only:
            notes += _below(key, count * bar, bar, beats)
    tempo = int(60e6 / rng.integers(90, 141))
    return Piece(tuple(notes), TICKS, (Tempo(0, tempo),), (meter,), name=f"tune-{number:02d}.mid")


def _bar(
    rng: np.random.Generator, key: int, degree: int, start: int, rhythms: Sequence[Sequence[int]], ends: bool
) -> tuple[int, list[Note]]:
    notes = []
    for eighths in rhythms[int(rng.integers(len(rhythms)))]:
        leap = rng.random() < 0.15
        degree += int(rng.choice([-3, 2, 4] if leap else [-1, 0, 1]))
        degree -= int(np.sign(degree)) * (abs(degree) > 6)  # back towards the keynote
        length = eighths * TICKS // 2
        octave, place = divmod(degree, 7)
        notes.append(Note(start, start + length, key + 12 * octave + MAJOR[place], 90))
        start += length
    if ends:
        notes[-1] = Note(notes[-1].start, notes[-1].end, key, 90)
    return degree, notes


def _moved(note: Note, ticks: int) -> Note:
    return Note(note.start + ticks, note.end + ticks, note.pitch, note.velocity)


def _below(key: int, start: int, bar: int, beats: int) -> list[Note]:
    bass = [Note(start, start + bar, key - 24 + step, 70, 1, 1, 32) for step in (0, 7)]
    beat = bar // beats
    drums = [Note(start + n * beat, start + n * beat + beat // 2, 38 if n else 36, 60, 2, DRUMS) for n in range(beats)]
    return bass + drums


def tunes(folder: str | os.PathLike[str], *, count: int = 24, seed: int = 0, **options: object) -> Path:
    """Write `count` tunes as MIDI files into a new or existing folder, every third one in 3/4, and return it."""
    root = Path(folder)
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        piece = tune(seed, number, beats=3 if number % 3 == 2 else 4, **options)  # type: ignore[arg-type]
        write(piece, root / piece.name)
    return root
