"""What no split may cut: clips of one recording, one sound, one group."""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Sequence

#: Takes of one name are joined in a class only if it keeps at least this many groups ...
LEAST_GROUPS = 5
#: ... and none of them holds more than this share of its clips.
LARGEST_SHARE = 0.5
_TAKE = re.compile(r"(?:[-_ .]?(?:take|tk|t)?[-_ .]?\d+|[-_ ][A-Z]|\s*\(\d+\))$", re.IGNORECASE)

#: File names of known collections, whose first group is the recording: fold-RECORDING-take-class of ESC-50, and
#: RECORDING-class-occurrence-slice of UrbanSound8K.
_COLLECTIONS = (re.compile(r"\d-(\d+)-[A-Z]-\d+"), re.compile(r"(\d+)-\d-\d+-\d+"))


def join(
    files: Sequence[str],
    contents: Sequence[str],
    labels: Sequence[str | None],
    named: Sequence[str | None],
    *,
    as_given: bool = False,
) -> list[str]:
    """Return a group a clip.

    Clips are joined that come from one file or have the same sound. Where the labels file names groups (`named`),
    clips of one name are joined, and file names are not looked at; where it does not, clips of one recording of a
    known collection are joined (see `recordings`), or takes of one file name (see `stems`).

    Args:
        files: the file of each clip, inside the folder.
        contents: hash of the whole file's sound.
        labels, named: label and given group of each clip, or None.
        as_given: the groups were asked for, so they stand even where they part one sound or one file.
    """
    if as_given:
        return [name or f"file {file}" for name, file in zip(named, files, strict=True)]
    parent = list(range(len(files)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    takes = named if any(named) else recordings(files) or stems(files, labels)
    for keys in (files, contents, takes):
        first: dict[str, int] = {}
        for i, key in enumerate(keys):
            if key:
                one, two = root(i), root(first.setdefault(key, i))
                parent[max(one, two)] = min(one, two)
    return [named[r] or files[r] for r in map(root, range(len(files)))]


def recordings(files: Sequence[str]) -> list[str]:
    """Return the recording of each clip where all files are named as in a known collection; else an empty list."""
    names = [os.path.splitext(os.path.basename(file))[0] for file in files]
    for form in _COLLECTIONS:
        found = [form.fullmatch(name) for name in names]
        if all(found):
            return [f"recording {match[1]}" for match in found if match]
    return []


def stems(files: Sequence[str], labels: Sequence[str | None]) -> list[str]:
    """Return the name of each clip's file without its trailing take mark; "" where that says nothing.

    Take marks are `_1`, `-01`, ` 2`, `(2)`, `_take3`, `-t3`, `-B` and the like. But a class may be merely numbered
    (kick_01 ... kick_40), and would become one group that cannot be split. So a class whose names would leave fewer
    than `LEAST_GROUPS` groups, or one group with more than `LARGEST_SHARE` of its clips, is taken as numbered: each
    file is its own recording.
    """
    found = [_stem(file) for file in files]
    useful = _useful(files, labels, found)
    return [stem if label in useful else "" for stem, label in zip(found, labels, strict=True)]


def uneven_takes(files: Sequence[str], labels: Sequence[str | None]) -> list[str]:
    """Return the take name of each clip that `stems` set aside although it may well mean a recording; else "".

    So it is in a class that has several take names, each of several files: four sessions of 25 takes, not kick_01
    ... kick_40. The files of a known collection are no takes.
    """
    if recordings(files):
        return [""] * len(files)
    found = [_stem(file) for file in files]
    useful = _useful(files, labels, found)
    takes: dict[str | None, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for file, label, stem in zip(files, labels, found, strict=True):
        if label not in useful:
            takes[label][stem or file].add(file)
    doubtful = {label for label, names in takes.items() if len(names) > 1 and min(map(len, names.values())) > 1}
    return [stem if label in doubtful else "" for stem, label in zip(found, labels, strict=True)]


def _stem(file: str) -> str:
    place, name = os.path.split(os.path.splitext(file)[0])
    stem = _TAKE.sub("", name)
    return f"{place}/{stem}" if stem else ""


def _useful(files: Sequence[str], labels: Sequence[str | None], found: Sequence[str]) -> set[str | None]:
    """Return the classes that can be split by the names `found`."""
    sizes: dict[str | None, Counter[str]] = defaultdict(Counter)
    for file, label, stem in zip(files, labels, found, strict=True):
        sizes[label][stem or file] += 1
    return {
        label
        for label, counts in sizes.items()
        if len(counts) >= LEAST_GROUPS and max(counts.values()) <= LARGEST_SHARE * counts.total()
    }
