"""A generator at work: sounds as files, each written block by block as it is made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mynah import audio
from mynah.ground.errors import BadInput, UsageError
from mynah.ground.progress import Progress, silent
from mynah.using.cutting import folder_names, make_folder

if TYPE_CHECKING:
    from mynah.contracts.generator import GeneratorModel
    from mynah.contracts.model import Model

#: Of a sound to go on from, only the last seconds are read.
CONTEXT_SECONDS = 30.0
#: What a WAV file can hold, in bytes of 16-bit samples.
LARGEST = 4_000_000_000


@dataclass(frozen=True)
class Made:
    """A file that was made: its number, label ("" where there are none) and length."""

    file: str
    number: int
    label: str
    seconds: float


@dataclass(frozen=True)
class Wish:
    """What to make, see `mynah.contracts.generator.GeneratorModel.generate`; `like` is a sound file at any rate."""

    count: int = 4
    seconds: float | None = None
    label: str | None = None
    like: str | os.PathLike[str] | None = None
    temperature: float = 1.0
    seed: int = 0


def make(model: Model, wish: Wish, out: str | os.PathLike[str], *, progress: Progress = silent) -> Iterator[Made]:
    """Write sounds as 16-bit WAV files into a folder, one after the other; yield each as it is there.

    A file is called by label, seed and number, and is under its name only when it is complete. The same model, wish and
    seed make the same bytes on one machine; memory does not grow with their number or length. Where the same wish was
    stopped before, a mark in the folder says so, and only the sounds that are missing are made.

    Args:
        model: a fitted generator.
        wish: what to make.
        out: folder, made where there is none.
        progress: called with the files made.

    Raises:
        UsageError: a model that makes no sounds, an invalid wish, or a file of this name is there that
            this wish did not make before it was stopped.
        BadInput: a sound to go on from that cannot be read or has no samples.
        Stopped: the folder cannot be written; whole files stay.
    """
    generator = of_sounds(model)
    rate = generator.rate_
    assert rate is not None
    if wish.seconds is not None and wish.seconds * rate * 2 > LARGEST:
        measured = f"{wish.seconds:g} s at {rate} Hz; at most {LARGEST / rate / 2:.0f} s"
        raise UsageError("a sound is too long for one file", measured=measured, remedy="Make several shorter ones.")
    like = None if wish.like is None else _heard(wish.like, rate)
    sounds = _sounds(generator, wish, like)
    labels = [str(name) for name in generator.classes_] if wish.label is None else [wish.label]
    if wish.like is not None and wish.label is None:
        labels = [""]  # one of them, which only the model knows
    names = folder_names({label for label in labels if label}) | {"": "sound"}
    place = make_folder(Path(out))
    digits = max(2, len(str(wish.count)))
    paths = [place / f"{names[label]}-s{wish.seed}" for label in labels]

    def path_of(number: int) -> Path:
        stem = paths[number % len(labels)]
        return stem.with_name(f"{stem.name}-{number + 1:0{digits}d}.wav")

    mark = place / f".{_key(generator, wish, like)}.unfinished"
    there = {number for number in range(wish.count) if os.path.lexists(path_of(number))}
    if there and not mark.exists():
        raise UsageError("is there already", where=path_of(min(there)), remedy="Give another --out or --seed.")
    if wish.count > 1:
        with suppress(OSError):  # without it nothing is lost but the way to go on
            mark.touch()
    for number, sound in enumerate(sounds):
        if number in there:
            continue
        progress("make", number, wish.count, path_of(number).name)
        samples = audio.write_blocks(path_of(number), (block[None] for block in sound), rate)
        yield Made(str(path_of(number)), number, labels[number % len(labels)], samples / rate)
    mark.unlink(missing_ok=True)
    progress("make", wish.count, wish.count, "")


def _sounds(generator: GeneratorModel, wish: Wish, like: np.ndarray | None) -> Iterator[Iterator[np.ndarray]]:
    try:
        return generator.generate(
            wish.count,
            seconds=wish.seconds,
            label=next((name for name in generator.classes_.tolist() if str(name) == wish.label), wish.label),
            like=like,
            temperature=wish.temperature,
            seed=wish.seed,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def _key(generator: GeneratorModel, wish: Wish, like: np.ndarray | None) -> str:
    """Return a name of all that decides which bytes are made."""
    told = {**asdict(wish), "like": None if like is None else like.tobytes().hex()}
    found = sha256(json.dumps([type(generator).__name__, generator.facts(), told]).encode())
    for name, array in sorted(generator.tensors().items()):
        found.update(name.encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def of_sounds(model: Model) -> GeneratorModel:
    """Return the model as one that makes sounds.

    Raises:
        UsageError: it does something else.
    """
    from mynah.contracts.generator import GeneratorModel

    if not isinstance(model, GeneratorModel):
        raise UsageError(
            "this model makes no sounds",
            measured=type(model).__name__,
            remedy=f"Make one with `mynah learn FOLDER --task generate`, or use `mynah {model.command}` with this one.",
        )
    return model


def _heard(path: str | os.PathLike[str], rate: int) -> np.ndarray:
    """Return the end of a sound to go on from, (time,) at this rate."""
    header = audio.info(path)
    wave, _ = audio.read(path, start=max(0.0, header.seconds - CONTEXT_SECONDS), rate=rate, mono=True)
    if not wave.size:
        raise BadInput("has no samples to go on from", where=path, measured=f"{header.seconds:g} s")
    if not np.isfinite(wave).all():
        raise BadInput("has samples that are NaN or infinite", where=path, remedy="Export it again.")
    return wave[0]
