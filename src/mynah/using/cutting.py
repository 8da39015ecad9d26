"""Every segment that got a label as a sound file of its own."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from mynah import audio
from mynah.ground.errors import Stopped
from mynah.using.answers import NONE_OF_THESE, Answer

#: Bytes of a folder's name and of the part of a file's name that says where it comes from: disks allow 255 in all.
FOLDER_BYTES, NAME_BYTES = 200, 180


def cut(answers: Sequence[Answer], folder: str | os.PathLike[str]) -> list[Path]:
    """Write every labelled segment as its own WAV file under ``folder/label/``; return the files.

    A file is called by its place in the folder that was given, so that takes of one name stay apart. Nothing that is
    there already is overwritten: the new file gets a number.

    Raises:
        Stopped: the folder cannot be written.
    """
    places = folder_names({name for a in answers for name in (*a.scores, *(s.label for s in a.segments))})
    written = []
    for answer in answers:
        inside = answer.file if answer.source is None else answer.source.inside
        path = answer.file if answer.source is None else answer.source.path
        stem = _last_bytes(_clean(os.path.splitext(inside)[0]), NAME_BYTES).lstrip(".")
        for number, segment in enumerate(answer.segments, 1):
            if segment.label == NONE_OF_THESE:
                continue
            wave, rate = audio.read(path, start=segment.start, end=segment.end)
            place = make_folder(Path(folder) / places[segment.label])
            target = _free(place, f"{stem}_{number:04d}_{segment.start:.2f}s")
            audio.write(target, wave, rate)
            written.append(target)
    return written


def make_folder(place: Path) -> Path:
    """Make a folder where there is none.

    Raises:
        Stopped: it cannot be made or written.
    """
    try:
        place.mkdir(parents=True, exist_ok=True)
        if not os.access(place, os.W_OK | os.X_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise Stopped(
            "the folder cannot be written", where=place, measured=error.strerror, remedy="Choose another."
        ) from error
    return place


def folder_names(labels: Iterable[str]) -> dict[str, str]:
    """Return a folder name for each label, no two alike even where capitals do not count."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    plain = {label: _first_bytes(_clean(label).lstrip(".").rstrip(". "), FOLDER_BYTES) or "_" for label in labels}
    for label in sorted(plain, key=lambda label: (plain[label] != label, label)):
        several = itertools.chain([plain[label]], (f"{plain[label]}-{n}" for n in itertools.count(2)))
        names[label] = next(name for name in several if name.casefold() not in taken)
        taken.add(names[label].casefold())
    return names


def _free(place: Path, stem: str) -> Path:
    several = itertools.chain([stem], (f"{stem}-{n}" for n in itertools.count(2)))
    return next(path for name in several if not os.path.lexists(path := place / f"{name}.wav"))


def _clean(text: str) -> str:
    """Text as part of a name: separators and what some disk does not allow replaced."""
    return "".join("_" if c in '/\\:*?"<>|' or not c.isprintable() else c for c in text)


def _first_bytes(text: str, count: int) -> str:
    return text.encode()[:count].decode(errors="ignore")


def _last_bytes(text: str, count: int) -> str:
    return text.encode()[-count:].decode(errors="ignore")
