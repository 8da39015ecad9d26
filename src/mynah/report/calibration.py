"""Section 5b: whether its probabilities can be believed, and when it says "none of these"."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup

from mynah.report import svg, wording

SIZE = 320
LEFT, RIGHT, TOP, BOTTOM = 50, 24, 30, 44
#: Area of the largest dot.
LARGEST = 11.0
#: A bin of fewer clips says too little to be named or to lead a line through.
LEAST = 10


def section(results: dict[str, Any]) -> dict[str, Any] | None:
    """Return what templates/calibration.html shows, or None without a kept family."""
    facts = results.get("calibration")
    if facts is None:
        return None
    bins = [b for b in facts["bins"] if b["count"] and b["confidence"] is not None and b["accuracy"] is not None]
    family = next(f for f in results["families"] if f["name"] == results["best"]) if results["best"] else None
    filled = [b for b in bins if b["count"] >= LEAST]
    fullest = max(filled, key=lambda b: b["count"], default=None)
    worst = max(filled, key=lambda b: abs(b["confidence"] - b["accuracy"]), default=None)
    return {
        "chart": _chart(bins) if bins else Markup(""),
        "rows": [_words(b) for b in bins],
        "clips": sum(b["count"] for b in bins),
        "fullest": _words(fullest) if fullest else None,
        "worst": _words(worst) if worst and worst is not fullest else None,
        "few": len(filled) < len(bins),
        "least": LEAST,
        "crossed": results["folds"] > 1,
        "ece": wording.percent(family["scores"].get("ece")) if family else wording.NONE,
        "threshold": wording.percent(facts["threshold"], 0),
        "rejected": wording.percent(facts["reject_rate"]),
        "temperature": wording.fixed(facts["temperature"], 2),
        "family": results["best"] or "the model",
    }


def _words(facts: dict[str, Any]) -> dict[str, Any]:
    shares = {key: wording.percent(facts[key], 0) for key in ("confidence", "accuracy")}
    return {**shares, "count": facts["count"]}


def _chart(bins: list[dict[str, Any]]) -> Markup:
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
