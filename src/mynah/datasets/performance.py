"""Pieces as sound: by the built-in synthesiser, or by FluidSynth with a soundfont."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np

from mynah.datasets.synth import KINDS
from mynah.errors import BadInput, MissingExtra, Stopped
from mynah.music import Note, Piece
from mynah.music.midi import write
from mynah.training.keyed import generator

RATE = 32_000
#: Seconds that a note fades after its end, and seconds of silence after the last.
RELEASE_SECONDS, TAIL_SECONDS = 0.08, 0.5
#: Pitches that the synthesiser plays; others are moved by octaves.
LOWEST, HIGHEST = 24, 96
#: Peak of what is rendered.
PEAK = 0.9
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


def render(piece: Piece, rate: int = RATE) -> np.ndarray:
    """Return a piece as float32 (1, time), by the built-in synthesiser; the same bits for the same notes."""
    spans = [(piece.seconds(note.start), piece.seconds(note.end), note) for note in piece.notes]
    length = max((end for _, end, _ in spans), default=0.0) + RELEASE_SECONDS + TAIL_SECONDS
    wave = np.zeros(round(length * rate) + 1)
    tones: dict[tuple[str, int, int], np.ndarray] = {}
    for start, end, note in spans:
        kind, count = kind_of(note), round((end - start + RELEASE_SECONDS) * rate)
        name = (kind, note.pitch, count)
        if name not in tones:
            tones[name] = _tone(*name, rate)
        first = round(start * rate)
        wave[first : first + count] += tones[name] * (note.velocity / 127) ** 1.5
    peak = np.abs(wave).max(initial=0.0)
    return (wave * (PEAK / peak if peak > 0 else 1.0)).astype(np.float32)[None]


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
    return wave / (np.sqrt(np.mean(wave[: rate // 10] ** 2)) + 1e-12)


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
