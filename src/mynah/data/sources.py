"""What `scan` looks at: the names, the labels file and the inspections of some sounds, wherever they lie."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from mynah.data import labels as tables
from mynah.data.fetched import cache_folder
from mynah.data.inspection import Inspection, inspect_all
from mynah.data.walk import Tree, walk
from mynah.ground.errors import BadInput
from mynah.ground.progress import Progress, silent


class Source(ABC):
    """Sounds under their names.

    Attributes:
        place: folder or URL, as given.
        name: of the folder of sounds.
        tree: the sounds there, and what else lies there.
    """

    place: str | os.PathLike[str]
    name: str
    tree: Tree

    @abstractmethod
    def path(self, file: str) -> os.PathLike[str]:
        """Return where the bytes of a sound are."""

    @abstractmethod
    def inspect(
        self, files: Sequence[str], *, workers: int | None = None, progress: Progress = silent
    ) -> list[Inspection]:
        """Return what each of these sounds holds."""

    @abstractmethod
    def table(self, given: str | os.PathLike[str] | None) -> tables.Table | None:
        """Return the labels file `given`, or for None the one that lies there, or None where there is none."""


class Folder(Source):
    """A folder of sounds; `cache` is the file that remembers its inspections, None the one in the user's cache."""

    def __init__(self, root: Path, cache: Path | None = None) -> None:
        if not root.exists():
            raise BadInput("no such folder", where=root)
        if not root.is_dir():
            raise BadInput("is a file, not a folder", where=root, remedy="Give the folder that holds the sounds.")
        self.place, self.name, self.cache = root, root.resolve().name, cache or _cache_file(root)
        self.tree = walk(root)
        self._found: dict[str, Inspection] = {}

    def path(self, file: str) -> Path:
        return Path(self.tree.audio[file])

    def table(self, given: str | os.PathLike[str] | None) -> tables.Table | None:
        root = Path(self.place)
        path = Path(given) if given is not None else tables.find(root)
        if path is None:
            return None
        return tables.load(path, inside=path.resolve().is_relative_to(root.resolve()))

    def inspect(
        self, files: Sequence[str], *, workers: int | None = None, progress: Progress = silent
    ) -> list[Inspection]:
        if not self._found.keys() >= set(files):
            paths = [self.tree.audio[file] for file in files]
            inspections = inspect_all(paths, cache=self.cache, workers=workers, progress=progress)
            self._found.update(zip(files, inspections, strict=True))
        return [self._found[file] for file in files]


def _cache_file(root: Path) -> Path:
    """Return where the inspections of a folder are kept: one file a folder, so that none grows without end."""
    name = hashlib.blake2b(os.fsencode(os.path.realpath(root)), digest_size=12).hexdigest()
    return cache_folder() / "inspections" / f"{name}.json"
