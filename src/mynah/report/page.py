"""From the folder of a run to one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

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
)
from mynah.report.embed import Preview, previews
from mynah.report.offline import asset, date_of, environment, hash_of, write
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
    write(page, text)
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
    css, script = asset("page.css"), "\n".join(asset(name) for name in SCRIPTS)
    script = f'(() => {{\n"use strict";\n{script}\n}})();'
    sections = {name: make(results) for name, make in SECTIONS.items()}
    sections["clips"] = clips.section(results, heard, dropped)
    sections["generated"] = generated.section(results, heard, dropped)
    return (
        environment()
        .get_template("page.html")
        .render(
            results=results,
            created=date_of(results["created"]),
            css=Markup(css),
            script=Markup(script),
            css_hash=hash_of(css),
            script_hash=hash_of(script),
            data=Markup(_json(confusion.payload(results, heard))),
            **sections,
        )
    )


def _json(value: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
