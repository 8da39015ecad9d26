"""How much of a piece lies in others: the longest passage that both have, moved in pitch and time or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mynah.music.piece import RESOLUTION, Piece

#: Learned pieces that new ones are compared with at most, and notes of each.
MOST_LEARNED, MOST_NOTES = 200, 2000


@dataclass(frozen=True)
class Passage:
    """Notes in a row that a piece shares with another.

    Args:
        notes: how many; 0 where nothing is shared.
        where: number of the other piece.
    """

    notes: int
    where: int


def compared(piece: Piece, most: int) -> Piece:
    """Return what is compared of a piece: its first `most` pitched notes."""
    return replace(piece, notes=piece.pitched.notes[:most])


def longest(piece: Piece, others: Sequence[Piece]) -> Passage:
    """Return the longest passage of a piece that one of the others has too; of equal ones, that in the first.

    Notes follow each other by start, then by pitch. A passage is shared where all steps from start to start and all
    intervals are the same; how long a note lasts, its loudness and the drums do not count.
    """
    return Passages(others).longest(piece)


class Passages:
    """The passages of pieces that others are compared with, see `longest`.

    Args:
        others: the pieces.
    """

    def __init__(self, others: Sequence[Piece]) -> None:
        moves = [_moves(other) for other in others]
        self._moves = np.concatenate([part for found in moves for part in (found, [_EDGE])] or [[_EDGE]])
        self._ends = np.cumsum([len(found) + 1 for found in moves])

    def longest(self, piece: Piece) -> Passage:
        """Return the longest passage of a piece that one of the others has too."""
        run, most, last = np.zeros(len(self._moves) + 1, dtype=np.int32), 0, 0
        for move in _moves(piece).tolist():
            run[1:] = (run[:-1] + 1) * (self._moves == move)
            place = int(run.argmax())
            if (int(run[place]), -self._of(place)) > (most, -self._of(last)):
                most, last = int(run[place]), place
        return Passage(most + 1, self._of(last)) if most else Passage(0, 0)

    def _of(self, place: int) -> int:
        """Return in which of the others a passage lies whose last move has a place, counted from 1."""
        return int(np.searchsorted(self._ends, place))


#: Between two pieces; no move, since time does not go back.
_EDGE = -(2**40)


def _moves(piece: Piece) -> np.ndarray:
    """Return (note - 1,) numbers, each one step in time and one interval."""
    notes = [(round(note.start * RESOLUTION / piece.ticks), note.pitch) for note in piece.pitched.notes]
    start, pitch = np.array(sorted(notes), dtype=np.int64).reshape(-1, 2).T
    return np.diff(start) * 256 + np.diff(pitch)
