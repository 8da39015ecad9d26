"""Find the sound files below a folder, count what is left out, and never go round a loop."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mynah.audio import EXTENSIONS, NEEDS_CONVERSION
from mynah.data.corpus import Problem

HIDDEN_FILES = "hidden files (._*, .DS_Store ...)"
HIDDEN_FOLDERS = "hidden or system folders"
LINKS = "links to folders already seen"
RUNS = "folders of earlier runs"
CONVERT = "Convert it to WAV or FLAC, for example with ffmpeg."


@dataclass
class Tree:
    """What lies below a folder.

    Attributes:
        audio: the sound files: name inside the folder, with forward slashes -> absolute path. A name that is not
            valid UTF-8 is spelt with backslash escapes; its path is as the disk has it.
        ignored: files and folders left out, counted by reason.
        others: files that are no sound, counted by suffix.
        problems: sound that cannot be read, and folders that cannot be opened.
        labels: the folders right below, which may be labels.
    """

    audio: dict[str, str] = field(default_factory=dict)
    ignored: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def seen(self) -> str:
        """Say in a few words what was there."""
        unread = Counter(os.path.splitext(problem.file)[1].lower() or "folders" for problem in self.problems)
        counts = [f"{n} {kind} that cannot be read" for kind, n in unread.most_common(5)]
        counts += [f"{n} {kind}" for kind, n in self.others.most_common(5)]
        counts += [f"{n} {kind}" for kind, n in self.ignored.items()]
        return ", ".join(counts) or "nothing at all"

    def remedy(self) -> str:
        """Say what helps where no sound was found."""
        unread = {os.path.splitext(problem.file)[1].lower() for problem in self.problems}
        readable = f"I read {', '.join(sorted(suffix[1:] for suffix in EXTENSIONS))}."
        if {".mid", ".midi"} & {suffix.lower() for suffix in self.others}:
            return f"`mynah learn --task compose` and `mynah compose` learn MIDI files. {readable}"
        return f"{CONVERT} {readable}" if unread & NEEDS_CONVERSION else readable


def walk(root: Path) -> Tree:
    """Find everything below `root`; links are followed after real folders, and no folder is entered twice."""
    tree = Tree()
    place = os.path.abspath(root)
    visited = {_identity(place)}
    folders, links = [(place, "")], list[tuple[str, str]]()
    while folders or links:
        if not folders:
            links.sort(reverse=True)
            folders.append(links.pop())
            if _identity(folders[0][0]) in visited:
                tree.ignored[LINKS] += 1
                folders.clear()
                continue
            visited.add(_identity(folders[0][0]))
        path, prefix = folders.pop()
        for entry in _entries(path, prefix, tree):
            file = f"{prefix}/{spelt(entry.name)}" if prefix else spelt(entry.name)
            if not _is_folder(entry):
                _sort(tree, entry, file)
            elif entry.name == "__MACOSX" or entry.name.startswith("."):
                tree.ignored[HIDDEN_FOLDERS] += 1
            elif _is_run(entry.path):
                tree.ignored[RUNS] += 1
            elif entry.is_symlink() and _holds(entry.path, place):
                tree.ignored[LINKS] += 1
            else:
                tree.labels += [] if prefix else [file]
                if entry.is_symlink():
                    links.append((entry.path, file))
                else:
                    visited.add(_identity(entry.path))
                    folders.append((entry.path, file))
    tree.audio = dict(sorted(tree.audio.items()))
    return tree


def _entries(path: str, prefix: str, tree: Tree) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return list(entries)
    except OSError as denied:
        detail = f"the folder cannot be opened ({denied.strerror})"
        tree.problems.append(Problem(prefix or ".", "unreadable", "set aside", detail, "Check its permissions."))
        return []


def spelt(name: str) -> str:
    """Return a name as valid Unicode: bytes that are not UTF-8 become backslash escapes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("utf-8", "backslashreplace")
    return name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _is_run(path: str) -> bool:
    """Tell whether a folder was written by `learn`: it holds previews of sounds, which are not new sounds."""
    return os.path.isdir(os.path.join(path, "trials")) and any(
        os.path.exists(os.path.join(path, name)) for name in ("log.jsonl", "results.json")
    )


def _holds(link: str, place: str) -> bool:
    """Tell whether a link leads to a folder that holds `place`."""
    target, here = os.path.realpath(link), os.path.realpath(place)
    return here == target or here.startswith(target.rstrip(os.sep) + os.sep)


def _identity(path: str) -> tuple[int, int]:
    try:
        facts = os.stat(path)
    except OSError:  # opening it will fail too, and be told
        return -1, hash(path)
    return facts.st_dev, facts.st_ino


def _sort(tree: Tree, entry: os.DirEntry[str], file: str) -> None:
    suffix = os.path.splitext(entry.name)[1].lower()
    if entry.name.startswith("."):
        tree.ignored[HIDDEN_FILES] += 1
    elif suffix in EXTENSIONS:
        if _is_file(entry):
            tree.audio[file] = entry.path
        else:
            detail = "a link to nowhere" if entry.is_symlink() else "not a regular file"
            tree.problems.append(Problem(file, "unreadable", "set aside", detail, "Remove it, or put the file there."))
    elif suffix in NEEDS_CONVERSION:
        tree.problems.append(Problem(file, "unreadable", "set aside", f"{suffix} is not read", CONVERT))
    else:
        tree.others[spelt(suffix) or "without suffix"] += 1


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False
