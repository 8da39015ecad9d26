"""What writing clips down adds: each text beside its answer, with what is wrong marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mynah.ground import texts
from mynah.judging.metric import share
from mynah.report.tasks import Additions, check_sizes, of_families

FIELDS: dict[str, tuple[str, str]] = {
    "families[].details.predicted": (
        "string?[]",
        "Text a clip; null where no fold answered.",
    ),
}


def check(document: dict[str, Any]) -> None:
    """Refuse lists that do not fit the items."""
    check_sizes(of_families(document, "predicted"))


def marked(true: str, answer: str, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the pieces of a text and of the answer to it, each a run of symbols that are right, or of wrong ones.

    `missing` pieces stand where the other has a symbol more.
    """
    space = " " if any(len(name) > 1 for name in names) else ""
    rows: dict[str, list[dict[str, Any]]] = {"true": [], "answer": []}
    for one, other in texts.edits(texts.symbols(true, names), texts.symbols(answer, names)):
        for row, symbol in (("true", one), ("answer", other)):
            kind = "right" if one == other else "missing" if symbol is None else "wrong"
            rows[row].append({"kind": kind, "text": ("\u2205" if symbol is None else symbol) + space})
    return rows


def clip(results: dict[str, Any], item: int) -> dict[str, list[dict[str, Any]]] | None:
    """Return a clip's text and the answer to it, marked; None where there is no answer."""
    answer = results["answers"][item]["answer"] if results["answers"] else None
    return None if answer is None else marked(results["items"][item]["label"] or "", answer, results["classes"])


FIGURES = ("symbol_accuracy", "symbol_error_rate", "substitutions", "insertions", "deletions", "texts_right")
ADDITIONS = Additions(
    fields=FIELDS,
    check=check,
    figures={name: share(name, name.replace("_", " ")) for name in FIGURES},
    clip=clip,
    clip_template="marked.html",
)
