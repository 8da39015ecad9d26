"""What composing adds: pieces of each method to hear, what they borrow, and errors in each method's own unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mynah.ground.errors import IncompatibleFile
from mynah.judging.metric import share
from mynah.report import wording
from mynah.report.embed import Preview
from mynah.report.sounds import cell, heading, of_item
from mynah.report.tasks import Additions, Section, check_sizes, of_families
from mynah.report.verdict import shown

FIELDS: dict[str, tuple[str, str]] = {
    "families[].details.errors": ("number?[]", "Prediction error of each piece; null where it was not held out."),
    "families[].details.baseline_errors": ("number?[]", "The same of the counting baseline."),
    "families[].details.unit": ("string?", "Of both; figures of different units cannot be compared."),
    "families[].details.counting": ("number?", "Mean error of the counting baseline over the held-out pieces."),
    "families[].details.error": ("number?", "Mean error of the family over the held-out pieces."),
    "families[].details.bars": ("integer", "Bars of each composed piece."),
    "families[].sounds[].details.nearest": ("integer", "Training piece that it shares the longest passage with."),
    "families[].sounds[].details.notes": ("integer", "Its notes."),
    "families[].sounds[].details.borrowed": ("integer", "Those of the shared passage."),
}


def check(document: dict[str, Any]) -> None:
    """Refuse lists that do not fit each other, and pieces beside others that do not exist."""
    count = len(document["items"])
    check_sizes(of_families(document, "errors", "baseline_errors"))
    for family in document["families"]:
        if any(not 0 <= sound["details"]["nearest"] < count for sound in family["sounds"]):
            raise IncompatibleFile("a composed piece stands beside one that does not exist")


def section(results: dict[str, Any], previews: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/composed.html shows, or None where nothing has been composed."""
    made = [family for family in results["families"] if family["sounds"]]
    if not made:
        return None
    sounding = {preview.item: preview for preview in previews}
    seen: set[int] = set()
    return {
        "bars": made[0]["details"]["bars"],
        "families": [_family(family, results, sounding, seen) for family in made],
        "rows": [
            {
                "name": family["name"],
                "saved": shown(results, family["score"]),
                "error": wording.fixed(family["details"]["error"], 3),
                "counting": wording.fixed(family["details"]["counting"], 3),
                "unit": family["details"]["unit"],
            }
            for family in made
        ],
        "dropped": dropped,
    }


def _family(
    family: dict[str, Any], results: dict[str, Any], sounding: dict[int, Preview], seen: set[int]
) -> dict[str, Any]:
    rows = []
    for number, sound in enumerate(family["sounds"], 1):
        facts = sound["details"]
        words = [wording.plural(facts["notes"], "note")]
        if facts["borrowed"]:
            words.append(f"longest shared passage: {wording.plural(facts['borrowed'], 'note')}")
        rows.append(
            {
                "made": cell(sound["id"], f"{family['name']} {number}", words, sounding, seen),
                "nearest": of_item(facts["nearest"], [], results, sounding, seen),
            }
        )
    return heading(family, results) | {"rows": rows}


ADDITIONS = Additions(
    fields=FIELDS,
    check=check,
    sections=(Section("composed.html", section, "Pieces", "made", after="verdict.html"),),
    replaces=frozenset({"sounds.html", "clips.html"}),
    figures={"error_saved": share("error_saved", "prediction error saved", low=None)},
)
