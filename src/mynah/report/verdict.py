"""Section 1: the outcome as one sentence, and the table of families."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from mynah.report import svg, wording

PLOT_WIDTH, PLOT_HEIGHT = 190, 26


def section(results: dict[str, Any]) -> dict[str, Any]:
    """Return what templates/verdict.html shows."""
    scale = _scale(results)
    rows = [_row(family, results, scale) for family in results["families"]]
    data = results["dataset"]
    facts = [
        wording.plural(results["clips"], "clip"),
        wording.plural(len(results["classes"]), "class", "classes"),
        f"{wording.duration(data['seconds'])} of sound",
        f"{wording.plural(results['folds'], 'fold')} grouped by {results['split']['grouped_by']}",
        f"chance {wording.percent(results['chance'], 0)}",
    ]
    return {
        "sentence": results["verdict"],
        "partial": results["status"] != "complete",
        "facts": facts,
        "rows": rows,
        "axis": _axis(scale),
        "metric": metric_title(results),
        "kept": results["best"],
        "model": results["model"],
        "kept_is_not_top": bool(rows) and results["best"] is not None and not rows[0]["kept"],
    }


def metric_title(results: dict[str, Any]) -> str:
    return str(results.get("metric_title") or results["metric"].replace("_", " "))


def fold_words(family: dict[str, Any], folds: int) -> str:
    """Say how far a family came."""
    done = sum(score is not None for score in family["fold_scores"])
    if family["status"] == "ok":
        return "done"
    return f"{family['status']}, {done} of {folds} folds" if done else str(family["status"])


def _row(family: dict[str, Any], results: dict[str, Any], scale: svg.Scale) -> dict[str, Any]:
    tail = family["ms_per_clip_p95"]
    return {
        "name": family["name"],
        "title": family["title"],
        "year": family["year"],
        "kept": family["name"] == results["best"],
        "score": wording.percent(family["score"]),
        "interval": wording.interval(family["ci"]),
        "plot": _plot(family, results, scale),
        "verdict": family["verdict"],
        "p": "" if family["p_vs_best"] is None else wording.probability(family["p_vs_best"]),
        "train": wording.duration(family["train_seconds"]),
        "per_clip": wording.milliseconds(family["ms_per_clip"]),
        "per_clip_p95": "" if tail is None else f"95th percentile {wording.milliseconds(tail)}",
        "size": wording.megabytes(family["megabytes"]),
        "parameters": wording.count(family["parameters"]),
        "status": fold_words(family, results["folds"]),
        "ok": family["status"] == "ok",
        "message": family["message"],
        "later": ", ".join(family["superseded_by"]),
        "sort": {key: family[key] for key in ("score", "p_vs_best", "train_seconds", "ms_per_clip", "megabytes", "parameters")},
    }  # fmt: skip


def _scale(results: dict[str, Any]) -> svg.Scale:
    ends = [end for family in results["families"] for end in (*family["ci"], family["score"]) if end is not None]
    low = min([*ends, results["chance"]]) if ends else 0.0
    return svg.Scale(max(0.0, int(low * 10) / 10), 1.0, 8, PLOT_WIDTH - 8)


def _plot(family: dict[str, Any], results: dict[str, Any], scale: svg.Scale) -> Markup:
    """Draw score and interval on the scale that all rows share, with chance as a faint line."""
    if family["score"] is None:
        return Markup("")
    middle = PLOT_HEIGHT / 2
    parts = [svg.line(scale(results["chance"]), 2, scale(results["chance"]), PLOT_HEIGHT - 2, "chance")]
    low, high = family["ci"]
    if low is not None and high is not None:
        parts.append(svg.line(scale(low), middle, scale(high), middle, "whisker"))
    kept = family["name"] == results["best"]
    shape, size, kind = ("circle", 5.5, "dot kept") if kept else look(family)
    parts.append(svg.marker(shape, scale(family["score"]), middle, size, kind))
    label = f"{wording.percent(family['score'])}, 95 % interval {wording.interval(family['ci'])}"
    return svg.drawing(PLOT_WIDTH, PLOT_HEIGHT, label, *parts, kind="forest")


def look(family: dict[str, Any]) -> tuple[str, float, str]:
    """Return shape, size and class of a family's mark, the same in every chart."""
    if family["verdict"] in ("best", "cannot be told apart"):
        return "circle", 4.5, "dot close"
    return ("diamond", 4.0, "dot worse") if family["verdict"] == "worse" else ("triangle", 4.5, "dot other")


def _axis(scale: svg.Scale) -> Markup:
    parts = []
    for tick in scale.ticks(4):
        parts.append(svg.line(scale(tick), 14, scale(tick), 18, "tick"))
        anchor = "middle" if scale.low < tick < scale.high else "start" if tick <= scale.low else "end"
        at = scale(tick) + (0 if anchor == "middle" else -8 if anchor == "start" else 8)
        parts.append(svg.text(at, 10, f"{100 * tick:.0f}{wording.THIN}%" if tick >= 1 else f"{100 * tick:.0f}", anchor=anchor))
    parts.append(svg.line(scale(scale.low), 18, scale(scale.high), 18, "axis"))
    return svg.drawing(PLOT_WIDTH, 19, "scale of the scores", *parts, kind="forest axis-only")
