"""From the folder of a run to one HTML file that needs nothing else, not even a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markupsafe import Markup

from mynah.report import clips, cost, health, learning, method, sounds, tasks, verdict
from mynah.report.embed import Preview, read_previews
from mynah.report.offline import asset, date_of, environment, hash_of, write
from mynah.report.privacy import without_paths
from mynah.report.schema import read_results
from mynah.report.tasks import Additions, Section

#: The sections that every page may have, in their order, before that of the items; those of a task follow one of them.
GENERAL = (
    Section("verdict.html", lambda results, previews, dropped: verdict.section(results), "Result", "result"),
    Section("sounds.html", sounds.section, "Sounds", "made"),
    Section("cost.html", lambda results, previews, dropped: cost.section(results), "Cost", "cost"),
    Section("learning.html", lambda results, previews, dropped: learning.section(results), "Learning", "learning"),
    Section("health.html", lambda results, previews, dropped: health.section(results), "Data", "data"),
    Section("method.html", lambda results, previews, dropped: method.section(results), "Method", "method"),
)
#: The sections that a document brings follow this one.
BEFORE_BROUGHT = "cost.html"


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
    made = sum(len(family["sounds"]) for family in results["families"])
    found = list(read_previews(run_folder / "previews", len(results["items"]) + made))
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


def _render(results: dict[str, Any], previews: list[Preview], dropped: int) -> str:
    own = tasks.of(results["task"])
    data = own.data(results)
    names = ("wording.js", "player.js", *(f"tasks/{name}" for name in own.scripts if data), "tables.js")
    css, script = asset("page.css"), "\n".join(map(asset, names))
    script = f'(() => {{\n"use strict";\n{script}\n}})();'
    parts = _parts(results, own, previews, dropped)
    played = {str(p.item): [p.seconds, p.start, p.gain_db, p.max_hz] for p in previews}
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
            data=Markup(_json(data | {"previews": played})),
            parts=parts,
            one=results["words"]["items"][0],
            several=results["words"]["items"][1],
            **{"clips": None} | {part["name"]: part["shown"] for part in parts},
        )
    )


def _parts(results: dict[str, Any], own: Additions, previews: list[Preview], dropped: int) -> list[dict[str, Any]]:
    """Return the sections in their order, each with what it shows; those that show nothing are left out."""
    ordered: list[Section] = []
    for general in (*GENERAL, Section("clips.html", clips.section, results["words"]["items"][1].capitalize(), "clips")):
        ordered += [] if general.template in own.replaces else [general]
        ordered += [section for section in own.sections if section.after == general.template]
        if general.template == BEFORE_BROUGHT:
            brought = enumerate(results["sections"], 1)
            ordered += [_brought(section, f"section-{number}") for number, section in brought]
    made = [(section, section.make(results, previews, dropped)) for section in ordered]
    return [
        {
            "name": section.name,
            "template": section.template,
            "title": section.title,
            "anchor": section.anchor,
            "shown": shown,
        }
        for section, shown in made
        if shown is not None
    ]


def _brought(section: dict[str, Any], anchor: str) -> Section:
    """Return a section that a document brings."""
    return Section("section.html", lambda results, previews, dropped: section, section["title"], anchor)


def _json(value: Any) -> str:
    """Return JSON that cannot end the element it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
