"""The sound files below what was given, as shown to a person and as they lie on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mynah.data.corpus import Problem
from mynah.data.walk import Tree, spelt, walk
from mynah.ground.errors import BadInput


@dataclass(frozen=True)
class Found:
    """One file.

    Attributes:
        file: as it was given, or below the folder as it was given; always valid Unicode.
        path: as the disk has it.
        inside: its place in the given folder, with forward slashes; the bare name of a file that was given itself.
        problem: why it will not be read, or None.
    """

    file: str
    path: Path
    inside: str
    problem: Problem | None = None


def files_under(paths: Iterable[str | os.PathLike[str]]) -> list[Found]:
    """Return the sound files named or found below `paths`, sorted within each.

    Sound of formats that are not read comes along with its problem; what `learn` passes over is passed over here too.

    Raises:
        BadInput: a path does not exist, or no sound was found.
    """
    places = [Path(path) for path in paths]
    found: list[Found] = []
    seen: list[str] = []
    remedies: list[str] = []
    for place in places:
        if place.is_dir():
            tree = walk(place)
            seen.append(tree.seen())
            remedies.append(tree.remedy())
            found += _below(place, tree)
        elif place.exists():
            found.append(Found(spelt(str(place)), place, spelt(place.name), _irregular(place)))
        else:
            raise BadInput("no such file or folder", where=spelt(str(place)))
    if seen and all(file.problem for file in found):
        remedy = max(remedies, key=len, default="")
        where = ", ".join(spelt(str(place)) for place in places)
        raise BadInput("no audio found", where=where, measured=f"saw {'; '.join(seen)}", remedy=remedy)
    return found


def _irregular(place: Path) -> Problem | None:
    """A pipe or a device is not opened: it might never end."""
    if place.is_file():
        return None
    return Problem(spelt(place.name), "unreadable", "set aside", "is not a regular file", "Save the sound to a file.")


def _below(place: Path, tree: Tree) -> list[Found]:
    shown = Path(spelt(str(place)))
    readable = [Found(str(shown / name), Path(path), name) for name, path in tree.audio.items()]
    others = [Found(str(shown / p.file), place / p.file, p.file, p) for p in tree.problems]
    return sorted([*readable, *others], key=lambda file: file.inside)
