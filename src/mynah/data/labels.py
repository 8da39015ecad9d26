"""The labels file: which file is what, from a CSV beside the audio."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mynah.ground.errors import BadInput

#: Names that are looked for beside the audio.
NAMES = ("meta.csv", "metadata.csv", "labels.csv")
#: How many of many names an error shows, and how many characters of one.
SHOWN, SHOWN_CHARACTERS = 5, 80
#: Columns that mean something.
_COLUMNS = ("file", "split", "fold", "start", "end")
#: What a column `split` may say; the validation part joins training.
TRAIN = frozenset({"train", "training", "valid", "validation", "val", "dev"})
TEST = frozenset({"test", "testing", "eval", "evaluation"})
#: Columns as other programs and collections call them: ESC-50, UrbanSound8K, and the selection tables of Raven.
_CALLED = {
    "file": ("filename", "file_name", "slice_file_name", "begin file"),
    "group": ("fsid", "src_file"),
    "start": ("file offset (s)", "begin time (s)"),
    "end": ("end time (s)",),
}
#: Where a file is a slice that somebody cut, its start and end are places in what it was cut from.
_SLICE = "slice_file_name"
_RELATIVE = "Names are relative to the folder of sounds or to the labels file."
_RENAME = "Fill it in, or rename the column to have folds made."


@dataclass(frozen=True)
class Row:
    """One line: a file, or the part of it from `start` to `end` seconds, and what is known of it."""

    file: str
    label: str | None
    group: str | None = None
    split: str | None = None
    fold: str | None = None
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True)
class Table:
    """The cells of a labels file: names of the columns, and the lines below them.

    Attributes:
        path: where it lies; of one in a packed corpus, its name.
        inside: it lies below the folder of sounds, and was counted there.
    """

    path: Path
    columns: list[str]
    lines: list[list[str]]
    inside: bool = False

    def with_files(self, files: Sequence[str]) -> Table:
        """Return the lines that say anything, with these files in their column ``file``."""
        column = _meant(self.columns, ("file",)).index("file")
        lines = [list(line) for line in self.lines if _says(line)]
        for line, file in zip(lines, files, strict=True):
            line[column] = file
        return replace(self, lines=lines)

    def by_file(self) -> dict[str, list[dict[str, str]]]:
        """Return the lines that say anything, by their column ``file``; each maps columns to cells."""
        found: dict[str, list[dict[str, str]]] = defaultdict(list)
        columns = _meant(self.columns, _COLUMNS)
        for line in filter(_says, self.lines):
            cells = dict(zip(columns, line, strict=False))
            found[cells["file"]].append(cells)
        return found


def find(folder: Path) -> Path | None:
    """Return the labels file of a folder, or None."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def load(path: Path, *, inside: bool = False) -> Table:
    """Read the cells of a labels file.

    The columns of ESC-50, UrbanSound8K and Raven are called as ours are; a first line ``sep=;`` is what Excel wants.

    Raises:
        BadInput: no such file, or one that is no CSV.
    """
    read_to = 0
    try:
        text = _decoded(path.read_bytes())
        header, _, rest = text.partition("\n")
        named = re.fullmatch(r'"?sep=(.)"?\r?', header, re.IGNORECASE)
        delimiter = named[1] if named else max(",;\t", key=header.count)
        file = io.StringIO(rest if named else text, newline="")
        reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
        columns = [name.strip() for name in next(reader, [])]
        lines = []
        for line in reader:
            if line:
                lines.append(line)
            read_to = reader.line_num
    except FileNotFoundError as error:
        raise BadInput("no such labels file", where=path) from error
    except csv.Error as error:
        remedy = "Look for a stray quote, and save it as CSV in UTF-8."
        where = f"{path}, line {read_to + 1}"
        raise BadInput("the labels file cannot be read", where=where, measured=error, remedy=remedy) from error
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Save it as CSV in UTF-8."
        raise BadInput("the labels file cannot be read", where=path, measured=error, remedy=remedy) from error
    return Table(path, *_in_our_words(columns, lines), inside)


def _decoded(content: bytes) -> str:
    """Return text in UTF-8, in UTF-16 with its mark, or else as Windows writes it in the West."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252")


def _in_our_words(columns: list[str], lines: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    """Return columns of other programs by the names that mean something here, and the lines."""
    plain = [name.casefold() for name in columns]
    if "file" in plain:
        return columns, lines
    if {"file offset (s)", "begin time (s)", "end time (s)"} <= {*plain}:  # times run on; the offset is inside a file
        begin, end, offset = map(plain.index, ("begin time (s)", "end time (s)", "file offset (s)"))
        lines = [_ending(line, begin, end, offset) for line in lines]
    ours = list(columns)
    if _SLICE in plain:
        ours = [f"{name} in the recording" if name.casefold() in ("start", "end") else name for name in ours]
    for name, others in _CALLED.items():
        found = next((plain.index(other) for other in others if other in plain), None)
        if found is not None and name not in plain:
            ours[found] = name
    return ours, lines


def _ending(line: list[str], begin: int, end: int, offset: int) -> list[str]:
    """Return a line of a selection table whose end is, as its offset, a time inside the file."""
    try:
        seconds = float(line[offset]) + float(line[end]) - float(line[begin])
    except (ValueError, IndexError):  # said where times are read
        return line
    return [*line[:end], f"{seconds:.6f}", *line[end + 1 :]]


def parse(table: Table, *, target: str, group: str | None) -> list[Row]:
    """Return the lines of a labels file that say anything.

    Args:
        target: column of the label.
        group: column that a split must not cut; None takes a column `group` if there is one.

    Raises:
        BadInput: missing columns, a time that is no number, no file name.
    """
    columns = _meant(table.columns, (*_COLUMNS, target, group or "group"))
    missing = [name for name in ("file", target, *([group] if group else [])) if name not in columns]
    if missing:
        raise BadInput(
            f"no column {', '.join(missing)}",
            where=table.path,
            measured=f"its columns: {_shown(filter(None, columns), most=20) or 'none'}",
            remedy="Name the columns file and label, or choose with --target and --group.",
        )
    numbered = [(n, dict(zip(columns, line, strict=False))) for n, line in enumerate(table.lines, 2) if _says(line)]
    return [_row(line, n, table.path, target, group or "group") for n, line in numbered]


def _says(line: Iterable[str]) -> bool:
    return any(map(_text, line))


def _meant(columns: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return the columns, where one that is wanted and not there may be spelt in other capitals."""
    found = list(columns)
    for name in dict.fromkeys(wanted):
        alike = [i for i, column in enumerate(found) if column.casefold() == name.casefold()]
        if name not in found and len(alike) == 1:
            found[alike[0]] = name
    return found


def _shown(names: Iterable[str], most: int = SHOWN) -> str:
    """Return the first few names, each in one line and cut where it goes on and on."""
    once = [" ".join(name.split()) for name in dict.fromkeys(names)]
    short = [f"{name[: SHOWN_CHARACTERS - 1]}…" if len(name) > SHOWN_CHARACTERS else name for name in once]
    return f"{', '.join(short[:most])}{', ...' if len(short) > most else ''}"


def _text(cell: object) -> str:
    return cell.strip() if isinstance(cell, str) else ""


def _row(line: dict[str, str], number: int, path: Path, target: str, group: str) -> Row:
    if not _text(line["file"]):
        raise BadInput("no file name", where=f"{path}, line {number}", remedy="Fill in the column file.")
    return Row(
        file=_text(line["file"]),
        label=_text(line.get(target)) or None,
        group=_text(line.get(group)) or None,
        split=_text(line.get("split")) or None,
        fold=_text(line.get("fold")) or None,
        start=_seconds(line, "start", path, number) or 0.0,
        end=_seconds(line, "end", path, number),
    )


def _seconds(line: dict[str, str], column: str, path: Path, number: int) -> float | None:
    text = _text(line.get(column))
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput(
            f"{column} is not a number", where=f"{path}, line {number}", measured=repr(_shown([text]))
        ) from error
    if not 0 <= value < float("inf"):
        raise BadInput(f"{column} must be 0 s or more", where=f"{path}, line {number}", measured=text)
    return value


def locate(rows: Sequence[Row], there: Iterable[str], root: Path, path: Path) -> list[Row]:
    """Return the rows with their files named as they lie inside `root`.

    A name may be relative to the folder or to the labels file, absolute, or only the end of the path if no other file
    ends so, with or without its suffix; of an absolute path of Windows the end counts. Composed and decomposed accents
    (macOS) are the same.

    Raises:
        BadInput: names of files that are not there, with the first few and the count.
    """
    names = {_plain(name): name for name in there}
    ends: dict[str, list[str]] = defaultdict(list)
    bare: dict[str, list[str]] = defaultdict(list)
    for name in names:
        ends[name.rsplit("/", 1)[-1]].append(name)
        bare[os.path.splitext(name)[0].rsplit("/", 1)[-1]].append(name)
    located: list[Row] = []
    missing: list[str] = []
    outside: list[str] = []
    for row in rows:
        plain = _plain(row.file.replace("\\", "/"))
        found = next((name for name in _candidates(plain, root, path) if name in names), None)
        if found is None:
            found = _by_its_end(plain, ends, bare)
        if found is not None:
            located.append(replace(row, file=names[found]))
        else:
            (outside if plain.startswith(("/", "../")) else missing).append(row.file)
    if outside:
        raise _names("names what is not a file inside the folder of sounds", outside, path)
    if missing:
        raise _names("names files that are not there", missing, path)
    return located


def _by_its_end(plain: str, ends: dict[str, list[str]], bare: dict[str, list[str]]) -> str | None:
    """Return the only file whose path ends so; of a path with a drive, as long an end as only one file has."""
    parts = plain.split("/")
    drive = len(parts[0]) == 2 and parts[0][1] == ":"
    for first in range(1, len(parts)) if drive else (0,):
        end = "/".join(parts[first:])
        alike = [name for name in ends[parts[-1]] if f"/{name}".endswith(f"/{end}")]
        alike = alike or [name for name in bare[parts[-1]] if f"/{os.path.splitext(name)[0]}".endswith(f"/{end}")]
        if alike:
            return alike[0] if len(alike) == 1 else None
    return None


def _candidates(plain: str, root: Path, path: Path) -> Iterable[str]:
    yield os.path.normpath(plain).replace(os.sep, "/")
    inside = os.path.relpath(os.path.join(path.absolute().parent, plain), root.absolute())
    yield _plain(inside.replace(os.sep, "/"))


def _plain(name: str) -> str:
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _names(what: str, names: Iterable[str], path: Path, remedy: str = _RELATIVE) -> BadInput:
    once = list(dict.fromkeys(names))
    return BadInput(what, where=path, measured=f"{len(once)}: {_shown(once)}", remedy=remedy)


def without_repeats(rows: Sequence[Row], path: Path) -> list[Row]:
    """Return the rows, each span of a file once.

    Raises:
        BadInput: a span that two lines label differently.
    """
    first: dict[tuple[str, float, float | None], Row] = {}
    torn = [r.file for r in rows if first.setdefault((r.file, r.start, r.end), r).label != r.label]
    if torn:
        remedy = "Keep one line for each file, or give the lines different start and end."
        raise _names("gives one sound two labels", torn, path, remedy)
    return list(first.values())


def official(rows: Sequence[Row], path: Path) -> str:
    """Return which column decides who trains and who judges: "fold", "split" or "" (neither is filled in).

    Raises:
        BadInput: a column that is begun but cannot be used.
    """
    folds = Counter(row.fold for row in rows)
    splits = Counter((row.split or "").lower() for row in rows)
    if None not in folds and len(folds) > 1:
        return "fold"
    if splits.keys() & TEST and splits.keys() & TRAIN and splits.keys() <= TRAIN | TEST:
        return "split"
    if len(folds) > 2 and None in folds:
        raise BadInput(
            "column fold is not filled in", where=path, measured=f"{folds[None]} of {len(rows)} lines", remedy=_RENAME
        )
    unknown = splits.keys() - TRAIN - TEST
    if unknown and len(unknown) < len(splits):
        shown = _shown(map(repr, sorted(unknown)))
        raise BadInput(
            "column split must say train or test", where=path, measured=f"it also says {shown}", remedy=_RENAME
        )
    return ""
