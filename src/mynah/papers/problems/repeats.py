"""Melodies whose bar 2k repeats bar 2k - 1: what looking back a bar is for.

A bar is eight eighths drawn from a scale: what comes in an even bar can be known, what comes in an odd one cannot.
"""

from __future__ import annotations

from dataclasses import replace

from mynah.ground.randomness import generator
from mynah.music import Meter, Note, Piece
from mynah.papers.problems.descent import PLAIN
from mynah.training import Budget

#: Pitches that melodies are made of, steps a quarter note, bars, and pieces of each part.
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
STEPS, BARS = 4, 8
PIECES = {"train": 200, "test": 50}
#: For both variants: Adam, 600 batches of 16 excerpts, none held out and none moved.
TRAINING = replace(PLAIN, budget=Budget(steps=600), batch=16, learning_rate=3e-3, schedule="cosine")


def corpus(seed: int, part: str) -> list[Piece]:
    """Return the pieces of "train" or "test"."""
    rng = generator(seed, "repeats", part)
    return [_piece(rng) for _ in range(PIECES[part])]


def _piece(rng) -> Piece:
    pitches: list[int] = []
    for _ in range(BARS // 2):
        bar = [SCALE[n] for n in rng.integers(len(SCALE), size=8)]
        pitches += [*bar, *bar]
    notes = tuple(Note(2 * n, 2 * n + 2, pitch) for n, pitch in enumerate(pitches))
    return Piece(notes, ticks=STEPS, meters=(Meter(0, 4, 4),))
