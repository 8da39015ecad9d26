"""What making music adds: the schema of its details."""

from __future__ import annotations

from typing import Any

from mynah.ground.errors import IncompatibleFile
from mynah.judging.metric import share
from mynah.report.tasks import Additions

FIELDS: dict[str, tuple[str, str]] = {
    "families[].details.errors": (
        "list?[]",
        "A piece's prediction errors in `unit`: of the counting baseline, and of the family; null where none answered.",
    ),
    "families[].details.unit": ("string?", "Of the errors; null when no fold finished."),
    "families[].details.error": ("number?", "Mean prediction error of the family."),
    "families[].details.counting": ("number?", "Mean prediction error of the counting baseline."),
    "families[].sounds[].details.nearest": ("integer", "Training piece with which it shares the longest passage."),
    "families[].sounds[].details.notes": ("integer", "Its notes."),
    "families[].sounds[].details.borrowed": ("integer", "Notes of that passage."),
}


def check(document: dict[str, Any]) -> None:
    """Refuse lists that do not fit each other, and pieces that do not exist."""
    pieces = len(document["items"])
    for family in document["families"]:
        errors = family["details"]["errors"]
        if len(errors) != pieces or any(pair is not None and len(pair) != 2 for pair in errors):
            raise IncompatibleFile(f"errors of {family['name']} do not fit the rest", measured=f"{len(errors)}")
        if any(not 0 <= sound["details"]["nearest"] < pieces for sound in family["sounds"]):
            raise IncompatibleFile("a made piece is near to one that does not exist")


ADDITIONS = Additions(
    fields=FIELDS, check=check, figures={"error_saved": share("error_saved", "error saved", low=None)}
)
