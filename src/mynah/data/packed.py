"""Sounds in a packed corpus: known by its index, fetched by range of bytes when they are read."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mynah.data import index as indices
from mynah.data import labels as tables
from mynah.data.fetched import local_copy
from mynah.data.inspection import Inspection
from mynah.data.sources import Folder, Source
from mynah.data.walk import Tree
from mynah.ground.errors import BadInput, IncompatibleFile
from mynah.ground.progress import Progress, silent
from mynah.stores import Missing, Store, open_store

_AGAIN = "Pack the folder again."


@lru_cache(maxsize=8)
def store_at(place: str) -> Store:
    """Return the store at a folder or URL, once a process: a connection is dear."""
    return open_store(place)


def absolute(place: str | os.PathLike[str]) -> str:
    """Return a URL as it is, and a folder by its whole name, which worker processes understand too."""
    return os.fspath(place) if "://" in os.fspath(place) else os.path.abspath(place)


@dataclass(frozen=True, slots=True)
class Remote(os.PathLike[str]):
    """A file inside a shard: its path, when asked for, is that of a local copy, made and verified the first time.

    Attributes:
        place: folder or URL of the packed corpus.
        shard: its name there.
        offset, length: of the bytes inside the shard.
        sha256: of the bytes.
        suffix: of the file's name, in lower case, with its dot.
    """

    place: str
    shard: str
    offset: int
    length: int
    sha256: str
    suffix: str

    def __fspath__(self) -> str:
        """Return the path of the local copy.

        Raises:
            IncompatibleFile: the shard is not there, or not what was packed.
            Stopped: the store cannot be reached, or the cache cannot be written.
        """
        return local_copy(self.sha256, self.suffix, self.length, self._fetch)

    def _fetch(self) -> bytes:
        where = f"{self.place.rstrip('/')}/{self.shard}"
        try:
            content = store_at(self.place).get_range(self.shard, self.offset, self.length)
        except Missing as error:
            raise IncompatibleFile("a shard is missing", where=where, remedy=_AGAIN) from error
        if len(content) != self.length or hashlib.sha256(content).hexdigest() != self.sha256:
            measured = f"{len(content)} of {self.length} bytes from byte {self.offset}, whose sha256 is another one"
            raise IncompatibleFile("a shard is not what was packed", where=where, measured=measured, remedy=_AGAIN)
        return content


class Packed(Source):
    """A packed corpus: index and shards in a folder or a bucket; only the index is read here."""

    def __init__(self, place: str | os.PathLike[str]) -> None:
        self.place = absolute(place)
        self.index = _read_index(store_at(self.place))
        self.name = self.index.name
        self.tree = Tree(
            {file: entry.shard for file, entry in self.index.files.items()},
            Counter(self.index.ignored),
            Counter(self.index.others),
            list(self.index.problems),
        )

    def path(self, file: str) -> Remote:
        entry = self.index.files[file]
        suffix = os.path.splitext(file)[1].lower()
        return Remote(str(self.place), entry.shard, entry.offset, entry.length, entry.sha256, suffix)

    def inspect(
        self, files: Sequence[str], *, workers: int | None = None, progress: Progress = silent
    ) -> list[Inspection]:
        return [self.index.files[file].found for file in files]

    def table(self, given: str | os.PathLike[str] | None) -> tables.Table | None:
        return self.index.table if given is None else tables.load(Path(given))


def _read_index(store: Store) -> indices.Index:
    """Read the index, and see that all shards are there with the lengths it says."""
    where = f"{store.url.rstrip('/')}/{indices.INDEX}"
    sizes = store.sizes()
    if indices.INDEX not in sizes:
        raise _without_index(store.url, any(map(indices.SHARD.fullmatch, sizes)))
    index = indices.parse(store.get(indices.INDEX), where)
    wrong = [name for name, shard in index.shards.items() if sizes.get(name) != shard.length]
    if wrong:
        there, wanted = sizes.get(wrong[0]), index.shards[wrong[0]].length
        raise IncompatibleFile(
            "a shard is missing" if there is None else "a shard is not what was packed",
            where=f"{store.url.rstrip('/')}/{wrong[0]}",
            measured=f"{there or 0} of {wanted} bytes; {len(wrong)} of {len(index.shards)} shards are wrong",
            remedy=_AGAIN,
        )
    return index


def _without_index(place: str, begun: bool) -> BadInput:
    if begun:
        return BadInput(
            "packing was not finished, so there is no index",
            where=place,
            remedy="Give the same `mynah pack` again: it goes on where it was.",
        )
    remedy = f"Make one with `mynah pack FOLDER {place}`."
    return BadInput("no packed sounds there", where=place, measured=f"no {indices.INDEX}", remedy=remedy)


def open_source(place: str | os.PathLike[str], cache: Path | None = None) -> Source:
    """Return what lies at a folder or URL: a packed corpus where there is an index, else a folder of sounds.

    Args:
        cache: file that remembers the inspections of a folder; None is in the user's cache folder.

    Raises:
        BadInput: nothing is there, or packing was not finished.
        IncompatibleFile: an index of another version, or shards that are missing or cut off.
        Stopped: a bucket that cannot be reached.
        UsageError, MissingExtra: a URL of another kind, or one that needs obstore.
    """
    if "://" in os.fspath(place) or os.path.lexists(os.path.join(place, indices.INDEX)):
        return Packed(place)
    folder = Folder(Path(place), cache)
    if not folder.tree.audio and any(indices.SHARD.fullmatch(name) for name in os.listdir(place)):
        raise _without_index(os.fspath(place), begun=True)
    return folder
