"""The index of a packed corpus: everything about its sounds but the sounds; written last, read first.

JSON, with one line a file, so that other tools can read it too (docs/packed.md).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from mynah.audio import EXTENSIONS
from mynah.data.corpus import Problem
from mynah.data.inspection import Inspection, is_whole
from mynah.data.labels import Table
from mynah.ground.errors import IncompatibleFile

#: Name of the index, beside the shards.
INDEX = "mynah-index.json"
#: Its kind and version; another one is refused.
FORMAT = "mynah.packed/1"
#: Names of shards.
SHARD = re.compile(r"shard-\d{5,}\.tar")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MEASURES = [field.name for field in fields(Inspection)]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a packed corpus.

    Attributes:
        found: what inspection showed.
        shard: where its bytes lie; "" where they are not packed, since they cannot be decoded.
        offset, length: of them inside the shard, in bytes.
        sha256: of them.
    """

    found: Inspection
    shard: str = ""
    offset: int = 0
    length: int = 0
    sha256: str = ""


@dataclass(frozen=True)
class Shard:
    """Length in bytes and hash of a whole shard."""

    length: int
    sha256: str


@dataclass(frozen=True)
class Index:
    """What a packed corpus holds.

    Attributes:
        name: of the folder that was packed.
        shards, files: by name; the names of files are those inside the folder, in the order of `scan`.
        problems, ignored, others: what was found beside the sounds (see `Tree`).
        table: the labels file with all its columns, or None.
    """

    name: str
    shards: Mapping[str, Shard]
    files: Mapping[str, Entry]
    problems: tuple[Problem, ...]
    ignored: Mapping[str, int]
    others: Mapping[str, int]
    table: Table | None

    def dump(self) -> bytes:
        """Return the index as it is kept."""
        table = self.table
        head = {
            "format": FORMAT,
            "name": self.name,
            "shards": [{"name": name, **asdict(shard)} for name, shard in self.shards.items()],
            "problems": [asdict(problem) for problem in self.problems],
            "ignored": dict(self.ignored),
            "others": dict(self.others),
            "labels": table
            and {"name": table.path.name, "inside": table.inside, "columns": table.columns, "lines": table.lines},
        }
        lines = (json.dumps(_line(file, entry), allow_nan=False) for file, entry in self.files.items())
        return (json.dumps(head)[:-1] + ', "files": [\n' + ",\n".join(lines) + "\n]}\n").encode("ascii")


def _line(file: str, entry: Entry) -> dict[str, Any]:
    place = {name: getattr(entry, name) for name in ("shard", "offset", "length", "sha256")}
    return {"file": file, **place, **asdict(entry.found)}


def parse(content: bytes, where: str) -> Index:
    """Read an index; nothing in it is trusted.

    Args:
        where: its place, for messages.

    Raises:
        IncompatibleFile: of another version, damaged, or with invalid names and places.
    """
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise IncompatibleFile(
                "an index of another version",
                where=where,
                measured=f"{str(document['format'])[:40]}, this Mynah reads {FORMAT}",
                remedy="Update Mynah, or pack the folder again.",
            )
        return _index(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        said = f"{type(error).__name__}: {error}"[:100]
        raise IncompatibleFile(
            "not an index of packed sounds, or a damaged one",
            where=where,
            measured=said,
            remedy="Pack the folder again.",
        ) from error


def _index(document: dict[str, Any]) -> Index:
    shards = {line["name"]: Shard(line["length"], line["sha256"]) for line in document["shards"]}
    for name, shard in shards.items():
        _meant(SHARD.fullmatch(name) and _count(shard.length) and _DIGEST.fullmatch(shard.sha256), name)
    problems = tuple(Problem(**line) for line in document["problems"])
    for problem in problems:
        _meant(all(isinstance(value, str) for value in asdict(problem).values()), "problems")
    return Index(
        name=_text(document["name"]),
        shards=shards,
        files={_text(line["file"]): _entry(line, shards) for line in document["files"]},
        problems=problems,
        ignored=_counts(document["ignored"]),
        others=_counts(document["others"]),
        table=None if document["labels"] is None else _table(document["labels"]),
    )


def _entry(line: dict[str, Any], shards: Mapping[str, Shard]) -> Entry:
    line = {"mixed": line["peak"]} | line  # which earlier versions did not measure
    file, values = line["file"], [line[name] for name in _MEASURES]
    entry = Entry(Inspection(*values), *(line[name] for name in ("shard", "offset", "length", "sha256")))
    _meant(is_whole(values) and (entry.found.error or entry.found.rate > 0), file)
    if entry.shard or not entry.found.error:
        _meant(_count(entry.offset) and _count(entry.length) and _DIGEST.fullmatch(entry.sha256), file)
        _meant(entry.offset + entry.length <= shards[entry.shard].length, file)
        _meant(os.path.splitext(file)[1].lower() in EXTENSIONS, file)
    return entry


def _table(document: dict[str, Any]) -> Table:
    columns, lines = document["columns"], document["lines"]
    _meant(all(isinstance(cell, str) for line in [columns, *lines] for cell in line), "labels")
    return Table(Path(_text(document["name"])), columns, lines, bool(document["inside"]))


def _counts(document: dict[str, Any]) -> dict[str, int]:
    _meant(all(map(_count, document.values())), "ignored")
    return document


def _count(value: object) -> bool:
    return isinstance(value, int) and value >= 0


def _text(value: object) -> str:
    _meant(isinstance(value, str), repr(value)[:40])
    return str(value)


def _meant(fact: object, where: str) -> None:
    if not fact:
        raise ValueError(f"{where} is invalid")
