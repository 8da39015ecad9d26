"""Section 3: who is taken for whom. A table without JavaScript; with it, cells that open their clips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mynah.report import wording
from mynah.report.embed import Preview
from mynah.report.health import doubtful, tops

#: More classes than this make a matrix nobody reads: then those with the most mistakes are shown.
MOST_CLASSES = 60
FEWER_CLASSES = 40
SHADES = 8
MIX_UPS = 8


def section(results: dict[str, Any]) -> dict[str, Any] | None:
    """Return what templates/confusion.html shows, or None when no family answered."""
    family = shown_family(results)
    if family is None:
        return None
    matrix, labels = family["confusion"], results["classes"]
    shown = shown_classes(matrix)
    rows = [
        {
            "label": labels[r],
            "total": sum(matrix[r]),
            "cells": [
                {"count": matrix[r][c], "shade": shade(matrix[r][c], sum(matrix[r]), r == c), "right": r == c}
                for c in shown
            ],
        }
        for r in shown
    ]
    wrong = sum(map(sum, matrix)) - sum(matrix[k][k] for k in range(len(labels)))
    return {
        "family": family["name"],
        "choices": [(f["name"], f["title"]) for f in results["families"] if f.get("confusion")],
        "columns": [labels[c] for c in shown],
        "rows": rows,
        "size": density(len(shown)),
        "hidden": len(labels) - len(shown),
        "classes": len(labels),
        "wrong": wrong,
        "answered": sum(map(sum, matrix)),
        "mix_ups": mix_ups(matrix, labels),
        "legend": [{"share": share, "shade": shade(share, 100, False)} for share in (2, 10, 25, 50, 100)],
    }


def shown_family(results: dict[str, Any]) -> dict[str, Any] | None:
    """Return the kept family, else the first that answered."""
    answered = [family for family in results["families"] if family.get("confusion")]
    kept = [family for family in answered if family["name"] == results["best"]]
    return next(iter(kept + answered), None)


def shown_classes(matrix: Sequence[Sequence[int]]) -> list[int]:
    """Return the classes of rows and columns, in order."""
    count = len(matrix)
    if count <= MOST_CLASSES:
        return list(range(count))
    mistakes = [sum(row) + sum(other[k] for other in matrix) - 2 * row[k] for k, row in enumerate(matrix)]
    return sorted(sorted(range(count), key=lambda k: -mistakes[k])[:FEWER_CLASSES])


def density(classes: int) -> str:
    """Return the CSS class for this many columns."""
    return "roomy" if classes <= 12 else "close" if classes <= 20 else "tight" if classes <= 30 else "dots"


def shade(part: float, whole: float, right: bool) -> str:
    """Return the CSS class of a cell: by the root of its share of the row, so that 2 % can be seen."""
    level = math.ceil(SHADES * math.sqrt(part / whole)) if part and whole else 0
    return f"{'r' if right else 'w'}{level}" if level else "zero"


def mix_ups(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return the commonest mistakes."""
    cells = [(n, r, c) for r, row in enumerate(matrix) for c, n in enumerate(row) if n and r != c]
    cells.sort(key=lambda cell: (-cell[0], cell[1], cell[2]))
    return [{"count": n, "row": labels[r], "column": labels[c]} for n, r, c in cells[:MIX_UPS]]


def payload(results: dict[str, Any], heard: Sequence[Preview]) -> dict[str, Any]:
    """Return what the script needs, as columns of small numbers: ten thousand clips take about a megabyte."""
    code = {label: number for number, label in enumerate(results["classes"])}
    items = results["items"]
    folds = sorted({item["fold"] for item in items if item["fold"] is not None})
    families = [
        {
            "name": f["name"],
            "title": f["title"],
            "predicted": [-1 if p is None else p for p in f["predicted"]],
            "scores": [[round(row[key], 9) for key in ("recall", "precision", "f1")] for row in f["per_class"]],
        }
        for f in results["families"]
        if f.get("confusion")
    ]
    shown = shown_family(results)
    return {
        "classes": results["classes"],
        "files": [item["file"] + part_of_file(item) for item in items],
        "labels": [code.get(item["label"], -1) for item in items],
        "folds": [folds.index(item["fold"]) if item["fold"] is not None else -1 for item in items],
        "foldNames": folds,
        "seconds": [round(item["seconds"], 6) for item in items],
        "doubtful": doubtful(results),
        "flags": {str(number): item["flags"] for number, item in enumerate(items) if item["flags"]},
        "families": families,
        "kept": shown["name"] if shown else None,
        "probable": results["best"],
        "top": [[n for c, p in row for n in (c, round(p, 5))] if row else 0 for row in tops(results)],
        "shown": shown_classes(shown["confusion"]) if shown else [],
        "previews": {str(p.item): [p.seconds, p.start, p.gain_db, p.max_hz] for p in heard},
    }


def part_of_file(item: dict[str, Any]) -> str:
    """Return where in the file a clip lies, for clips that are not a whole file."""
    if not item["start"] and item["end"] is None:
        return ""
    end = "end" if item["end"] is None else f"{item['end']:g}{wording.THIN}s"
    return f" ({item['start']:g} to {end})"
