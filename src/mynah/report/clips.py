"""The last part: clips to hear. Each sound is here once: scripts take it from here, without them this is a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mynah.ground import texts
from mynah.report import wording
from mynah.report.confusion import part_of_file
from mynah.report.embed import Preview
from mynah.report.health import tops

#: Mistakes without sound that are still named.
MOST_SILENT = 500


def section(results: dict[str, Any], heard: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/clips.html shows, or None with nothing to list."""
    family = next((f for f in results["families"] if f["name"] == results["best"]), None)
    if results["verb"] == "generate" or (family is None and not heard):
        return None
    sounding = {preview.item for preview in heard}
    wrong = [] if family is None else [k for k in range(len(results["items"])) if _is_wrong(results, family, k)]
    mistaken = set(wrong)
    silent = [k for k in wrong if k not in sounding]
    return {
        "listed": sounding | set(silent[:MOST_SILENT]),
        "family": results["best"],
        "mistakes": [_row(results, family, p.item, p) for p in heard if p.item in mistaken]
        + [_row(results, family, k, None) for k in silent[:MOST_SILENT]],
        "right": [_row(results, family, p.item, p) for p in heard if p.item not in mistaken],
        "wrong": len(wrong),
        "more": max(0, len(silent) - MOST_SILENT),
        "heard": len(heard),
        "unheard": len(results["items"]) - len(heard),
        "dropped": dropped,
        "written": family is not None and "said" in family,
    }


def _said(results: dict[str, Any], family: dict[str, Any] | None, item: int) -> str | None:
    """Return the label or text that a family gave to an item."""
    if family is None:
        return None
    if "said" in family:
        return family["said"][item]
    code = family["predicted"][item] if "predicted" in family else None
    return None if code is None else results["classes"][code]


def _is_wrong(results: dict[str, Any], family: dict[str, Any], item: int) -> bool:
    said, label = _said(results, family, item), results["items"][item]["label"]
    if said is None or "said" not in family:
        return said is not None and said != label
    return texts.symbols(said, results["classes"]) != texts.symbols(label, results["classes"])


def marked(true: str, said: str, names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return the pieces of a text and of what was said, each a run of symbols that are right, or of wrong ones.

    `missing` pieces stand where the other has a symbol more.
    """
    space = " " if any(len(name) > 1 for name in names) else ""
    rows: dict[str, list[dict[str, Any]]] = {"true": [], "said": []}
    for one, other in texts.edits(texts.symbols(true, names), texts.symbols(said, names)):
        for row, symbol in (("true", one), ("said", other)):
            kind = "right" if one == other else "missing" if symbol is None else "wrong"
            rows[row].append({"kind": kind, "text": ("\u2205" if symbol is None else symbol) + space})
    return rows


def _row(results: dict[str, Any], family: dict[str, Any] | None, item: int, preview: Preview | None) -> dict[str, Any]:
    facts, classes = results["items"][item], results["classes"]
    said = _said(results, family, item)
    written = family is not None and "said" in family and said is not None
    top = tops(results)[item] or []
    return {
        "item": item,
        "file": facts["file"] + part_of_file(facts),
        "label": facts["label"],
        "said": said,
        "wrong": family is not None and _is_wrong(results, family, item),
        "marked": marked(facts["label"], said or "", classes) if written else None,
        "top": [{"label": classes[c], "share": round(100 * p, 1), "p": wording.percent(p, 0)} for c, p in top],
        "facts": _facts(facts, preview),
        "preview": preview,
    }


def _facts(item: dict[str, Any], preview: Preview | None) -> list[str]:
    words = [wording.duration(item["seconds"])]
    if item["fold"] is not None:
        words.insert(0, f"fold {item['fold']}")
    if preview is not None:
        if preview.seconds + 0.05 < item["seconds"]:
            words.append(f"loudest {wording.duration(preview.seconds)}, from {wording.duration(preview.start)}")
        words.append(f"played {wording.decibels(preview.gain_db)}")
    return words + list(item["flags"])
