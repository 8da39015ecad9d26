"""How much of a piece lies in others: the longest passage that both have, moved in pitch and time or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mynah.music.piece import RESOLUTION, Piece


@dataclass(frozen=True)
class Passage:
    """Notes in a row that a piece shares with another.

    Args:
        notes: how many; 0 where nothing is shared.
        where: number of the other piece.
    """

    notes: int
    where: int


def longest(piece: Piece, others: Sequence[Piece]) -> Passage:
    """Return the longest passage of a piece that one of the others has too; of equal ones, that in the first.

    Notes follow each other by start, then by pitch. A passage is shared where all steps from start to start and all
    intervals are the same; how long a note lasts, its loudness and the drums do not count.
    """
    own, best = _moves(piece), Passage(0, 0)
    for number, other in enumerate(others):
        moves = _moves(other)
        run, most = np.zeros(len(moves) + 1, dtype=np.int64), -1
        for move in own.tolist() if len(moves) else []:
            run[1:] = np.where(moves == move, run[:-1] + 1, 0)
            most = max(most, int(run.max()))
        notes = most + 1 if most > 0 else 0
        if notes > best.notes:
            best = Passage(notes, number)
    return best


def _moves(piece: Piece) -> np.ndarray:
    """Return (note - 1,) numbers, each one step in time and one interval."""
    notes = [(round(note.start * RESOLUTION / piece.ticks), note.pitch) for note in piece.pitched.notes]
    start, pitch = np.array(sorted(notes), dtype=np.int64).reshape(-1, 2).T
    return np.diff(start) * 256 + np.diff(pitch)
