"""The page of `mynah compose`: every piece as a drawing and a player, beside one that was learned from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mynah.ground.errors import BadInput, IncompatibleFile
from mynah.report.embed import uri
from mynah.report.offline import asset, date_of, environment, hash_of, write
from mynah.report.svg import Scale, drawing, line, tag, text
from mynah.report.wording import plural

SCHEMA = "mynah.music/1"
#: Size of a drawing and its margins.
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 1000.0, 220.0, 44.0, 10.0, 24.0
#: Quarter notes drawn of a piece, and, of what was given, those drawn before the new where not all can be.
LONGEST, GIVEN = 128, 32
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def build(folder: Path) -> Path:
    """Write the page of a folder that `mynah compose` made, and return where it is.

    Raises:
        BadInput: there is no such folder.
        IncompatibleFile: its document is of another version, damaged, or of a call that was interrupted.
        Stopped: the disk is full or cannot be written.
    """
    document = _read(folder)
    compared = document.get("borrowed") or {}
    shown = [_piece(folder, piece, f"Piece {number}", compared) for number, piece in enumerate(document["composed"], 1)]
    example = document["example"]
    out = folder / "report.html"
    css = asset("page.css")
    html = (
        environment()
        .get_template("music.html")
        .render(
            document=document,
            created=date_of(document["created"]),
            css=Markup(css),
            css_hash=hash_of(css),
            pieces=shown,
            example=None if example is None else _piece(folder, example, example["name"], {}),
            sought=compared.get("learned", 0),
            held=document["held_out"],
            learned=plural(document["learned"], "piece"),
        )
    )
    write(out, html)
    return out


def _read(folder: Path) -> dict[str, Any]:
    try:
        document = json.loads((folder / "music.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput("not a folder that `mynah compose` made", where=folder, measured=error.strerror) from error
    except ValueError as error:
        raise IncompatibleFile("music.json is damaged", where=folder) from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise IncompatibleFile("music.json is of another version", where=folder, remedy="Run `mynah compose` again.")
    if "created" not in document:
        raise IncompatibleFile("its pieces are not complete", where=folder, remedy="Run the same command again.")
    return document


def _piece(folder: Path, piece: dict[str, Any], title: str, compared: dict[str, Any]) -> dict[str, Any]:
    sound = folder / "previews" / piece["sound"]
    return {
        "title": title,
        "files": [name for name in (piece.get("file", piece["name"]), piece.get("wav")) if name],
        "facts": _facts(piece) + _borrowed(piece.get("borrowed"), compared.get("held_out")),
        "roll": roll(piece),
        "sound": uri("audio/mpeg", sound.read_bytes()) if sound.is_file() else "",
        "primed": piece["primed"] > 0,
    }


def _facts(piece: dict[str, Any]) -> list[str]:
    facts = [f"{piece['seconds']:.1f} s", f"{len(piece['notes'])} notes"]
    if piece["drums"]:
        facts.append(f"{piece['drums']} strokes of drums, not drawn")
    if not any(note[0] >= piece["primed"] for note in piece["notes"]):
        facts.append("nothing but silence came")
    begun, ended = piece["played"]
    if begun > 0 or ended < piece["seconds"]:
        facts.append(f"played: {begun:.0f} s to {ended:.0f} s")
    first, last = _drawn(piece)
    end = max((note[1] for note in piece["notes"]), default=0.0)
    if first > 0 or last < end:
        facts.append(f"drawn: the quarter notes {first + 1:.0f} to {last:.0f} of {end:.0f}")
    return facts


def _borrowed(found: dict[str, Any] | None, of_held: dict[str, Any] | None) -> list[str]:
    """Return what is said of the longest passage that a learned piece has too, and what of it is usual."""
    if not found or not found["of"]:
        return []
    whose = Markup(" ({})").format(found["piece"]) if found["piece"] else ""
    said = "longest passage that a learned piece has too: {} of {} notes{}"
    facts: list[str] = [Markup(said).format(found["notes"], found["of"], whose)]
    if of_held:
        held = plural(of_held["pieces"], "piece")
        facts.append(f"in the median of {held} held out: {of_held['notes']:g} of {of_held['of']:g} notes")
    return facts


def _drawn(piece: dict[str, Any]) -> tuple[float, float]:
    """Return where the drawing begins and ends, in quarter notes: at a bar line, and so that what is new is seen."""
    end = max((note[1] for note in piece["notes"]), default=4.0)
    if end <= LONGEST or piece["primed"] <= GIVEN:
        return 0.0, min(end, LONGEST)
    first = max((bar for bar in piece["bars"] if bar <= piece["primed"] - GIVEN), default=0.0)
    return first, min(end, first + LONGEST)


def roll(piece: dict[str, Any]) -> Markup:
    """Return a piano roll: time to the right, pitch up, a line a bar, and a shade behind what was given."""
    first, end = _drawn(piece)
    notes = [note for note in piece["notes"] if note[1] > first and note[0] < end]
    low, high = min((n[2] for n in notes), default=60) - 1, max((n[2] for n in notes), default=72) + 2
    across, up = Scale(first, end, LEFT, WIDTH - 4), Scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = []
    if piece["primed"] > first:
        until = across(min(end, piece["primed"]))
        box = {"x": LEFT, "y": TOP, "width": until - LEFT, "height": HEIGHT - TOP - BOTTOM, "class": "given"}
        parts += [tag("rect", box), line(until, TOP, until, HEIGHT - BOTTOM, "until")]
    starts = [(number, bar) for number, bar in enumerate(piece["bars"]) if first <= bar < end]
    every = max(1, round(len(starts) / 16))
    for number, bar in starts:
        parts.append(line(across(bar), TOP, across(bar), HEIGHT - BOTTOM, "grid"))
        if number % every == 0:
            parts.append(text(across(bar) + 3, HEIGHT - 8, str(number + 1)))
    for pitch in range(low + 1, high):
        if pitch % 12 == 0:
            parts.append(line(LEFT, up(pitch), WIDTH - 4, up(pitch), "grid"))
            parts.append(text(LEFT - 6, up(pitch) + 4, f"{NAMES[0]}{pitch // 12 - 1}", anchor="end"))
    tall = abs(up(0) - up(1))
    for start, stop, pitch in notes:
        wide = max(1.5, across(min(end, stop)) - across(max(first, start)) - 1)
        kind = "note given" if start < piece["primed"] else "note"
        parts.append(
            tag(
                "rect",
                {"x": across(max(first, start)), "y": up(pitch + 1), "width": wide, "height": tall, "class": kind},
            )
        )
    lowest, highest = (f"{NAMES[pitch % 12]}{pitch // 12 - 1}" for pitch in (low + 1, high - 2))
    label = f"Piano roll: {len(notes)} notes from {lowest} to {highest} in {len(starts)} bars"
    return drawing(WIDTH, HEIGHT, label, *parts, kind="chart roll")
