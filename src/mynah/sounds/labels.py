"""The labels file: which file is what, from a CSV beside the audio."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mynah.errors import BadInput

#: Names that are looked for beside the audio.
NAMES = ("meta.csv", "metadata.csv", "labels.csv")
SHOWN = 5


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


def find(folder: Path) -> Path | None:
    """Return the labels file of a folder, or None."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def read(path: Path, *, target: str, group: str | None) -> list[Row]:
    """Read a labels file.

    Args:
        target: column of the label.
        group: column that a split must not cut; None takes a column `group` if there is one.

    Raises:
        BadInput: no such file, missing columns, a time that is no number, a file name that leaves the folder.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lines = list(reader)
            columns = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput("the labels file cannot be read", where=path, measured=error) from error
    missing = [name for name in ("file", target, *([group] if group else [])) if name not in columns]
    if missing:
        raise BadInput(
            f"no column {', '.join(missing)}",
            where=path,
            measured=f"its columns: {', '.join(columns) or 'none'}",
            remedy="Name the columns file and label, or choose with --target and --group.",
        )
    return [_row(line, number, path, target, group or "group") for number, line in enumerate(lines, 2)]


def _row(line: dict[str, str], number: int, path: Path, target: str, group: str) -> Row:
    file = (line["file"] or "").strip().replace("\\", "/")
    if not file or file.startswith("/") or ".." in file.split("/"):
        raise BadInput("not a file inside the folder", where=f"{path}, line {number}", measured=repr(line["file"]))
    return Row(
        file=file,
        label=(line.get(target) or "").strip() or None,
        group=(line.get(group) or "").strip() or None,
        split=(line.get("split") or "").strip() or None,
        fold=(line.get("fold") or "").strip() or None,
        start=_seconds(line, "start", path, number) or 0.0,
        end=_seconds(line, "end", path, number),
    )


def _seconds(line: dict[str, str], column: str, path: Path, number: int) -> float | None:
    text = (line.get(column) or "").strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput(f"{column} is not a number", where=f"{path}, line {number}", measured=repr(text)) from error
    if not value >= 0:
        raise BadInput(f"{column} must be 0 s or more", where=f"{path}, line {number}", measured=text)
    return value


def check_files(rows: Sequence[Row], there: set[str], path: Path) -> None:
    """Raise `BadInput` with the first names and the count when rows name files that are not there."""
    missing = [name for name in dict.fromkeys(row.file for row in rows) if name not in there]
    if missing:
        raise BadInput(
            "names files that are not there",
            where=path,
            measured=f"{len(missing)}: {', '.join(missing[:SHOWN])}{', ...' if len(missing) > SHOWN else ''}",
            remedy="Names are relative to the labels file.",
        )
