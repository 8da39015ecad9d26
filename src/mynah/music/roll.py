"""A piano roll: which pitches sound at each sixteenth note, and which of them are struck there."""

from __future__ import annotations

import numpy as np

from mynah.music.piece import Note, Piece, span, tick_of


def roll_of(piece: Piece, low: int, high: int, steps: int = 0) -> np.ndarray:
    """Return (step, 2, high - low) of zeros and ones: sounding, and struck, for the pitched notes from tick 0 on.

    A struck note sounds. Pitches outside [low, high), which is an octave or more, are moved by octaves. The roll has
    at least so many steps.
    """
    piece = piece.pitched
    roll = np.zeros((max(steps, piece.steps), 2, high - low), dtype=np.float32)
    for note in piece.notes:
        first, last = span(note, piece.ticks)
        pitch = note.pitch + 12 * max(0, -((note.pitch - low) // 12)) - 12 * max(0, -((high - 1 - note.pitch) // 12))
        roll[first:last, 0, pitch - low] = 1
        roll[first, 1, pitch - low] = 1
    return roll


def notes_of(roll: np.ndarray, low: int, ticks: int, begin: int = 0, velocity: int = 80) -> tuple[Note, ...]:
    """Return the notes of a roll (step, 2, pitch) whose step 0 lies at tick `begin`, of so many ticks a quarter note.

    A pitch that begins to sound without being struck is a note too.
    """
    notes = []
    for column in range(roll.shape[2]):
        start = None
        for step in range(len(roll) + 1):
            sounds = step < len(roll) and roll[step, 0, column] > 0
            if start is not None and (not sounds or roll[step, 1, column] > 0):
                notes.append(Note(begin + tick_of(start, ticks), begin + tick_of(step, ticks), low + column, velocity))
                start = None
            if sounds and start is None:
                start = step
    return tuple(sorted(notes))
