"""Section 7: how it was done, what it takes to repeat it, and what the numbers do not say."""

from __future__ import annotations

import re
from typing import Any

from mynah.judging.metric import Metric
from mynah.report import tasks, wording
from mynah.report.verdict import metric_of, shown, still_improving, trained_on

#: verdict -> what it does not say; {group} is what no fold cuts through
MEANINGS = {
    "as good": '"As good" means that the gap is no larger than its standard error: the scores do not show a '
    "difference, which does not mean that there is none.",
    "unclear": '"Unclear" means that the gap is larger than its standard error, but there is too little to be '
    "sure that it is real.",
    "not tested": '"Not tested" means that there are too few {group}s for intervals and tests: '
    "the order of the methods may be luck.",
}


def section(results: dict[str, Any]) -> dict[str, Any]:
    """Return what templates/method.html shows."""
    how, split = results["how"], results["split"]
    return {
        "metric": metric_of(results).title,
        "metric_means": results["metric"]["meaning"],
        "split": split,
        "budget": wording.budget(how["budget"]),
        "budget_each": _budget_each(results),
        "tested": any(f["verdict"] == "best" for f in results["families"]),
        "timed": not re.search("step|epoch", how["budget"]),
        "model": results["model"],
        "trained_on": trained_on(results),
        "options": _options(how.get("options", {})),
        "commands": [c for c in dict.fromkeys((how["command"], how["repeat"])) if c],
        "seed": how["seed"],
        "took": wording.duration(how["seconds"]),
        "machine": f"{how['platform']}, {wording.plural(how['cores'], 'core') if how['cores'] else 'cores unknown'}",
        "workers": f"{wording.plural(how['workers'], 'worker')} ({how['executor']})",
        "device": how.get("device", "cpu"),
        "python": how["python"],
        "versions": list(how["versions"].items()),
        "other_scores": _other_scores(results),
        "limits": limits(results),
        "references": [f for f in results["families"] if f["reference"]],
        "folds": [
            {"name": f["name"], "scores": [shown(results, score) for score in (f["score"], *f["fold_scores"])]}
            for f in results["families"]
            if any(score is not None for score in f["fold_scores"]) and len(f["fold_scores"]) == len(split["folds"])
        ],
    }


def _budget_each(results: dict[str, Any]) -> str:
    """Say what a fold of the methods that are trained step by step was given."""
    spans = [f["budget_seconds"] for f in results["families"] if f["curves"] and f["budget_seconds"] is not None]
    ends = list(dict.fromkeys(wording.duration(end) for end in (min(spans), max(spans)))) if spans else []
    return " to ".join(ends)


def _options(asked: dict[str, Any]) -> str:
    """Say what was asked for beside budget and seed."""
    words = {
        "labels": "labels from {}",
        "target": "target {}",
        "group": "grouped by {}",
        "folds": "{} folds asked for",
        "repair": "files repaired",
    }
    return ", ".join(said.format(asked[key]) for key, said in words.items() if asked.get(key))


def _other_scores(results: dict[str, Any]) -> dict[str, Any]:
    names = list(dict.fromkeys(name for f in results["families"] for name in f["scores"]))
    figures = {metric_of(results).name: metric_of(results), **tasks.of(results["task"]).figures}
    figures = {name: figures.get(name) or Metric(name, name.replace("_", " "), digits=3) for name in names}
    rows = []
    for family in results["families"]:
        values = [family["scores"].get(name) for name in names]
        if any(value is not None for value in values):
            words = [wording.typeset(figures[n].show(v)) for n, v in zip(names, values, strict=True)]
            rows.append((family["name"], words))
    return {"names": [figures[name].title for name in names], "rows": rows}


def limits(results: dict[str, Any]) -> list[str]:
    """Say what the numbers do not show, in the order of how often it misleads."""
    several = results["words"]["items"][1]
    others = "microphones, rooms, players or places" if results["dataset"]["duration"] else "sources"
    grouped = results["split"]["grouped_by"]
    said = [
        f"The scores hold for {several} like these. Other {others} were not tested unless "
        f"they are different groups here (folds are grouped by {grouped}).",
        f"The best of several methods was picked on the {several} it is scored on, so its score is a little "
        "flattering; the interval does not contain this.",
    ]
    if results["folds"] < 2:
        said.append(
            f"There is one fold only: the tests know how the choice of {several} moves a score, "
            "not how the luck of training does. A claim that one method is better is wrong more often here than with "
            "several folds."
        )
    said += tasks.of(results["task"]).limits(results) + _cut_short(results)
    if results["leaks"]:
        said.append("Something about the files or the split may make scores too good (see the health of the data).")
    if results["status"] != "complete":
        said.append("The run was interrupted: methods have finished different folds and are not all comparable.")
    said += [
        "Each method is used with its default settings and an equal share of the budget. "
        "More time or tuning may change the order.",
        'Times were measured on the machine named under "To repeat it" and mean little elsewhere; '
        "their ratios hold better.",
    ]
    verdicts = {f["verdict"] for f in results["families"]}
    return said + [
        words.format(group=results["split"]["grouped_by"]) for verdict, words in MEANINGS.items() if verdict in verdicts
    ]


def _cut_short(results: dict[str, Any]) -> list[str]:
    """Name the methods that a longer budget might have made better."""
    said = []
    improving = [f["name"] for f in results["families"] if f["status"] == "ok" and still_improving(f)]
    late = [f["name"] for f in results["families"] if "deadline" in f.get("ended", [])]
    if improving:
        said.append(
            f"{wording.listing(improving)} had not stopped improving when the budget ended. "
            "With more time they may score higher, and the order may change."
        )
    if late:
        said.append(f"The deadline came before the planned last step of {wording.listing(late)}.")
    return said
