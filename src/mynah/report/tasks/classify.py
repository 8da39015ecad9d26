"""What naming clips adds: who is taken for whom, each class by itself, whether probabilities can be believed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from markupsafe import Markup

from mynah.ground.errors import IncompatibleFile
from mynah.judging.metric import Metric, share
from mynah.report import svg, wording
from mynah.report.embed import Preview
from mynah.report.tasks import Additions, Section, check_sizes, of_families

FIELDS: dict[str, tuple[str, str]] = {
    "families[].details.per_class": ("object[]", "One entry a class; empty without a score."),
    "families[].details.per_class[].label": ("string", "The class."),
    "families[].details.per_class[].precision": ("number", "Share of the clips given this name that bear it."),
    "families[].details.per_class[].recall": ("number", "Share of the clips that bear this name that were given it."),
    "families[].details.per_class[].f1": ("number", "Harmonic mean of the two."),
    "families[].details.per_class[].support": ("integer", "Clips that bear this name."),
    "families[].details.confusion": (
        "integer[][]",
        "Counts: row = labelled, column = predicted; empty without a score.",
    ),
    "families[].details.predicted": (
        "integer?[]",
        "Class index a clip, in the order of `items`; null where no fold answered.",
    ),
    "details.top": (
        "list?[]",
        "A clip's three likeliest classes as `[class index, probability]`: of the kept family, held out, calibrated; "
        "null where there is no answer.",
    ),
    "details.calibration": ("object?", "Of the kept family."),
    "details.calibration.temperature": ("number", "The logits of the kept model are divided by this."),
    "details.calibration.threshold": ("number", 'Below this probability the answer is "none of these".'),
    "details.calibration.reject_rate": ("number", "Share of the held-out clips below it."),
    "details.calibration.bins": ("object[]", "Reliability, by confidence."),
    "details.calibration.bins[].confidence": ("number?", "Mean probability of the named class."),
    "details.calibration.bins[].accuracy": ("number?", "Share that was right."),
    "details.calibration.bins[].count": ("integer", "Clips in the bin."),
}
#: More classes than this make a matrix nobody reads: then those with the most mistakes are shown.
MOST_CLASSES = 60
FEWER_CLASSES = 40
SHADES = 8
MIX_UPS = 8
#: A label is doubtful when another class has at least the first of these probabilities, and it at most the second.
SURE, UNLIKELY = 0.9, 0.03
#: Longer lists of doubtful labels are cut.
MOST_ROWS = 200
#: Of the drawing of reliability, in pixels.
SIZE = 320
LEFT, RIGHT, TOP, BOTTOM = 50, 24, 30, 44
#: Area of the largest dot.
LARGEST = 11.0
#: A bin of fewer clips says too little to be named or to lead a line through.
LEAST = 10


def check(document: dict[str, Any]) -> None:
    """Refuse lists that do not fit each other, and classes that do not exist."""
    check_sizes(_sizes(document))
    classes = len(document["classes"])
    for family in document["families"]:
        if any(code is not None and not 0 <= code < classes for code in family["details"]["predicted"]):
            raise IncompatibleFile(f"{family['name']} predicts a class that does not exist")
    for row in document["details"].get("top") or []:
        for pair in row or []:
            if not _is_guess(pair, classes):
                raise IncompatibleFile("top should hold [class index, probability]", measured=f"found {str(pair)[:40]}")


def _is_guess(pair: Any, classes: int) -> bool:
    if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], int) and 0 <= pair[0] < classes):
        return False
    return isinstance(pair[1], int | float) and not isinstance(pair[1], bool) and math.isfinite(pair[1])


def _sizes(document: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    classes, items = len(document["classes"]), len(document["items"])
    if document["details"].get("top") is not None:
        yield "top", len(document["details"]["top"]), items
    yield from of_families(document, "predicted")
    for family in document["families"]:
        name, details = family["name"], family["details"]
        for key in ("per_class", "confusion"):
            if details[key]:
                yield f"{key} of {name}", len(details[key]), classes
        for row in details["confusion"]:
            yield f"confusion of {name}", len(row), classes


def tops(results: dict[str, Any]) -> list[Any]:
    """Return each clip's likeliest classes, None where there are none."""
    return results["details"].get("top") or [None] * len(results["items"])


# --- who is taken for whom: a table without JavaScript; with it, cells that open their clips


def confusion(results: dict[str, Any], previews: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/confusion.html shows, or None when no family answered."""
    family = shown_family(results)
    if family is None:
        return None
    matrix, labels = family["details"]["confusion"], results["classes"]
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
        "choices": [(f["name"], f["title"]) for f in results["families"] if f["details"]["confusion"]],
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
    answered = [family for family in results["families"] if family["details"]["confusion"]]
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


def data(results: dict[str, Any]) -> dict[str, Any]:
    """Return what the script needs, as columns of small numbers: ten thousand clips take about a megabyte."""
    code = {label: number for number, label in enumerate(results["classes"])}
    items = results["items"]
    folds = sorted({item["fold"] for item in items if item["fold"] is not None})
    families = [
        {
            "name": f["name"],
            "title": f["title"],
            "predicted": [-1 if p is None else p for p in f["details"]["predicted"]],
            "scores": [
                [round(row[key], 9) for key in ("recall", "precision", "f1")] for row in f["details"]["per_class"]
            ],
        }
        for f in results["families"]
        if f["details"]["confusion"]
    ]
    shown = shown_family(results)
    if shown is None:
        return {}
    return {
        "classes": results["classes"],
        "files": [item["file"] + wording.part_of_file(item) for item in items],
        "labels": [code.get(item["label"], -1) for item in items],
        "folds": [folds.index(item["fold"]) if item["fold"] is not None else -1 for item in items],
        "foldNames": folds,
        "seconds": [None if item["seconds"] is None else round(item["seconds"], 6) for item in items],
        "doubtful": doubtful(results),
        "flags": {str(number): item["flags"] for number, item in enumerate(items) if item["flags"]},
        "families": families,
        "kept": shown["name"],
        "probable": results["best"],
        "top": [[n for c, p in row for n in (c, round(p, 5))] if row else 0 for row in tops(results)],
        "shown": shown_classes(shown["details"]["confusion"]),
    }


# --- each class by itself


def classes(results: dict[str, Any], previews: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/classes.html shows, or None when no family answered."""
    family = shown_family(results)
    if family is None:
        return None
    rows = []
    for number, row in enumerate(family["details"]["per_class"]):
        counts = [(n, k) for k, n in enumerate(family["details"]["confusion"][number]) if k != number and n]
        worst = max(counts, key=lambda pair: pair[0], default=None)
        rows.append(
            {
                **row,
                "found": wording.percent(row["recall"], 0),
                "trusted": wording.percent(row["precision"], 0),
                "mean": wording.percent(row["f1"], 0),
                "taken_for": "" if worst is None else f"{results['classes'][worst[1]]} ({worst[0]})",
            }
        )
    return {"family": family["name"], "rows": rows}


# --- whether its probabilities can be believed, and when it says "none of these"


def calibration(results: dict[str, Any], previews: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/calibration.html shows, or None without a kept family."""
    facts = results["details"].get("calibration")
    if facts is None:
        return None
    bins = [b for b in facts["bins"] if b["count"] and b["confidence"] is not None and b["accuracy"] is not None]
    family = next(f for f in results["families"] if f["name"] == results["best"]) if results["best"] else None
    filled = [b for b in bins if b["count"] >= LEAST]
    fullest = max(filled, key=lambda b: b["count"], default=None)
    worst = max(filled, key=lambda b: abs(b["confidence"] - b["accuracy"]), default=None)
    return {
        "chart": _reliability(bins) if bins else Markup(""),
        "rows": [_bin_words(b) for b in bins],
        "clips": sum(b["count"] for b in bins),
        "fullest": _bin_words(fullest) if fullest else None,
        "worst": _bin_words(worst) if worst and worst is not fullest else None,
        "few": len(filled) < len(bins),
        "least": LEAST,
        "crossed": results["folds"] > 1,
        "ece": wording.percent(family["scores"].get("ece")) if family else wording.NONE,
        "threshold": wording.percent(facts["threshold"], 0),
        "rejected": wording.percent(facts["reject_rate"]),
        "temperature": wording.fixed(facts["temperature"], 2),
        "family": results["best"] or "the model",
    }


def _bin_words(facts: dict[str, Any]) -> dict[str, Any]:
    shares = {key: wording.percent(facts[key], 0) for key in ("confidence", "accuracy")}
    return {**shares, "count": facts["count"]}


def _reliability(bins: list[dict[str, Any]]) -> Markup:
    x = svg.Scale(0, 1, LEFT, SIZE - RIGHT)
    y = svg.Scale(0, 1, SIZE - BOTTOM, TOP)
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        words = f"{100 * tick:g}{wording.THIN}%"
        parts += [
            svg.line(LEFT, y(tick), SIZE - RIGHT, y(tick), "grid"),
            svg.text(LEFT - 8, y(tick) + 4, words, anchor="end"),
            svg.text(x(tick), SIZE - BOTTOM + 18, words, anchor="middle"),
        ]
    parts.append(svg.line(x(0), y(0), x(1), y(1), "ideal"))
    parts.append(svg.text((LEFT + SIZE - RIGHT) / 2, SIZE - 6, "how sure it was", anchor="middle", kind="title"))
    parts.append(svg.text(LEFT - 44, 14, "how often it was right", kind="title"))
    most = max(b["count"] for b in bins)
    filled = [(x(b["confidence"]), y(b["accuracy"])) for b in bins if b["count"] >= LEAST]
    if len(filled) > 1:
        parts.append(svg.path(filled, "trace valid"))
    for b in bins:
        size = max(2.5, LARGEST * math.sqrt(b["count"] / most))
        kind = "dot close" if b["count"] >= LEAST else "dot open"
        dot = svg.marker("circle", x(b["confidence"]), y(b["accuracy"]), size, kind)
        words = f"{wording.percent(b['confidence'], 0)} sure, right {wording.percent(b['accuracy'], 0)} of {b['count']}"
        parts.append(svg.tag("g", {}, svg.tag("title", {}, words), dot))
    return svg.drawing(
        SIZE, SIZE, "how often it was right against how sure it was; numbers in the table", *parts, kind="reliability"
    )


# --- labels worth a second look


def doubtful_labels(results: dict[str, Any], previews: Sequence[Preview], dropped: int) -> list[dict[str, Any]] | None:
    """Return what templates/doubtful.html shows, or None where no label is doubtful."""
    return [_doubtful_row(results, item) for item in doubtful(results)[:MOST_ROWS]] or None


def doubtful(results: dict[str, Any]) -> list[int]:
    """Return items whose label may be wrong: held out, the kept family was sure of another and ruled this one out."""
    code = {label: number for number, label in enumerate(results["classes"])}
    found = []
    for number, (item, top) in enumerate(zip(results["items"], tops(results), strict=True)):
        label = code.get(item["label"])
        if top and label is not None and top[0][0] != label and top[0][1] >= SURE:
            of_label = next((p for c, p in top if c == label), 0.0)
            if of_label <= UNLIKELY:
                found.append(number)
    return found


def _doubtful_row(results: dict[str, Any], item: int) -> dict[str, Any]:
    code, p = tops(results)[item][0]
    return {
        "item": item,
        "file": results["items"][item]["file"],
        "label": results["items"][item]["label"],
        "predicted": results["classes"][code],
        "p": wording.percent(p, 0),
    }


def clip(results: dict[str, Any], item: int) -> list[dict[str, Any]] | None:
    """Return a clip's three likeliest classes."""
    top, names = tops(results)[item] or [], results["classes"]
    return [{"label": names[c], "share": round(100 * p, 1), "p": wording.percent(p, 0)} for c, p in top] or None


def limits(results: dict[str, Any]) -> list[str]:
    """Say how far one clip moves the line of the smallest class."""
    per_class = list(results["dataset"]["per_class"].values())
    scored = any(family["details"]["per_class"] for family in results["families"])
    if not scored or not per_class or min(per_class) >= 20:
        return []
    return [
        f"The smallest class has {wording.plural(min(per_class), 'clip')}: one clip more or less moves its "
        f"line in the table of classes by {wording.fixed(100 / max(min(per_class), 1), 0)} points."
    ]


FIGURES = (
    share("accuracy", "accuracy"),
    share("balanced_accuracy", "balanced accuracy"),
    share("macro_f1", "macro F1"),
    share("ece", "calibration error"),
    Metric("log_loss", "log loss", digits=3),
)
ADDITIONS = Additions(
    fields=FIELDS,
    optional=frozenset({"details.top", "details.calibration"}),
    check=check,
    sections=(
        Section("confusion.html", confusion, "Mistakes", "mistakes", after="cost.html"),
        Section("classes.html", classes, "Classes", "classes", after="cost.html"),
        Section("calibration.html", calibration, after="learning.html"),
        Section("doubtful.html", doubtful_labels, after="health.html"),
    ),
    figures={figure.name: figure for figure in FIGURES},
    clip=clip,
    clip_template="guesses.html",
    limits=limits,
    scripts=("matrix.js",),
    data=data,
)
