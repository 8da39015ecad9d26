"""From a folder to a packed corpus: tar shards first, each verified, and the index last."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mynah.data.clip import Clip, Sounds
from mynah.data.index import INDEX, SHARD, Entry, Index, Shard
from mynah.data.inspection import Inspection
from mynah.data.packed import absolute, open_source, store_at
from mynah.data.scan import located, survey
from mynah.data.sources import Folder
from mynah.ground.errors import BadInput, Stopped, UsageError
from mynah.ground.progress import Progress, silent
from mynah.stores import Store

#: Bytes that are read back at a time.
BLOCK = 8 * 2**20


@dataclass(frozen=True)
class Packing:
    """What was packed: where to, files and their bytes, shards, and files left out since they cannot be decoded."""

    place: str
    files: int
    bytes: int
    shards: int
    left_out: int


def pack(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    labels: str | os.PathLike[str] | None = None,
    target: str = "label",
    group: str | None = None,
    repair: bool = False,
    shard_mb: int = 256,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> Packing:
    """Write a folder of sounds as tar shards and an index, which `scan` and `learn` read as they read the folder.

    The shards hold the bytes of each file as they are, and beside each a JSON with what is known of it. A call that
    was killed leaves no index; the same call again keeps the shards that are whole. The labels file is kept with all
    its columns, so target and group can be chosen anew when it is learned; here they only decide what the JSONs say.

    Args:
        folder: of sounds, as for `scan`, which also explains labels, target, group, repair, cache and workers.
        out: new or empty folder, or URL of a bucket with a prefix.
        shard_mb: size of a shard in megabytes (1e6 bytes), which also bounds the memory; a larger file has its own.
        progress: called with the files inspected and packed.

    Raises:
        BadInput: what `scan` refuses, or a file that changes meanwhile.
        UsageError: `out` holds something else, or `folder` is packed already.
        Stopped: `out` cannot be written; the same call again goes on.
    """
    if shard_mb < 1:
        raise UsageError("must be 1 or more", where="--shard-mb", measured=shard_mb)
    store = store_at(absolute(out))
    source = open_source(folder, cache)
    if not isinstance(source, Folder):
        raise UsageError("is packed already", where=folder, remedy="Copy it as it is, with any tool.")
    _check_destination(store, out)
    files = list(source.tree.audio)
    stamps = {file: _stamp(source.path(file)) for file in files}
    found = dict(zip(files, source.inspect(files, workers=workers, progress=progress), strict=True))
    ignored, others = dict(source.tree.ignored), dict(source.tree.others)
    sounds, refusal = survey(source, labels=labels, target=target, group=group, repair=repair)
    if refusal is not None:
        raise refusal
    table = source.table(labels)
    if table is not None:
        table = table.with_files([row.file for row in located(source, table, target, group)])
    notes = _notes(sounds, found, table.by_file() if table else {})
    packer = _Packer(source, stamps, notes)
    entries = {file: Entry(found[file]) for file in files}
    whole = [file for file in files if not found[file].error]
    shards = _write_shards(store, packer, list(_parts(whole, stamps, shard_mb * 10**6)), entries, progress)
    index = Index(source.name, shards, entries, tuple(source.tree.problems), ignored, others, table)
    _keep(store, INDEX, index.dump())
    size = sum(entry.length for entry in entries.values())
    return Packing(os.fspath(out), len(whole), size, len(shards), len(files) - len(whole))


def _write_shards(
    store: Store, packer: _Packer, parts: Sequence[list[str]], entries: dict[str, Entry], progress: Progress
) -> dict[str, Shard]:
    """Write the parts, a shard each, say in `entries` where each file lies, and remove all other shards."""
    shards: dict[str, Shard] = {}
    done, count = 0, sum(map(len, parts))
    progress("pack", 0, count, "")
    for part in parts:
        name = f"shard-{len(shards):05d}.tar"
        content, places = packer.shard(part, done + 1)
        shards[name] = Shard(len(content), hashlib.sha256(content).hexdigest())
        _keep(store, name, content)
        for file, (offset, length, digest) in places.items():
            entries[file] = replace(entries[file], shard=name, offset=offset, length=length, sha256=digest)
        done += len(part)
        progress("pack", done, count, name)
    for name in store.sizes().keys() - shards.keys():  # of a killed call on what was another folder then
        store.delete(name)
    return shards


def _check_destination(store: Store, out: str | os.PathLike[str]) -> None:
    """Refuse to write where anything lies but shards that a killed call has left."""
    if "://" not in os.fspath(out) and os.path.isfile(out):
        raise UsageError("is a file", where=out, remedy="Choose a new folder.")
    there = store.sizes()
    if INDEX in there:
        raise UsageError("holds packed sounds already", where=out, remedy="Choose another place, or remove them.")
    foreign = [name for name in there if not SHARD.fullmatch(name)]
    if foreign:
        remedy = "Choose a new folder, or another prefix in the bucket."
        raise UsageError("holds other files", where=out, measured=f"{len(foreign)}: {foreign[0]} ...", remedy=remedy)


def _stamp(path: Path) -> tuple[int, int]:
    """Return size in bytes and time of change in ns; zeros of a file that is gone, which inspection will say."""
    try:
        facts = path.stat()
    except OSError:
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


def _parts(files: Sequence[str], stamps: Mapping[str, tuple[int, int]], most: int) -> Iterator[list[str]]:
    """Cut the files into runs of at most so many bytes, or of one file."""
    part: list[str] = []
    size = 0
    for file in files:
        length = stamps[file][0]
        if part and size + length > most:
            yield part
            part, size = [], 0
        part.append(file)
        size += length
    if part:
        yield part


def _notes(
    sounds: Sounds, found: Mapping[str, Inspection], lines: Mapping[str, list[dict[str, str]]]
) -> dict[str, dict[str, Any]]:
    """Return for each file what its JSON says; a label, group, fold or split only where all its clips share it."""
    clips: dict[str, list[Clip]] = defaultdict(list)
    for clip in sounds:
        clips[clip.file].append(clip)
    problems: dict[str, list[str]] = defaultdict(list)
    for problem in sounds.problems:
        problems[problem.file].append(problem.kind)
    return {
        file: {
            "file": file,
            "label": _shared([clip.label for clip in clips[file]]),
            "group": _shared([clip.group for clip in clips[file]]),
            "fold": _shared([line.get("fold") for line in lines.get(file, ())]) or None,
            "split": _shared([line.get("split") for line in lines.get(file, ())]) or None,
            "rate": one.rate,
            "channels": one.channels,
            "frames": one.frames,
            "clips": [{"start": c.start, "end": c.end, "label": c.label, "group": c.group} for c in clips[file]],
            "problems": problems[file],
            "lines": lines.get(file, []),
        }
        for file, one in found.items()
    }


def _shared(values: Sequence[str | None]) -> str | None:
    return values[0] if len(set(values)) == 1 else None


class _Packer:
    """Makes shards: the same bytes for the same files, whenever and by whomever they are packed."""

    def __init__(
        self, source: Folder, stamps: Mapping[str, tuple[int, int]], notes: Mapping[str, dict[str, Any]]
    ) -> None:
        self.source, self.stamps, self.notes = source, stamps, notes

    def shard(self, files: Sequence[str], first: int) -> tuple[bytes, dict[str, tuple[int, int, str]]]:
        """Return a tar of these files, numbered from `first`, and (offset, length, sha256) of each."""
        buffer = io.BytesIO()
        places = {}
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for number, file in enumerate(files, first):
                content = self._read(file)
                offset = _add(tar, f"{number:08d}{os.path.splitext(file)[1].lower()}", content)
                places[file] = offset, len(content), hashlib.sha256(content).hexdigest()
                _add(tar, f"{number:08d}.json", json.dumps(self.notes[file]).encode())
        return buffer.getvalue(), places

    def _read(self, file: str) -> bytes:
        path = self.source.path(file)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadInput("can no longer be read", where=path, measured=error.strerror) from error
        if (len(content), _stamp(path)) != (self.stamps[file][0], self.stamps[file]):
            raise BadInput("has changed while it was packed", where=path, remedy="Give the same command again.")
        return content


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> int:
    """Append a member without anything of this machine, and return where its bytes begin."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
    return tar.offset - -(-len(content) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _keep(store: Store, name: str, content: bytes) -> None:
    """Write a content and read it back, or find that it is there already.

    Raises:
        Stopped: it cannot be written, or is not what was written.
    """
    if _is_there(store, name, content):
        return
    store.put(name, content)
    if not _is_there(store, name, content):
        where = f"{store.url.rstrip('/')}/{name}"
        raise Stopped("the store did not keep what was written", where=where, remedy="Give the same command again.")


def _is_there(store: Store, name: str, content: bytes) -> bool:
    if store.sizes().get(name) != len(content):
        return False
    for start in range(0, len(content), BLOCK):
        block = content[start : start + BLOCK]
        if store.get_range(name, start, len(block)) != block:
            return False
    return True
