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
from mynah.data import Sounds, Splits
from mynah.judging import statistics
from mynah.runs.entry import Entry
from mynah.tasks.task import Task
from mynah.training import Budget

SCHEMA = "mynah.results/1"
#: What a family's entry says where too few sounds judge for a score to mean something.
NO_SCORE: dict[str, Any] = {
    "score": None,
    "ci": [None, None],
    "p_vs_best": None,
    "verdict": "",
    "scores": {},
    "per_class": [],
    "confusion": [],
}
VERSIONED = ("numpy", "scipy", "scikit-learn", "torch", "soundfile", "soxr", "joblib")


@dataclass
class Answers:
    """What one family answered on held-out clips.

    Attributes:
        entry: the row.
        results: per fold in the order of the split, None where the trial has not finished.
        said: (clip,) labels, texts or gains; of no meaning where not `answered`.
        answered: (clip,) bool.
        probabilities: (clip, class), calibrated, or None where answers have none.
        temperature: of the kept model, from all answers.
        fold_scores: per fold, None where it has not finished.
    """

    entry: Entry
    results: list[dict[str, Any] | None]
    said: np.ndarray
    answered: np.ndarray
    fold_scores: list[float | None]
    probabilities: np.ndarray | None = None
    temperature: float = 1.0

    @property
    def status(self) -> str:
        states = ["missing" if r is None else r["status"] for r in self.results]
        if all(state == "ok" for state in states):
            return "ok"
        if "failed" in states:
            return "failed"
        return "partial" if "ok" in states else "stopped"


def gather(
    task: Task, entry: Entry, results: Sequence[dict[str, Any] | None], labels: np.ndarray, names: np.ndarray
) -> Answers:
    """Join the folds of one row; probabilities are calibrated.

    Args:
        results: a fold, None where it has not finished.
        labels: (clip,) labels or texts.
        names: what `task.names` makes of them.
    """
    done = {n: r for n, r in enumerate(results) if r is not None and r["status"] == "ok"}
    said = np.full(len(labels), "", dtype=object)
    fold_of = np.full(len(labels), -1)
    scores: list[float | None] = [None] * len(results)
    for number, result in done.items():
        test = np.array(result["test"], dtype=int)
        said[test], fold_of[test] = task.said(result["answers"], names), number
        scores[number] = task.stakes(labels[test], names).score(task.gain(labels[test], said[test], names))
    answers = Answers(entry, list(results), said, fold_of >= 0, scores)
    if task.answers == "classes":
        raw = np.zeros((len(labels), len(names)))
        for result in done.values():
            raw[np.array(result["test"], dtype=int)] = result["answers"]
        codes = np.searchsorted(names, labels)
        answers.probabilities, answers.temperature = _calibrated(raw, codes, fold_of)
    return answers


def _calibrated(raw: np.ndarray, codes: np.ndarray, fold_of: np.ndarray) -> tuple[np.ndarray, float]:
    """Return probabilities, each fold's by the temperature of the other folds' answers, and the temperature of all.

    So a score of the calibration is of answers that did not choose it. With one fold there are no others.
    """
    answered = fold_of >= 0
    folds = np.unique(fold_of[answered])
    probabilities = raw.copy()
    for fold in folds:
        here, others = fold_of == fold, answered & (fold_of != fold if len(folds) > 1 else True)
        probabilities[here] = statistics.temper(raw[here], statistics.temperature(raw[others], codes[others]))
    return probabilities, statistics.temperature(raw[answered], codes[answered])


def family_row(
    task: Task, answers: Answers, labels: np.ndarray, names: np.ndarray, groups: np.ndarray, seed: int
) -> dict[str, Any]:
    """Return a family's entry of the document, all but its verdict."""
    card = answers.entry.card
    done = [result for result in answers.results if result is not None and result["status"] == "ok"]
    per_fold = [result if result is not None and result["status"] == "ok" else None for result in answers.results]
    row: dict[str, Any] = {
        "name": answers.entry.name,
        "title": card.title,
        "year": card.year,
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
        **_answered(task, answers, names),
    }
    if not done or answers.status == "failed":  # a score over the folds that worked would be no score
        return row
    seen = answers.answered
    true, said = labels[seen], answers.said[seen]
    stakes, gain = task.stakes(true, names), task.gain(true, said, names)
    interval = statistics.bootstrap_interval(stakes, gain, groups[seen], seed=seed)
    scores = task.scores(true, said, names)
    row |= {
        "score": scores[task.metric],
        "ci": [None, None] if interval is None else list(interval),
        "scores": scores,
    }
    if answers.probabilities is None:
        return row
    codes, probabilities = np.searchsorted(names, true), answers.probabilities[seen]
    matrix = statistics.confusion(codes, probabilities.argmax(axis=1), len(names))
    return row | {
        "scores": statistics.scores(codes, probabilities, len(names)),
        "per_class": _per_class(matrix, [str(name) for name in names]),
        "confusion": matrix.tolist(),
    }


def _answered(task: Task, answers: Answers, names: np.ndarray) -> dict[str, Any]:
    """Return what a family said of each clip: the number of a class, a text, or what was gained by sounds."""
    known = zip(answers.said, answers.answered, strict=True)
    if task.answers == "classes":
        code = {name: number for number, name in enumerate(names)}
        return {"predicted": [code[said] if ok else None for said, ok in known]}
    nothing = {"predicted": [None] * len(answers.said)}
    if task.answers == "sounds":
        return nothing | {"gained": [float(said) if ok else None for said, ok in known], **_made(answers)}
    return nothing | {"said": [str(said) if ok else None for said, ok in known]}


def _made(answers: Answers) -> dict[str, Any]:
    """Return how a family's sounds were judged, and those of the first fold that can be heard, by their trial."""
    done = [result for result in answers.results if result is not None and result["status"] == "ok"]
    if not done:
        return {"judging": None, "sounds": []}
    judged = [result["facts"]["judging"] for result in done]
    judging = {key: _mean([j[key] for j in judged if j[key] is not None]) for key in judged[0] if key != "unit"}
    judging |= {"made": sum(j["made"] for j in judged), "unit": judged[0]["unit"]}
    return {"judging": judging, "sounds": done[0]["facts"]["sounds"]}


def _budget_seconds(done: Sequence[dict[str, Any]]) -> float | None:
    spans = [Budget.parse(r["budget"]).seconds for r in done if r["budget"]]
    return _mean([span for span in spans if span is not None])


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _quantile(values: Sequence[float], share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) else None


def _curve(task: Task, fold: str, result: dict[str, Any]) -> dict[str, Any]:
    history = result["history"]
    is_scored = task.answers != "sounds"  # their likeness is not measured while they learn
    return {
        "fold": fold,
        "step": [e["step"] for e in history],
        "train_loss": [e["train_loss"] for e in history],
        "valid_loss": [e["valid_loss"] for e in history],
        "valid_score": [e["valid_score"] if is_scored else None for e in history],
        "best_step": result["record"]["best_step"],
    }


def _per_class(matrix: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    right, true, said = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    recall, precision = right / np.maximum(true, 1), right / np.maximum(said, 1)
    f1 = 2 * right / np.maximum(true + said, 1)
    return [
        {"label": str(label), "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, precision, recall, f1, true, strict=True)
    ]


def dataset(sounds: Sounds, rate: int, per_class: dict[str, int]) -> dict[str, Any]:
    """Describe the sounds: sizes, rates, formats, clips per class or symbol."""
    seconds = np.array([clip.seconds for clip in sounds])
    return {
        "name": sounds.name,
        "seconds": float(seconds.sum()),
        "duration": {"min": float(seconds.min()), "median": float(np.median(seconds)), "max": float(seconds.max())},
        "rates": {str(k): v for k, v in sorted(Counter(clip.rate for clip in sounds).items())},
        "channels": {str(k): v for k, v in sorted(Counter(clip.channels for clip in sounds).items())},
        "formats": dict(sorted(Counter(clip.format for clip in sounds).items())),
        "per_class": per_class,
        "rate_used": int(rate),
    }


def items(sounds: Sounds, splits: Splits) -> list[dict[str, Any]]:
    """Describe each clip: what the page needs to name and to group it."""
    fold_of = {int(i): fold.name for fold in splits.folds for i in fold.test}
    return [
        {
            "file": clip.file,
            "label": clip.label,
            "group": clip.group,
            "fold": fold_of.get(number),
            "seconds": clip.seconds,
            "rate": clip.rate,
            "channels": clip.channels,
            "flags": list(clip.flags),
            "start": clip.start,
            "end": clip.end,
        }
        for number, clip in enumerate(sounds)
    ]


def health(sounds: Sounds) -> dict[str, Any]:
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


def split_facts(splits: Splits, sounds: Sounds) -> dict[str, Any]:
    """Describe the folds."""
    return {
        "kind": splits.kind,
        "description": splits.description,
        "grouped_by": sounds.grouped_by,
        "folds": [{"name": f.name, "train": len(f.train), "test": len(f.test)} for f in splits.folds],
    }


def calibration(answers: Answers, codes: np.ndarray) -> dict[str, Any]:
    """Describe the best family's calibration: temperature, threshold of "none of these", reliability bins."""
    assert answers.probabilities is not None
    seen = answers.answered
    probabilities, true = answers.probabilities[seen], codes[seen]
    threshold = statistics.reject_threshold(probabilities, true)
    return {
        "temperature": float(answers.temperature),
        "threshold": float(threshold),
        "reject_rate": float((probabilities.max(axis=1) < threshold).mean()),
        "bins": statistics.calibration_bins(probabilities, true),
    }


def top_three(answers: Answers) -> list[Any]:
    """Return each clip's three likeliest classes as [class, probability], or None where there is no answer."""
    assert answers.probabilities is not None
    rows: list[Any] = []
    for row, known in zip(answers.probabilities, answers.answered, strict=True):
        best = np.argsort(-row, kind="stable")[:3]
        rows.append([[int(i), round(float(row[i]), 5)] for i in best] if known else None)
    return rows


def ranked(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the families best first, the smaller of equals; those that did not finish come after all that did."""

    def rank(row: dict[str, Any]) -> tuple[bool, float, float]:
        return row["status"] != "ok", 0.0 if row["score"] is None else -row["score"], row["megabytes"] or 0.0

    return sorted(rows, key=rank)


def numbered(rows: list[dict[str, Any]], first: int) -> list[dict[str, Any]]:
    """Return the families with a number for each of their sounds, from `first` on, after those of the clips."""
    for number, sound in enumerate((sound for row in rows for sound in row.get("sounds", ())), first):
        sound["id"] = number
    return rows


def write_skipped(path: Path, sounds: Sounds) -> None:
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
