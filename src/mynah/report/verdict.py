"""Section 1: the outcome as one sentence, and the table of families."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from mynah.report import svg, wording
from mynah.report.schema import answers

PLOT_WIDTH, PLOT_HEIGHT = 190, 26
#: verdict -> shape, size and class of its mark; told apart by shape as well as by colour
LOOKS = {
    "best": ("circle", 4.5, "dot close"),
    "cannot be told apart": ("circle", 4.5, "dot close"),
    "lower, not proven": ("square", 4.2, "dot close open"),
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
    facts = [
        wording.plural(results["clips"], "clip"),
        wording.plural(len(results["classes"]), *kinds(results)),
        f"{wording.duration(data['seconds'])} of sound",
        f"{wording.plural(results['folds'], 'fold')} grouped by {results['split']['grouped_by']}",
        f"{baseline(results)} {wording.percent(results['chance'], 0)}",
        *error_rate(results),
    ]
    return {
        "sentence": _unbroken(results["verdict"]),
        "partial": results["status"] != "complete",
        "facts": facts,
        "rows": rows,
        "axis": _axis(scale),
        "metric": metric_title(results),
        "makes": answers(results) == "sounds",
        "intervals": any(family["ci"][0] is not None for family in results["families"]),
        "kept": results["best"],
        "model": results["model"],
        "trained_on": trained_on(results),
        "kept_is_not_top": any(f["verdict"] == "best" and f["name"] != results["best"] for f in results["families"]),
    }


def kinds(results: dict[str, Any]) -> tuple[str, str]:
    """Return what `classes` are called, one and several."""
    return {"texts": ("symbol", "symbols"), "sounds": ("label", "labels")}.get(answers(results), ("class", "classes"))


def baseline(results: dict[str, Any]) -> str:
    """Return what the best constant answer is called."""
    names = {"texts": "best constant text", "sounds": "white noise"}
    return names.get(answers(results), "chance")


def error_rate(results: dict[str, Any]) -> list[str]:
    """Say the symbol error rate of the kept family and its interval, where the task is to transcribe."""
    family = next((f for f in results["families"] if f["name"] == results["best"]), None)
    rate = None if family is None else family["scores"].get("symbol_error_rate")
    if family is None or rate is None:
        return []
    low, high = family["ci"]
    interval = "" if low is None else f", 95 % interval {wording.interval([1 - high, 1 - low])}"
    return [f"symbol error rate of {family['name']}: {wording.percent(rate)}{interval}"]


def metric_title(results: dict[str, Any]) -> str:
    return str(results.get("metric_title") or results["metric"].replace("_", " "))


def trained_on(results: dict[str, Any]) -> str:
    """Say what the kept model has heard."""
    whole = results["status"] == "complete"
    return f"all {wording.plural(results['clips'], 'clip')}" if whole else "the training clips of one fold only"


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
    """Return how far a family lies below the best, and what the test makes of that."""
    verdict = family["verdict"]
    best = next((f["score"] for f in results["families"] if f["verdict"] == "best"), None)
    p = "" if family["p_vs_best"] is None else f" (adjusted {wording.probability(family['p_vs_best'])})"
    luck, judge = {1: ("choice of clips", "these clips")}.get(
        results["folds"], ("folds", f"{wording.number(results['folds'])} folds")
    )
    words = {
        "cannot be told apart": f"could be luck of the {luck}{p}",
        "lower, not proven": f"not proven by {judge}{p}",
        "not tested": "too few recordings to judge",
        "worse": f"worse{p}",
    }
    if verdict in ("", "best", "not tested") or best is None or family["score"] is None:
        return verdict or wording.NONE, words.get(verdict, "")
    gap = 100 * (best - family["score"])
    lower = f"{wording.fixed(gap, 1)} points lower" if gap > 0.05 else "as high"
    return lower, words.get(verdict, verdict + p)


def _row(family: dict[str, Any], results: dict[str, Any], scale: svg.Scale) -> dict[str, Any]:
    tail = family["ms_per_clip_p95"]
    against, judged = against_best(family, results)
    return {
        "name": family["name"],
        "title": family["title"],
        "year": family["year"],
        "kept": family["name"] == results["best"],
        "score": wording.percent(family["score"]),
        "interval": "" if family["ci"][0] is None else wording.interval(family["ci"]),
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
    above, _ = above_chance([f for f in results["families"] if f["score"] is not None], results["chance"])
    ends = [end for family in above for end in (*family["ci"], family["score"]) if end is not None]
    return svg.Scale(int(max(0.0, min(ends, default=0.0) - 0.01) * 20) / 20, 1.0, 8, PLOT_WIDTH - 8)


def _plot(family: dict[str, Any], results: dict[str, Any], scale: svg.Scale) -> Markup:
    """Draw score and interval on the scale that all rows share, with chance as a faint line."""
    if family["score"] is None:
        return Markup("")
    middle, score, chance = PLOT_HEIGHT / 2, family["score"], results["chance"]
    parts = [svg.line(scale(scale.low), middle, scale(scale.high), middle, "grid")]
    if chance >= scale.low:
        parts.append(svg.line(scale(chance), 2, scale(chance), PLOT_HEIGHT - 2, "chance"))
    low, high = family["ci"]
    if score < scale.low:
        parts.append(svg.path([(14, middle - 5), (6, middle), (14, middle + 5)], "off-scale"))
    else:
        if low is not None and high is not None:
            left, right = scale(max(low, scale.low)), scale(high)
            parts.append(svg.line(left, middle, right, middle, whisker(family)))
            parts += [svg.line(x, middle - 4, x, middle + 4, whisker(family)) for x in (left, right)]
        shape, size, kind = look(family)
        parts.append(svg.marker(shape, scale(score), middle, size, kind))
    label = wording.percent(score) + ("" if low is None else f", 95 % interval {wording.interval(family['ci'])}")
    return svg.drawing(PLOT_WIDTH, PLOT_HEIGHT, label, *parts, kind="forest")


def above_chance(scored: list[dict[str, Any]], chance: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Part families from those no better than chance; all are in the first part when none is better."""
    above = [f for f in scored if (f["ci"][0] if f["ci"][0] is not None else f["score"]) > chance]
    return (above, [f for f in scored if f not in above]) if above else (scored, [])


def whisker(family: dict[str, Any]) -> str:
    """Return the class of a family's interval."""
    return "whisker near" if look(family)[2].startswith("dot close") else "whisker"


def look(family: dict[str, Any]) -> tuple[str, float, str]:
    """Return shape, size and class of a family's mark, the same in every chart."""
    return LOOKS.get(family["verdict"], LOOKS[""])


def _axis(scale: svg.Scale) -> Markup:
    parts = []
    for tick in scale.ticks(4):
        parts.append(svg.line(scale(tick), 14, scale(tick), 18, "tick"))
        words = f"{100 * tick:.0f}" + (f"{wording.THIN}%" if tick >= 1 else "")
        anchor = "middle" if scale.low < tick < scale.high else "start" if tick <= scale.low else "end"
        at = scale(tick) + (0 if anchor == "middle" else -8 if anchor == "start" else 8)
        parts.append(svg.text(at, 10, words, anchor=anchor))
    parts.append(svg.line(scale(scale.low), 18, scale(scale.high), 18, "axis"))
    return svg.drawing(PLOT_WIDTH, 19, "scale of the scores", *parts, kind="forest axis-only")
