"""From finished trials to one document, ``results.json``: the leaderboard and everything the page shows."""

from __future__ import annotations

import csv
import os
import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import mynah
from mynah.data import Corpus, Splits
from mynah.judging import statistics
from mynah.judging.metric import Metric
from mynah.runs.entry import Entry
from mynah.tasks.task import Gathered, Task
from mynah.training import Budget

#: What a family's entry says where too few sounds judge for a score to mean something.
NO_SCORE: dict[str, Any] = {
    "score": None,
    "ci": [None, None],
    "gap": None,
    "probability": None,
    "verdict": "",
    "scores": {},
}
VERSIONED = ("numpy", "scipy", "scikit-learn", "torch", "soundfile", "soxr", "joblib")


@dataclass
class Answers:
    """What one family answered on held-out clips.

    Attributes:
        entry: the row.
        results: per fold in the order of the split, None where the trial has not finished.
        found: the answers of the folds that have finished, as they are scored.
        statistics: (clip, k) what each answered clip adds to the totals of the metric, of those alone.
        fold_scores: per fold, None where it has not finished.
    """

    entry: Entry
    results: list[dict[str, Any] | None]
    found: Gathered
    statistics: np.ndarray
    fold_scores: list[float | None]

    @property
    def status(self) -> str:
        """ok, failed, partial or stopped."""
        states = ["missing" if r is None else r["status"] for r in self.results]
        if all(state == "ok" for state in states):
            return "ok"
        if "failed" in states:
            return "failed"
        return "partial" if "ok" in states else "stopped"

    @property
    def done(self) -> list[dict[str, Any]]:
        """The results of the folds that have finished."""
        return [result for result in self.results if result is not None and result["status"] == "ok"]


def gather(
    task: Task, entry: Entry, results: Sequence[dict[str, Any] | None], targets: np.ndarray, names: np.ndarray
) -> Answers:
    """Join the folds of one row.

    Args:
        results: a fold, None where it has not finished.
        targets: (item,) the right answers.
        names: what `task.names` makes of them.
    """
    done = {n: r for n, r in enumerate(results) if r is not None and r["status"] == "ok"}
    fold_of = np.full(len(targets), -1)
    answers = np.zeros(len(targets))
    for number, result in done.items():
        test, given = np.array(result["test"], dtype=int), np.asarray(result["answers"])
        if fold_of.max(initial=-1) < 0:  # the first says what answers look like
            answers = np.zeros(
                (len(targets), *given.shape[1:]), dtype=object if given.dtype.kind in "OU" else given.dtype
            )
        answers[test], fold_of[test] = given, number
    found = Gathered(answers, fold_of, [result.get("facts", {}) for result in done.values()])
    found = task.adjusted(found, targets, names) if done else found
    seen = found.answered
    statistics = task.statistics(targets[seen], found.answers[seen], names) if done else np.zeros((0, 1))
    place = fold_of[seen]
    scores = [
        float(task.metric.score(statistics[place == number].sum(axis=0))) if number in done else None
        for number in range(len(results))
    ]
    return Answers(entry, list(results), found, statistics, scores)


def family_row(
    task: Task, answers: Answers, targets: np.ndarray, names: np.ndarray, groups: np.ndarray, seed: int
) -> dict[str, Any]:
    """Return a family's entry of the document, all but its verdict."""
    card = answers.entry.card
    done = answers.done
    per_fold = [result if result is not None and result["status"] == "ok" else None for result in answers.results]
    found = answers.found
    row: dict[str, Any] = {
        "name": answers.entry.name,
        "title": card.title,
        "year": card.year or None,
        "reference": f"{card.authors}: {card.reference}",
        "superseded_by": list(card.superseded_by),
        "status": answers.status,
        "message": next((r["message"] for r in answers.results if r and r["message"]), ""),
        **NO_SCORE,
        "train_seconds": _mean([r["record"].get("cpu_seconds", r["seconds"]) for r in done]),
        "ms_per_clip": _quantile([t for r in done for t in r["milliseconds"]], 0.5),
        "ms_per_clip_p95": _quantile([t for r in done for t in r["milliseconds"]], 0.95),
        "megabytes": _mean([r["megabytes"] for r in done]),
        "parameters": done[0]["parameters"] if done else None,
        "budget_seconds": _budget_seconds(done),
        "steps": [r["record"].get("trained") for r in done],
        "plans": [
            {"steps": r["record"]["steps"], "stop": r["record"]["stop"]} if r and "steps" in r["record"] else None
            for r in per_fold
        ],
        "ended": [r["record"].get("ended") if r else None for r in per_fold],
        "fold_scores": answers.fold_scores,
        "curves": [_curve(task, str(i + 1), r) for i, r in enumerate(answers.results) if r and r.get("history")],
        "sounds": found.facts[0].get("sounds", []) if found.facts else [],
        "details": task.rows(found, targets, names),
    }
    if not done or answers.status == "failed":  # a score over the folds that worked would be no score
        return without_score(row, task)
    seen = found.answered
    score = float(task.metric.score(answers.statistics.sum(axis=0)))
    interval = statistics.bootstrap_interval(task.metric, answers.statistics, groups[seen], seed=seed)
    return row | {
        "score": score,
        "ci": [None, None] if interval is None else list(interval),
        "scores": {task.metric.name: score} | task.scores(targets[seen], found.answers[seen], names),
    }


def without_score(row: dict[str, Any], task: Task) -> dict[str, Any]:
    """Return a family's entry without its score and what means nothing without one."""
    details = row["details"] | {key: [] for key in task.of_scored if key in row["details"]}
    return row | NO_SCORE | {"details": details}


def _budget_seconds(done: Sequence[dict[str, Any]]) -> float | None:
    spans = [Budget.parse(r["budget"]).seconds for r in done if r["budget"]]
    return _mean([span for span in spans if span is not None])


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None


def _curve(task: Task, fold: str, result: dict[str, Any]) -> dict[str, Any]:
    history = result["history"]
    is_scored = task.scored_while_learning
    return {
        "fold": fold,
        "step": [e["step"] for e in history],
        "train_loss": [e["train_loss"] for e in history],
        "valid_loss": [e["valid_loss"] for e in history],
        "valid_score": [e["valid_score"] if is_scored else None for e in history],
        "best_step": result["record"]["best_step"],
    }


def dataset(corpus: Corpus[Any], rate: int, per_class: dict[str, int]) -> dict[str, Any]:
    """Describe the items: sizes, rates, formats, how many of each class or symbol. What is no sound has no length."""
    seconds = np.array([item.seconds for item in corpus if item.seconds is not None])
    lengths = {"min": seconds.min(), "median": np.median(seconds), "max": seconds.max()} if len(seconds) else None
    return {
        "name": corpus.name,
        "seconds": float(seconds.sum()) if len(seconds) else None,
        "duration": None if lengths is None else {name: float(length) for name, length in lengths.items()},
        "rates": {str(k): v for k, v in sorted(corpus.rates.items())},
        "channels": _counted(corpus, "channels"),
        "formats": _counted(corpus, "format"),
        "per_class": per_class,
        "rate_used": int(rate) or None,
    }


def _counted(corpus: Corpus[Any], name: str) -> dict[str, int]:
    """Count the values of what only some kinds of item have."""
    values = [getattr(item, name) for item in corpus if hasattr(item, name)]
    return {str(value): count for value, count in sorted(Counter(values).items())}


def items(corpus: Corpus[Any], splits: Splits, task: Task, names: np.ndarray) -> list[dict[str, Any]]:
    """Describe each item: what the page needs to name and to group it."""
    fold_of = {int(i): fold.name for fold in splits.folds for i in fold.test}
    rows = []
    for number, item in enumerate(corpus):
        label = item.label if item.target is None else task.written(item.target, names)
        rows.append({**item.described(), "label": label, "fold": fold_of.get(number)})
    return rows


def answers_of(task: Task, found: Gathered, targets: np.ndarray, names: np.ndarray) -> list[dict[str, Any]]:
    """Return of each item what the kept family answered, and whether that is wrong, where the task can say so."""
    rows: list[dict[str, Any]] = []
    for target, answer, known in zip(targets, found.answers, found.answered, strict=True):
        given = task.written(answer, names) if known else None
        right = task.written(target, names)
        comparable = given is not None and len(names) > 0 and bool(given or right)
        rows.append({"answer": given, "wrong": given != right if comparable else None})
    return rows


def health(sounds: Corpus[Any]) -> dict[str, Any]:
    """Describe what was set aside, doubled or suspicious."""
    return {
        "skipped": len({p.file for p in sounds.problems if p.action == "set aside"}),
        "problems": [
            {"file": p.file, "kind": p.kind, "action": p.action, "detail": p.detail, "remedy": p.remedy}
            for p in sounds.problems
        ],
        "ignored": dict(sounds.ignored),
        "duplicates": [list(files) for files in sounds.duplicates],
        "leaks": [
            {"kind": k.kind, "message": k.message, "accuracy": k.accuracy, "chance": k.chance} for k in sounds.leaks
        ],
    }


def split_facts(splits: Splits, sounds: Corpus[Any]) -> dict[str, Any]:
    """Describe the folds."""
    return {
        "kind": splits.kind,
        "description": splits.description,
        "grouped_by": sounds.grouped_by,
        "folds": [{"name": f.name, "train": len(f.train), "test": len(f.test)} for f in splits.folds],
    }


def ranked(rows: Iterable[dict[str, Any]], metric: Metric) -> list[dict[str, Any]]:
    """Return the families best first, the smaller of equals; those that did not finish come after all that did."""

    def rank(row: dict[str, Any]) -> tuple[bool, float, float]:
        return row["status"] != "ok", metric.rank(row["score"]), row["megabytes"] or 0.0

    return sorted(rows, key=rank)


def numbered(rows: list[dict[str, Any]], first: int) -> list[dict[str, Any]]:
    """Return the families with a number for each of their sounds, from `first` on, after those of the clips."""
    for number, sound in enumerate((sound for row in rows for sound in row["sounds"]), first):
        sound["id"] = number
    return rows


def write_skipped(path: Path, sounds: Corpus[Any]) -> None:
    """Write the list of files that are not as they should be."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "kind", "action", "detail", "remedy"])
        for p in sounds.problems:
            writer.writerow([p.file, p.kind, p.action, p.detail, p.remedy])


def circumstances() -> dict[str, Any]:
    """Describe this machine and these versions, without names of users or folders."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "versions": {"mynah": mynah.__version__} | {name: metadata.version(name) for name in VERSIONED},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
