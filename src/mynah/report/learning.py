"""Section 5: how each network learned, fold by fold, with the numbers behind each plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from mynah.judging.metric import Metric
from mynah.report import svg, wording
from mynah.report.verdict import metric_of

WIDTH, HEIGHT = 470, 230
LEFT, RIGHT, TOP, BOTTOM = 56, 10, 12, 34
#: Rows a fold in the table behind a plot.
ROWS = 12
#: Loss above this many times the median is cut off, or one bad start would flatten all the rest.
CUT = 4.0


def section(results: dict[str, Any]) -> dict[str, Any] | None:
    """Return what templates/learning.html shows, or None when nothing was trained step by step."""
    families, metric = [], metric_of(results)
    for family in results["families"]:
        curves = [curve for curve in family["curves"] if curve["step"]]
        if curves:
            families.append(
                {
                    "name": family["name"],
                    "title": family["title"],
                    "kept": family["name"] == results["best"],
                    "loss": _loss(curves, family["title"]),
                    "cut": _cut(curves),
                    "score": _score(curves, family["title"], metric),
                    "folds": [_summary(curve, metric) for curve in curves],
                    "points": [point for curve in curves for point in _points(curve, metric)],
                }
            )
    families.sort(key=lambda family: not family["kept"])
    return {"families": families, "metric": metric.title} if families else None


def _losses(curves: list[dict[str, Any]]) -> list[float]:
    return sorted(v for c in curves for key in ("train_loss", "valid_loss") for v in c[key] if v is not None)


def _top_loss(curves: list[dict[str, Any]]) -> float:
    """Return the highest loss that is drawn in its place; losses that may be negative are all drawn."""
    values = _losses(curves)
    if values[0] < 0:
        return values[-1] + 0.05 * (values[-1] - values[0])
    return min(values[-1], CUT * max(values[len(values) // 2], 1e-9)) * 1.05


def _cut(curves: list[dict[str, Any]]) -> str:
    """Say what the plot leaves out at its top."""
    values = _losses(curves)
    if not values or values[-1] <= _top_loss(curves):
        return ""
    cut, highest = wording.two_digits(_top_loss(curves)), wording.two_digits(values[-1])
    return f"cut at {cut}, where the arrows are; the highest value is {highest}"


def _loss(curves: list[dict[str, Any]], title: str) -> Markup:
    if not _losses(curves):
        return Markup("")
    parts, x, y = _frame(curves, min(0.0, _losses(curves)[0]), _top_loss(curves))
    for key, kind in (("train_loss", "train"), ("valid_loss", "valid")):
        parts += [_trace(curve, key, x, y, kind) for curve in curves]
        parts += [_arrow(x(s), kind) for c in curves for s, v in zip(c["step"], c[key], strict=True) if _above(v, y)]
    parts += [_best(curve, "valid_loss", x, y) for curve in curves]
    return svg.drawing(
        WIDTH, HEIGHT, f"{title}: loss while training; the numbers are in the table below", *parts, kind="curve"
    )


def _above(value: float | None, y: svg.Scale) -> bool:
    return value is not None and value > y.high


def _arrow(x: float, kind: str) -> Markup:
    return svg.marker("triangle", x, TOP - 4, 4, f"beyond {kind}")


def _score(curves: list[dict[str, Any]], title: str, metric: Metric) -> Markup:
    values = [v for c in curves for v in c["valid_score"] if v is not None]
    if not values:
        return Markup("")
    margin = 5 / metric.scale
    low = min(values) - margin if metric.low is None else max(metric.low, min(values) - margin)
    high = max(values) + margin if metric.high is None else min(metric.high, max(values) + margin)
    parts, x, y = _frame(curves, low, high, metric)
    for curve in curves:
        parts.append(_trace(curve, "valid_score", x, y, "valid"))
    parts += [_best(curve, "valid_score", x, y) for curve in curves]
    return svg.drawing(
        WIDTH,
        HEIGHT,
        f"{title}: {metric.title} in validation; the numbers are in the table below",
        *parts,
        kind="curve",
    )


def _frame(
    curves: list[dict[str, Any]], low: float, high: float, metric: Metric | None = None
) -> tuple[list[Markup], svg.Scale, svg.Scale]:
    last = max(curve["step"][-1] for curve in curves)
    x = svg.Scale(0, max(last, 1), LEFT, WIDTH - RIGHT)
    y = svg.Scale(low, high, HEIGHT - BOTTOM, TOP)
    parts = []
    for tick in y.ticks(4):
        words = f"{tick:g}" if metric is None else f"{metric.scale * tick:g}{wording.THIN}{metric.unit}".rstrip()
        parts += [
            svg.line(LEFT, y(tick), WIDTH - RIGHT, y(tick), "grid"),
            svg.text(LEFT - 7, y(tick) + 4, words, anchor="end"),
        ]
    ticks = x.ticks(4)
    for tick in ticks:
        words = wording.count(int(tick)) + (" steps" if tick == ticks[-1] else "")
        anchor = "end" if tick == ticks[-1] and x(tick) > WIDTH - 40 else "middle"
        parts.append(
            svg.text(x(tick) if anchor == "middle" else WIDTH - RIGHT, HEIGHT - BOTTOM + 19, words, anchor=anchor)
        )
    parts.append(svg.line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "axis"))
    return parts, x, y


def _trace(curve: dict[str, Any], key: str, x: svg.Scale, y: svg.Scale, kind: str) -> Markup:
    points = [(x(s), y(min(v, y.high))) for s, v in zip(curve["step"], curve[key], strict=True) if v is not None]
    return svg.path(_thin(points, 200), f"trace {kind}") if points else Markup("")


def _best(curve: dict[str, Any], key: str, x: svg.Scale, y: svg.Scale) -> Markup:
    if curve["best_step"] not in curve["step"]:
        return Markup("")
    value = curve[key][curve["step"].index(curve["best_step"])]
    if value is None:
        return Markup("")
    title = svg.tag("title", {}, f"fold {curve['fold']}: step {curve['best_step']} was kept")
    return svg.tag("g", {}, title, svg.marker("circle", x(curve["best_step"]), y(min(value, y.high)), 4, "kept-step"))


def _thin(values: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` values, evenly spread, the last one included."""
    if len(values) <= most:
        return list(values)
    return [values[round(k * (len(values) - 1) / (most - 1))] for k in range(most)]


def _summary(curve: dict[str, Any], metric: Metric) -> dict[str, Any]:
    known = curve["best_step"] in curve["step"]
    at = curve["step"].index(curve["best_step"]) if known else len(curve["step"]) - 1
    return {
        "fold": curve["fold"],
        "steps": wording.thousands(curve["step"][-1]),
        "kept": wording.thousands(curve["step"][at]) if known else wording.NONE,
        "train_loss": wording.fixed(curve["train_loss"][at], 3),
        "valid_loss": wording.fixed(curve["valid_loss"][at], 3),
        "valid_score": wording.typeset(metric.show(curve["valid_score"][at])),
    }


def _points(curve: dict[str, Any], metric: Metric) -> list[dict[str, Any]]:
    rows = zip(curve["step"], curve["train_loss"], curve["valid_loss"], curve["valid_score"], strict=True)
    return [
        {
            "fold": curve["fold"],
            "step": step,
            "train_loss": wording.fixed(train, 3),
            "valid_loss": wording.fixed(valid, 3),
            "valid_score": wording.typeset(metric.show(score)),
            "kept": step == curve["best_step"],
        }
        for step, train, valid, score in _thin(list(rows), ROWS)
    ]
