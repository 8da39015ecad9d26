"""Melodies as text, in the part of ABC notation (standard 2.1) that they need.

X:1             a tune begins
M:3/4           its meter, also in brackets where it changes
L:1/16          what one unit of length is
K:C             no signs: every sharp is written
C c c'          60, 72, 84; C, is 48
^C =C           C sharp, and C after a C sharp in the same bar
C4 z2 C-|C      a quarter note, a rest, a note held over a bar line
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mynah.music.melody import FIRST_NOTE, NO_EVENT, events_of
from mynah.music.piece import RESOLUTION, Meter, Note, Piece, is_meter, tick_of
from mynah.music.piece import bars as bars_of

_LETTERS = {0: "C", 2: "D", 4: "E", 5: "F", 7: "G", 9: "A", 11: "B"}
_PITCHES = {letter: pitch for pitch, letter in _LETTERS.items()}
_TOKEN = re.compile(
    r"(?P<field>\[[A-Z]:[^\]\n]*\]|(?:^|(?<=\n))[A-Z]:[^\n]*)|(?P<bar>\|)|"
    r"(?P<note>(?P<sign>[\^=_]?)(?P<letter>[A-Ga-gz])(?P<octave>[,']*)(?P<length>[0-9]*)(?P<tie>-?))|."
)
_METER = re.compile(r"\[?M:\s*([0-9]{1,3})/([0-9]{1,2})\]?\s*")
#: Longest note or rest that is read, in sixteenths: sixteen bars of 4/4.
LONGEST = 256
#: Digits of a number that is read.
LONGEST_NUMBER = 9


def write(piece: Piece, steps: int = 0) -> str:
    """Return the melody of a piece as a tune of so many steps at least; a bar that is not full has no line after it."""
    events = events_of(piece, steps)
    steps = len(events)
    position, _ = bars_of(piece.meters, piece.ticks, steps + 1, RESOLUTION)
    meter = piece.meter_at(0)
    parts = [f"X:1\nM:{meter.numerator}/{meter.denominator}\nL:1/{4 * RESOLUTION}\nK:C\n"]
    signs: dict[str, str] = {}
    pitch, step = -1, 0
    while step < steps:
        if position[step] == 0:
            signs = {}
            new = piece.meter_at(tick_of(step, piece.ticks))
            if new != meter:
                meter = new
                parts.append(f"[M:{meter.numerator}/{meter.denominator}]")
        if events[step] != NO_EVENT:
            pitch = int(events[step]) - FIRST_NOTE if events[step] >= FIRST_NOTE else -1
        last = step + 1
        while last < steps and events[last] == NO_EVENT and position[last] != 0:
            last += 1
        held = bool(pitch >= 0 and last < steps and events[last] == NO_EVENT)
        parts.append(_note(pitch, signs) + (str(last - step) if last - step > 1 else "") + "-" * held)
        if position[last] == 0:
            parts.append("|")
        step = last
    return "".join(parts)


def _note(pitch: int, signs: dict[str, str]) -> str:
    """Return a note with the sign it needs after the `signs` of its bar, which are kept up."""
    if pitch < 0:
        return "z"
    octave, place = divmod(pitch, 12)
    sign = "" if place in _LETTERS else "^"
    letter = _LETTERS[place - (sign == "^")]
    up = octave - 5
    name = letter + "," * -up if up <= 0 else letter.lower() + "'" * (up - 1)
    shown = sign if signs.get(name, "") != sign else ""
    if not sign and signs.get(name):
        shown = "="
    signs[name] = sign
    return shown + name


@dataclass
class _Reading:
    """Where a reader is in a tune, in sixteenths."""

    step: int = 0
    held: tuple[int, int] | None = None


def read(text: str, ticks: int = 480) -> Piece:
    """Return the notes of a tune; what is not understood is passed over, since it may come from a network.

    Args:
        text: of the form that `write` gives; longer notes than `LONGEST`, and pitches that MIDI has not, are left out.
        ticks: of a quarter note of the piece.
    """
    return read_with_length(text, ticks)[0]


def read_with_length(text: str, ticks: int = 480) -> tuple[Piece, int]:
    """Return the notes of a tune, see `read`, and how many sixteenths it lasts, with the rests at its end."""
    notes: list[Note] = []
    meters: dict[int, Meter] = {}
    signs: dict[str, str] = {}
    here = _Reading()
    for token in _TOKEN.finditer(text):
        if token["field"]:
            found = _METER.fullmatch(token["field"])
            if found and is_meter(int(found[1]), int(found[2])):
                tick = tick_of(here.step, ticks)
                meters[tick] = Meter(tick, int(found[1]), int(found[2]))
        elif token["bar"]:
            signs = {}
        elif token["note"]:
            _read_note(token, signs, here, notes, ticks)
    if here.held is not None:
        _end(here, here.step, notes, ticks)
    return Piece(tuple(notes), ticks, meters=tuple(sorted(meters.values())) or (Meter(0),)), here.step


def _read_note(token: re.Match[str], signs: dict[str, str], here: _Reading, notes: list[Note], ticks: int) -> None:
    digits = token["length"]
    length = int(digits or 1) if len(digits) <= LONGEST_NUMBER else 0
    if not 0 < length <= LONGEST:
        return
    pitch = _pitch(token, signs)
    if here.held is not None and here.held[1] != pitch:
        _end(here, here.step, notes, ticks)
    if here.held is None and pitch is not None:
        here.held = (here.step, pitch)
    here.step += length
    if here.held is not None and not token["tie"]:
        _end(here, here.step, notes, ticks)


def _end(here: _Reading, step: int, notes: list[Note], ticks: int) -> None:
    assert here.held is not None
    start, pitch = here.held
    notes.append(Note(tick_of(start, ticks), tick_of(step, ticks), pitch))
    here.held = None


def _pitch(token: re.Match[str], signs: dict[str, str]) -> int | None:
    letter, octave = token["letter"], token["octave"]
    if letter == "z":
        return None
    name = letter + octave
    if token["sign"]:
        signs[name] = token["sign"]
    shift = {"^": 1, "_": -1}.get(signs.get(name, ""), 0)
    up = octave.count("'") - octave.count(",") + letter.islower()
    pitch = 60 + _PITCHES[letter.upper()] + 12 * up + shift
    return pitch if 0 <= pitch < 128 else None
