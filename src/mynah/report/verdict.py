"""Section 1: the outcome as one sentence, and the table of families."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from mynah.judging.metric import Metric, how_sure
from mynah.report import svg, wording

PLOT_WIDTH, PLOT_HEIGHT = 190, 26
#: verdict -> shape, size and class of its mark; told apart by shape as well as by colour
LOOKS = {
    "best": ("circle", 4.5, "dot close"),
    "as good": ("circle", 4.5, "dot close"),
    "unclear": ("square", 4.2, "dot close open"),
    "worse": ("diamond", 4.0, "dot open"),
    "not tested": ("triangle", 4.5, "dot"),
    "": ("triangle", 4.5, "dot open"),
}
#: Columns that sort by their value, not by how it is written.
SORTED = ("score", "train_seconds", "ms_per_clip", "megabytes", "parameters")


def section(results: dict[str, Any]) -> dict[str, Any]:
    """Return what templates/verdict.html shows."""
    scale = _scale(results)
    rows = [_row(family, results, scale) for family in results["families"]]
    data = results["dataset"]
    parts, seconds = len(results["classes"]), data["seconds"]
    facts = [
        wording.items(results, results["clips"]),
        wording.plural(parts, *results["words"]["parts"]) if parts else "",
        "" if seconds is None else f"{wording.duration(seconds)} of sound",
        f"{wording.plural(results['folds'], 'fold')} grouped by {results['split']['grouped_by']}",
        f"{results['words']['baseline']} {shown(results, results['chance'], 0)}",
        *map(_unbroken, results["remarks"]),
    ]
    return {
        "sentence": _unbroken(results["verdict"]),
        "partial": results["status"] != "complete",
        "facts": [fact for fact in facts if fact],
        "rows": rows,
        "axis": _axis(scale, metric_of(results)),
        "metric": metric_of(results).title,
        "intervals": any(family["ci"][0] is not None for family in results["families"]),
        "kept": results["best"],
        "model": results["model"],
        "trained_on": trained_on(results),
        "kept_is_not_top": any(f["verdict"] == "best" and f["name"] != results["best"] for f in results["families"]),
    }


def metric_of(results: dict[str, Any]) -> Metric:
    """Return the metric of a document."""
    return Metric.from_json(results["metric"])


def shown(results: dict[str, Any], score: float | None, digits: int | None = None) -> str:
    """Return a score as the page writes it."""
    return wording.typeset(metric_of(results).show(score, digits))


def interval(results: dict[str, Any], ends: list[float | None]) -> str:
    """Return an interval as the page writes it, or a dash."""
    return wording.typeset(metric_of(results).show_interval(ends)) or wording.NONE


def trained_on(results: dict[str, Any]) -> str:
    """Return what the kept model was trained on."""
    whole = results["status"] == "complete"
    if whole:
        return f"all {wording.items(results, results['clips'])}"
    return f"the training {results['words']['items'][1]} of one fold only"


def _unbroken(sentence: str) -> str:
    """Keep a number with its unit, and p with its value, on one line."""
    return sentence.replace(" %", f"{wording.THIN}%").replace(" = ", "\u00a0=\u00a0")


def still_improving(family: dict[str, Any]) -> int:
    """Return how many folds were no worse at their last step than ever before: more steps might have helped."""
    return sum(bool(curve["step"]) and curve["best_step"] == curve["step"][-1] for curve in family["curves"])


def status_words(family: dict[str, Any], folds: int) -> str:
    """Say how far a family came, and whether it wanted to go on."""
    done = sum(score is not None for score in family["fold_scores"])
    late = family.get("ended", []).count("deadline")
    if family["status"] != "ok":
        return f"{family['status']}, {done} of {folds} folds" if done else str(family["status"])
    if improving := still_improving(family):
        return f"still improving when its budget ended ({improving} of {folds} folds)"
    return f"cut off by the deadline ({late} of {folds} folds)" if late else "done"


def against_best(family: dict[str, Any], results: dict[str, Any]) -> tuple[str, str]:
    """Return how far a family lies from the best, and how sure it is that the best is better."""
    verdict, gap = family["verdict"], family["gap"]
    words = {"as good": "as good: the gap may well be luck", "not tested": "too few recordings to compare"}
    if verdict in ("", "best", "not tested") or gap is None:
        return verdict or wording.NONE, words.get(verdict, "") if verdict == "not tested" else ""
    metric = metric_of(results)
    less = "lower" if metric.higher_is_better else "higher"
    far = f"{wording.typeset(metric.show_gap(gap))} {less}" if metric.number(gap) != metric.number(0.0) else "the same"
    return far, "; ".join(filter(None, [words.get(verdict, verdict), _sure(family["probability"])]))


def _sure(probability: float | None) -> str:
    """Return how sure it is that the best is better, where that is more than a guess."""
    if probability is None or probability < 0.75:
        return ""
    return _unbroken(how_sure(probability))


def _row(family: dict[str, Any], results: dict[str, Any], scale: svg.Scale) -> dict[str, Any]:
    tail = family["ms_per_clip_p95"]
    against, judged = against_best(family, results)
    return {
        "name": family["name"],
        "title": family["title"],
        "year": family["year"],
        "kept": family["name"] == results["best"],
        "score": shown(results, family["score"]),
        "interval": "" if family["ci"][0] is None else interval(results, family["ci"]),
        "plot": _plot(family, results, scale),
        "against": against,
        "judged": judged,
        "train": wording.duration(family["train_seconds"]),
        "per_clip": wording.milliseconds(family["ms_per_clip"]),
        "per_clip_p95": "" if tail is None else f"95th percentile {wording.milliseconds(tail)}",
        "size": wording.megabytes(family["megabytes"]),
        "parameters": wording.count(family["parameters"]),
        "status": status_words(family, results["folds"]),
        "ok": family["status"] == "ok",
        "message": family["message"],
        "later": ", ".join(family["superseded_by"]),
        "sort": {key: family[key] for key in SORTED},
    }


def _scale(results: dict[str, Any]) -> svg.Scale:
    """Span the families above chance: one at chance would squeeze the differences that matter into a corner."""
    metric = metric_of(results)
    above, _ = above_chance([f for f in results["families"] if f["score"] is not None], results)
    ends = [end for family in above for end in (*family["ci"], family["score"]) if end is not None]
    least, most = min(ends, default=0.0), max(ends, default=1.0)
    if metric.unit == "%" and metric.low is not None and metric.high is not None:
        return svg.Scale(int(max(0.0, least - 0.01) * 20) / 20, metric.high, 8, PLOT_WIDTH - 8)
    margin = 0.05 * (most - least) or 1.0
    return svg.Scale(least - margin, most + margin, 8, PLOT_WIDTH - 8)


def _plot(family: dict[str, Any], results: dict[str, Any], scale: svg.Scale) -> Markup:
    """Draw score and interval on the scale that all rows share, with chance as a faint line."""
    if family["score"] is None:
        return Markup("")
    middle, score, chance = PLOT_HEIGHT / 2, family["score"], results["chance"]
    parts = [svg.line(scale(scale.low), middle, scale(scale.high), middle, "grid")]
    if scale.low <= chance <= scale.high:
        parts.append(svg.line(scale(chance), 2, scale(chance), PLOT_HEIGHT - 2, "chance"))
    low, high = family["ci"]
    if not scale.low <= score <= scale.high:
        parts.append(svg.path([(14, middle - 5), (6, middle), (14, middle + 5)], "off-scale"))
    else:
        if low is not None and high is not None:
            left, right = scale(max(low, scale.low)), scale(min(high, scale.high))
            parts.append(svg.line(left, middle, right, middle, whisker(family)))
            parts += [svg.line(x, middle - 4, x, middle + 4, whisker(family)) for x in (left, right)]
        shape, size, kind = look(family)
        parts.append(svg.marker(shape, scale(score), middle, size, kind))
    label = shown(results, score) + ("" if low is None else f", 95 % interval {interval(results, family['ci'])}")
    return svg.drawing(PLOT_WIDTH, PLOT_HEIGHT, label, *parts, kind="forest")


def above_chance(
    scored: list[dict[str, Any]], results: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Part families from those no better than chance; all are in the first part when none is better."""
    metric = metric_of(results)
    worst = 0 if metric.higher_is_better else 1  # the end of an interval that is nearer to chance
    above = [
        f for f in scored if metric.better(f["score"] if f["ci"][worst] is None else f["ci"][worst], results["chance"])
    ]
    return (above, [f for f in scored if f not in above]) if above else (scored, [])


def whisker(family: dict[str, Any]) -> str:
    """Return the class of a family's interval."""
    return "whisker near" if look(family)[2].startswith("dot close") else "whisker"


def look(family: dict[str, Any]) -> tuple[str, float, str]:
    """Return shape, size and class of a family's mark, the same in every chart."""
    return LOOKS.get(family["verdict"], LOOKS[""])


def _axis(scale: svg.Scale, metric: Metric) -> Markup:
    parts = []
    for tick in scale.ticks(4):
        parts.append(svg.line(scale(tick), 14, scale(tick), 18, "tick"))
        last = tick == scale.ticks(4)[-1]
        words = f"{metric.scale * tick:g}" + (f"{wording.THIN}{metric.unit}".rstrip() if last else "")
        anchor = "middle" if scale.low < tick < scale.high else "start" if tick <= scale.low else "end"
        at = scale(tick) + (0 if anchor == "middle" else -8 if anchor == "start" else 8)
        parts.append(svg.text(at, 10, words, anchor=anchor))
    parts.append(svg.line(scale(scale.low), 18, scale(scale.high), 18, "axis"))
    return svg.drawing(PLOT_WIDTH, 19, "scale of the scores", *parts, kind="forest axis-only")
