"""Short MP3s and small spectrograms of clips, for the page: RUN/previews/."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mynah import audio
from mynah.ground.errors import BadInput, Stopped
from mynah.ground.files import write_bytes
from mynah.ground.progress import Progress, silent
from mynah.tasks.task import Task

#: Previews go up to 16 kHz, where MP3 itself ends; full band would be a fifth larger (measured on ESC-10).
HIGHEST_RATE = 32_000
WIDTH, HEIGHT = 160, 48
RANGE_DB = 70.0
#: Previews peak here: MP3 overshoots a little.
PEAK_DB = -3.0
#: A preview is never raised by more than this, so that near-silence stays quiet.
HIGHEST_GAIN_DB = 60.0
WINDOW_SECONDS = 0.032


class Readable(Protocol):
    """A clip: anything with a rate in Hz that gives float32 (channel, time)."""

    @property
    def rate(self) -> int: ...
    def read(self, rate: int | None = None, mono: bool = True) -> np.ndarray: ...


def preview_order(task: Task, document: dict[str, Any], *, most: int = 600) -> list[int]:
    """Return the numbers of at most so many clips and made sounds of a run, most worth hearing first."""
    family = next((f for f in document["families"] if f["name"] == document["best"]), None)
    return [] if family is None else task.worth_hearing(document, family, most)


@dataclass(frozen=True)
class _MadeSound:
    """A sound that a model has made, as a clip."""

    path: Path

    @property
    def rate(self) -> int:
        return audio.info(self.path).rate

    def read(self, rate: int | None = None, mono: bool = True) -> np.ndarray:
        return audio.read(self.path, rate=rate, mono=mono)[0]


class Playable(Sequence[Readable]):
    """The clips of a run, and after them the sounds that its families have made.

    Args:
        clips: what was learned from.
        folder: of the run.
        document: its results.
    """

    def __init__(self, clips: Sequence[Readable], folder: Path, document: dict[str, Any]) -> None:
        self.clips = clips
        made = (sound for family in document["families"] for sound in family["sounds"])
        self.made = {sound["id"]: _MadeSound(folder / sound["file"]) for sound in made}

    def __len__(self) -> int:
        return len(self.clips) + len(self.made)

    def __getitem__(self, number: Any) -> Any:
        return self.made[number] if number in self.made else self.clips[number]


def write_previews(
    clips: Sequence[Readable],
    items_order: Iterable[int],
    folder: Path,
    *,
    seconds: float = 5.0,
    progress: Progress = silent,
) -> None:
    """Write an MP3 a clip and index.json, whose entries stand in the order of importance.

    Args:
        clips: what can be read, by item number.
        items_order: item numbers, most worth hearing first.
        folder: made if missing; what earlier runs left there is replaced.
        seconds: longer clips are cut to their loudest stretch of this length.
        progress: called in the stage "previews".

    Raises:
        Stopped: the disk is full or cannot be written.
    """
    order = list(dict.fromkeys(int(item) for item in items_order))
    index: dict[str, dict[str, Any]] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "index.json").unlink(missing_ok=True)  # what it said of the MP3s is no longer true
        try:
            for done, item in enumerate(order):
                progress("previews", done, len(order), "")
                made = _preview(clips[item], seconds)
                if made is not None:
                    data, facts = made
                    name = f"{item:05d}.mp3"
                    write_bytes(folder / name, data)
                    index[str(item)] = {"mp3": name, **facts}
            progress("previews", len(order), len(order), "")
        finally:  # an interruption keeps what was made
            write_bytes(folder / "index.json", json.dumps(index, allow_nan=False).encode())
            _remove_stale(folder, {entry["mp3"] for entry in index.values()})
    except OSError as error:
        raise Stopped("previews could not be written", where=folder, measured=error.strerror) from error


def _remove_stale(folder: Path, kept: set[str]) -> None:
    for path in folder.glob("*.mp3"):
        if path.name not in kept:
            path.unlink()


def _preview(clip: Readable, seconds: float) -> tuple[bytes, dict[str, Any]] | None:
    """Return the MP3 and its entry in the index; None for a clip that cannot be read any more or has no sound."""
    try:
        rate = min(clip.rate, HIGHEST_RATE)
        wave = clip.read(rate, True)[0]
    except BadInput:
        return None
    first = loudest_start(wave, round(seconds * rate))
    wave = np.nan_to_num(wave[first : first + max(1, round(seconds * rate))])
    peak = float(np.abs(wave).max(initial=0.0))
    if peak == 0.0:
        return None
    gain_db = min(PEAK_DB - 20 * np.log10(peak), HIGHEST_GAIN_DB)
    wave = (wave * 10 ** (gain_db / 20)).astype(np.float32)
    picture = spectrogram(wave, rate)
    return audio.mp3_bytes(wave[None], rate), {
        "seconds": round(len(wave) / rate, 3),
        "start": round(first / rate, 3),
        "gain_db": round(float(gain_db), 1),
        "width": WIDTH,
        "height": HEIGHT,
        "spectrogram": base64.b64encode(picture.tobytes()).decode(),
        "max_hz": rate // 2,
    }


def loudest_start(wave: np.ndarray, length: int) -> int:
    """Return the first sample of the stretch of `length` samples with the most energy in a (time,) wave."""
    if length >= len(wave):
        return 0
    energy = np.concatenate([[0.0], np.cumsum(np.square(wave, dtype=np.float64))])
    return int(np.argmax(energy[length:] - energy[:-length]))


def spectrogram(wave: np.ndarray, rate: int) -> np.ndarray:
    """Return uint8 (HEIGHT, WIDTH), lowest band first: 255 is the loudest, 0 is `RANGE_DB` below or less.

    Bands are equally wide on the mel scale up to half the rate; for looking at, not for learning from.
    """
    size = 1 << int(np.ceil(np.log2(max(64, WINDOW_SECONDS * rate))))
    padded = np.pad(wave, size // 2)
    starts = np.linspace(0, max(0, len(wave) - 1), WIDTH).astype(int)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[starts] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    total = np.concatenate([np.zeros((WIDTH, 1)), np.cumsum(power, axis=1)], axis=1)
    mel = np.linspace(0, np.log1p(rate / 2 / 700), HEIGHT + 1)  # O'Shaughnessy's mel scale
    edges = (700 * np.expm1(mel) / rate * size).astype(int)
    low = np.minimum(edges[:-1], size // 2)
    high = np.maximum(edges[1:], low + 1)
    bands = (total[:, high] - total[:, low]) / (high - low)
    level = 10 * np.log10(np.maximum(bands.T, 1e-12))
    grey: np.ndarray = np.clip((level - level.max() + RANGE_DB) / RANGE_DB * 255, 0, 255)
    return grey.astype(np.uint8)
