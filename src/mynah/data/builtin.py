"""Sounds to learn from without having any: the built-in synthesiser, as a folder of labelled clips."""

from __future__ import annotations

import json
import os
from pathlib import Path

from mynah.ground.errors import Stopped, UsageError
from mynah.ground.files import write_bytes
from mynah.ground.progress import Progress, silent

#: File that says what a folder of built-in sounds holds, so that one of another seed is never mixed in.
RECIPE = "builtin.json"
#: Changes whenever the same seed would sound different.
VERSION = 1


def builtin(
    folder: str | os.PathLike[str],
    *,
    clips_per_class: int = 40,
    rate: int = 16_000,
    seed: int = 0,
    progress: Progress = silent,
) -> Path:
    """Write the ten kinds of synthesised sounds as WAV files, one sub-folder a kind; the same bytes for a seed.

    Clip n of a kind is a pure function of seed, kind, n and rate. Files that an earlier call with the same
    arguments has written are kept, so that an interrupted one goes on where it was.

    Args:
        folder: new, empty, or of an earlier call with the same arguments.
        clips_per_class: files of each kind, at least 1.
        rate: Hz.
        progress: called with the files there.

    Returns:
        The folder.

    Raises:
        UsageError: the folder holds something else, or no clips are asked for.
        Stopped: the disk is full or cannot be written.
    """
    from mynah import audio
    from mynah.data.synthesiser import KINDS, render
    from mynah.ground.randomness import generator

    if clips_per_class < 1:
        raise UsageError("at least one clip a class is needed", measured=clips_per_class)
    root = Path(folder)
    _claim(root, {"version": VERSION, "clips_per_class": clips_per_class, "rate": rate, "seed": seed})
    total, done = clips_per_class * len(KINDS), 0
    for kind in KINDS:
        for number in range(clips_per_class):
            path = root / kind / f"{number:03d}.wav"
            if not path.exists():
                rng = generator(seed, kind, number, rate)
                audio.write(path, render(kind, rate=rate, rng=rng), rate)
            done += 1
            progress("render", done, total, kind)
    return root


def _claim(root: Path, recipe: dict[str, int]) -> None:
    """Make the folders, or see that they are those of this recipe."""
    from mynah.data.synthesiser import KINDS

    note = root / RECIPE
    try:
        root.mkdir(parents=True, exist_ok=True)
        if any(not path.name.startswith(".") for path in root.iterdir()) and _recipe(note) != recipe:
            raise UsageError(
                "the folder holds other files than these built-in sounds",
                where=root,
                remedy="Choose a new folder, or remove this one.",
            )
        write_bytes(note, (json.dumps(recipe) + "\n").encode())
        for kind in KINDS:
            (root / kind).mkdir(exist_ok=True)
    except OSError as error:
        raise Stopped("the sounds cannot be written", where=root, measured=error.strerror or str(error)) from error


def _recipe(note: Path) -> object:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


__all__ = ["builtin"]
