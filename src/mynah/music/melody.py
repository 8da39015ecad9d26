"""A melody as one event a sixteenth note, as Magenta's melody RNN has it (2016).

    0       no event: what sounds goes on
    1       note-off: silence begins
    2 + n   note-on: a note of pitch n begins, and ends the one before

Of several notes, the melody is the highest that begins; it is not broken by lower ones that begin below it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mynah.music.piece import RESOLUTION, Note, Piece, span, tick_of

NO_EVENT, NOTE_OFF, FIRST_NOTE = 0, 1, 2


def events_of(piece: Piece, steps: int = 0) -> np.ndarray:
    """Return the (step,) events of the pitched notes, from tick 0 to where the last ends; so many steps at least."""
    found = [(span(note, piece.ticks), -note.pitch) for note in piece.notes if not note.is_drum]
    spans = sorted((start, lowered, end) for (start, end), lowered in found)
    events = np.full(max([steps, *(end for _, _, end in spans)]), NO_EVENT)
    began, sounding, until = -1, -1, 0
    for start, lowered, end in spans:
        if start == began or (start < until and -lowered < sounding):
            continue
        if sounding >= 0 and until < start:
            events[until] = NOTE_OFF
        events[start] = FIRST_NOTE - lowered
        began, sounding, until = start, -lowered, end
    if until < len(events):  # lower notes or drums go on
        events[until] = NOTE_OFF
    return events


def tunes_of(pieces: Sequence[Piece]) -> np.ndarray:
    """Return (piece,) numbers of the music in each, by first appearance: copies have the same.

    A copy has the same notes beginning one after the other, wherever they end, on whatever instruments, moved by any
    number of semitones, at any tempo, and written in whatever note lengths.
    """
    numbers: dict[frozenset[tuple[int, int]], int] = {}
    return np.array([numbers.setdefault(_tune(piece), len(numbers)) for piece in pieces], dtype=np.int64)


def _tune(piece: Piece) -> frozenset[tuple[int, int]]:
    """Return when which notes begin, counted from the first and the lowest, in the coarsest unit that has them all."""
    notes = piece.pitched.notes
    lowest = min((note.pitch for note in notes), default=0)
    begins = [round((note.start - notes[0].start) * RESOLUTION / piece.ticks) for note in notes]
    unit = math.gcd(*begins) or 1
    return frozenset((begin // unit, note.pitch - lowest) for begin, note in zip(begins, notes, strict=True))


def notes_of(events: np.ndarray, ticks: int, begin: int = 0, velocity: int = 80) -> tuple[Note, ...]:
    """Return the notes of (step,) events, where a quarter note has so many ticks and step 0 lies at tick `begin`."""
    notes, start, pitch = [], 0, -1
    for step, event in enumerate([*events, NOTE_OFF]):
        if event == NO_EVENT:
            continue
        if pitch >= 0:
            notes.append(Note(begin + tick_of(start, ticks), begin + tick_of(step, ticks), pitch, velocity))
        start, pitch = step, int(event) - FIRST_NOTE if event >= FIRST_NOTE else -1
    return tuple(notes)


def melody_of(piece: Piece, low: int = 0, high: int = 128) -> Piece:
    """Return the melody of a piece as one of its own, in sixteenths, pitches moved by octaves into [low, high)."""
    return Piece(notes_of(folded(events_of(piece), low, high), RESOLUTION), RESOLUTION, name=piece.name)


def folded(events: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the events with every pitch moved by octaves into [low, high), which is an octave or more."""
    pitch = events - FIRST_NOTE
    up = np.maximum(0, -((pitch - low) // 12)) * 12
    down = np.maximum(0, -((high - 1 - pitch) // 12)) * 12
    return np.where(events >= FIRST_NOTE, events + up - down, events)


def ago(events: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return the (time,) events so many steps before each, and no event before the beginning."""
    place = np.arange(len(events)) - steps
    return np.where(place >= 0, events[np.maximum(place, 0)], NO_EVENT)
