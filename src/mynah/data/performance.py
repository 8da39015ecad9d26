"""Pieces as sound: by the built-in synthesiser, or by FluidSynth with a soundfont."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from mynah.data.synthesiser import KINDS
from mynah.ground.errors import BadInput, MissingExtra, Stopped
from mynah.ground.randomness import generator
from mynah.music import Note, Piece
from mynah.music.midi import write

RATE = 32_000
#: Seconds that a note fades after its end, and seconds of silence after the last.
RELEASE_SECONDS, TAIL_SECONDS = 0.08, 0.5
#: Pitches that the synthesiser plays; others are moved by octaves.
LOWEST, HIGHEST = 24, 96
#: Peak of what is rendered.
PEAK = 0.9
#: Seconds after which a note that is held longer fades, and seconds rendered at a time.
LONGEST_TONE_SECONDS, BLOCK_SECONDS = 20.0, 30
#: Samples of tones that are kept to be used again (float64: 32 MB).
KEPT_SAMPLES = 1 << 22
#: First General MIDI program of each kind of sound, in order.
_INSTRUMENTS = (
    (0, "plucked_string"),
    (8, "struck_bar"),
    (14, "bell"),
    (16, "flute"),
    (24, "plucked_string"),
    (40, "bowed_string"),
    (52, "vowel"),
    (56, "brass"),
    (64, "flute"),
    (80, "brass"),
    (88, "bowed_string"),
    (104, "plucked_string"),
    (112, "struck_bar"),
)
#: General MIDI drums that are bass drums or cymbals; the others are snares.
_KICKS, _HATS = (35, 36, 41, 43), (42, 44, 46, 49, 51, 52, 53, 54, 55, 57, 59, 69, 70)


def render(piece: Piece, rate: int = RATE, *, first: float = 0.0, seconds: float | None = None) -> np.ndarray:
    """Return a piece as float32 (1, time), by the built-in synthesiser; the same bits for the same notes.

    Args:
        first, seconds: what is rendered of it, from where on and how much; None goes on to the end.
    """
    parts = list(_loud(piece, rate, first, seconds))
    return np.concatenate([*_scaled(parts, _peak(parts))], axis=1)


def render_blocks(piece: Piece, rate: int = RATE) -> Iterator[np.ndarray]:
    """Yield what `render` returns in blocks (1, time), none of which is kept: each is rendered twice."""
    return _scaled(_loud(piece, rate), _peak(_loud(piece, rate)))


def seconds_of(piece: Piece) -> float:
    """Return how long a piece sounds: until its last note has faded, and a silence."""
    return piece.seconds(piece.end) + RELEASE_SECONDS + TAIL_SECONDS


def _peak(blocks: Iterable[np.ndarray]) -> float:
    return max(float(np.abs(block).max(initial=0.0)) for block in blocks)


def _scaled(blocks: Iterable[np.ndarray], peak: float) -> Iterator[np.ndarray]:
    gain = PEAK / peak if peak > 0 else 1.0
    return ((block * gain).astype(np.float32)[None] for block in blocks)


def _loud(piece: Piece, rate: int, first: float = 0.0, seconds: float | None = None) -> Iterator[np.ndarray]:
    """Yield blocks (time,) of at most `BLOCK_SECONDS`, as loud as they come."""
    begin, end = round(first * rate), round(seconds_of(piece) * rate) + 1
    end = end if seconds is None else min(end, begin + round(seconds * rate))
    spans = [(piece.seconds(note.start), piece.seconds(note.end)) for note in piece.notes]
    starts = np.array([round(start * rate) for start, _ in spans], dtype=np.int64)
    held = np.array([min(stop - start, LONGEST_TONE_SECONDS) for start, stop in spans])
    counts = np.round((held + RELEASE_SECONDS) * rate).astype(np.int64)
    tones = _Tones(rate)
    for left in range(begin, end, BLOCK_SECONDS * rate):
        right = min(end, left + BLOCK_SECONDS * rate)
        wave = np.zeros(right - left)
        for number in np.flatnonzero((starts < right) & (starts + counts > left)):
            note, start, count = piece.notes[number], int(starts[number]), int(counts[number])
            here, there = max(left, start), min(right, start + count)
            tone = tones.get(kind_of(note), note.pitch, count)[here - start : there - start]
            wave[here - left : there - left] += tone * (note.velocity / 127) ** 1.5
        yield wave


class _Tones:
    """Tones, the last used of which are kept, up to `KEPT_SAMPLES`."""

    def __init__(self, rate: int) -> None:
        self.rate, self.samples = rate, 0
        self.kept: OrderedDict[tuple[str, int, int], np.ndarray] = OrderedDict()

    def get(self, kind: str, pitch: int, count: int) -> np.ndarray:
        """Return the tone (count,) of a kind of sound."""
        name = (kind, pitch, count)
        if name in self.kept:
            self.kept.move_to_end(name)
            return self.kept[name]
        tone = self.kept[name] = _tone(*name, self.rate)
        self.samples += count
        while self.samples > KEPT_SAMPLES:
            self.samples -= len(self.kept.popitem(last=False)[1])
        return tone


def kind_of(note: Note) -> str:
    """Return the kind of built-in sound that plays a note."""
    if note.is_drum:
        return "kick" if note.pitch in _KICKS else "hat" if note.pitch in _HATS else "snare"
    return [kind for first, kind in _INSTRUMENTS if first <= note.program][-1]


def _tone(kind: str, pitch: int, count: int, rate: int) -> np.ndarray:
    """Return (count,) of unit power in its first tenth of a second, faded at the end."""
    pitch = pitch + 12 * max(0, -((pitch - LOWEST) // 12)) - 12 * max(0, -((HIGHEST - pitch) // 12))
    hertz = 440.0 * 2 ** ((pitch - 69) / 12)
    longest = max(count, rate // 10)
    wave = KINDS[kind](hertz, longest / rate + 0.01, rate, generator("tone", kind, pitch))[:count]
    wave = np.pad(wave, (0, count - len(wave)))
    fade = min(count, round(RELEASE_SECONDS * rate))
    wave[count - fade :] *= np.linspace(1, 0, fade) ** 2
    return wave / (float(np.sqrt(np.mean(wave[: rate // 10] ** 2))) + 1e-12)


def check_fluidsynth(soundfont: str | os.PathLike[str]) -> str:
    """Return the path of the FluidSynth program.

    Raises:
        BadInput: the soundfont is not there.
        MissingExtra: FluidSynth is not installed.
    """
    if not Path(soundfont).is_file():
        raise BadInput("no such soundfont", where=soundfont, remedy="Name an .sf2 or .sf3 file.")
    program = shutil.which("fluidsynth")
    if program is None:
        raise MissingExtra(
            "a soundfont needs FluidSynth, which is not installed",
            remedy="Install it: apt install fluidsynth, or brew install fluid-synth; or leave --soundfont out.",
        )
    return program


def render_by_fluidsynth(piece: Piece, soundfont: str | os.PathLike[str], path: Path) -> None:
    """Write a piece as a WAV file, under its final name only when it is complete.

    Raises:
        BadInput: FluidSynth cannot use the soundfont.
        Stopped: it cannot be written.
        See `check_fluidsynth`.
    """
    program = check_fluidsynth(soundfont)
    midi, part = path.with_name(f".{path.stem}.{os.getpid()}.mid"), path.with_name(f".{path.stem}.{os.getpid()}.wav")
    try:
        write(piece, midi)
        command = [program, "-ni", "-q", "-T", "wav", "-F", str(part), "-r", "44100", str(soundfont), str(midi)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode or not part.is_file():
            said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise BadInput("FluidSynth made no sound", where=soundfont, measured=said, remedy="Try another soundfont.")
        os.replace(part, path)
    except OSError as error:
        raise Stopped("the sound could not be written", where=path, measured=error.strerror) from error
    finally:
        midi.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
