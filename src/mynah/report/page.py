"""From the folder of a run to one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from mynah.errors import Stopped
from mynah.report import (
    calibration,
    classes,
    clips,
    confusion,
    cost,
    generated,
    health,
    learning,
    method,
    verdict,
    wording,
)
from mynah.report.embed import Preview, previews
from mynah.report.privacy import without_paths
from mynah.report.schema import read_results

SECTIONS = {
    "verdict": verdict.section,
    "cost": cost.section,
    "confusion": confusion.section,
    "classes": classes.section,
    "learning": learning.section,
    "calibration": calibration.section,
    "health": health.section,
    "method": method.section,
}
SCRIPTS = ("wording.js", "player.js", "matrix.js", "tables.js")


def build(run_folder: Path, out: Path | None = None, *, max_mb: float = 25) -> Path:
    """Write the page of a run.

    Args:
        run_folder: where results.json and previews/ are.
        out: the page; None is the name that results.json gives, in `run_folder`.
        max_mb: largest page in 10^6 bytes; the least important sounds are left out, and the page says so.

    Returns:
        Where the page is.

    Raises:
        BadInput: `run_folder` is not a run.
        IncompatibleFile: results of another version, or damaged.
        Stopped: the disk is full or cannot be written.
    """
    run_folder = Path(run_folder)
    results = without_paths(read_results(run_folder))
    page = Path(out) if out is not None else run_folder / "report.html"
    bare = _render(results, [], 0)
    made = sum(len(family.get("sounds", ())) for family in results["families"])
    found = list(previews(run_folder / "previews", len(results["items"]) + made))
    fitting = _fitting(found, int(max_mb * 1e6) - len(bare.encode()))
    text = _render(results, fitting, len(found) - len(fitting)) if fitting or found else bare
    _write(page, text)
    return page


def _fitting(found: list[Preview], room: int) -> list[Preview]:
    """Return the longest beginning of `found` that fits `room` bytes."""
    taken = 0
    for number, preview in enumerate(found):
        taken += preview.size
        if taken > room:
            return found[:number]
    return found


def _render(results: dict[str, Any], heard: list[Preview], dropped: int) -> str:
    css, script = _asset("page.css"), "\n".join(_asset(name) for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}\n}})();'
    sections = {name: make(results) for name, make in SECTIONS.items()}
    sections["clips"] = clips.section(results, heard, dropped)
    sections["generated"] = generated.section(results, heard, dropped)
    return (
        _environment()
        .get_template("page.html")
        .render(
            results=results,
            created=_date(results["created"]),
            css=Markup(css),
            script=Markup(script),
            css_hash=_hash(css),
            script_hash=_hash(script),
            data=Markup(_json(confusion.payload(results, heard))),
            **sections,
        )
    )


def _asset(name: str) -> str:
    return (resources.files("mynah.report") / name).read_text(encoding="utf-8").strip()


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mynah.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["breakable"] = wording.breakable
    return environment


def _hash(text: str) -> str:
    """Return a CSP source that allows exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(value: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _date(iso: str) -> str:
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8", newline="\n")
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise Stopped("the page could not be written", where=path, measured=error.strerror) from error
