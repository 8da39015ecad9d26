"""Families of one run, or of several runs on the same clips, side by side with paired tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mynah.ground.errors import UsageError
from mynah.judging import statistics
from mynah.judging.choice import Contender, choose
from mynah.judging.metric import Metric
from mynah.runs.board import against, aligned, counted, number, score_text
from mynah.runs.run import Run
from mynah.tasks.task import Task

#: A model judged on voices or rooms it was trained on looks better than it is.
_OTHER_FOLDS = "These runs split the clips differently, so part of a difference may be the split and not the method."


@dataclass(frozen=True)
class Comparison:
    """Rows best first: run, family, score, interval, against the best, costs; and the sentence."""

    rows: list[dict[str, Any]]
    verdict: str
    clips: int
    metric: Metric
    items: tuple[str, str] = ("clip", "clips")

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as one document."""
        return {"schema": "mynah.comparison/2", "clips": self.clips, "verdict": self.verdict, "rows": self.rows}

    def __str__(self) -> str:
        table = [("run", "family", "score [95 %]", "against the best", "train", f"ms/{self.items[0]}", "MB")]
        for row in self.rows:
            table.append(
                (
                    row["run"],
                    row["family"],
                    score_text(row, self.metric),
                    against(row, self.metric),
                    number(row["train_seconds"], "{:.1f} s"),
                    number(row["ms_per_clip"], "{:.1f}"),
                    number(row["megabytes"], "{:.2f}"),
                )
            )
        return "\n".join([f"{counted(self.clips, self.items)} in common", *aligned(table), f"Verdict: {self.verdict}"])


def compare(folders: Sequence[str | os.PathLike[str]]) -> Comparison:
    """Compare all families that finished in these runs, on the clips that all of them answered.

    Args:
        folders: of runs.

    Raises:
        UsageError: runs of different tasks, sounds or labels, or nothing that finished.
    """
    runs = [Run.open(folder) for folder in folders]
    names = _distinct([Path(folder) for folder in folders])
    first = runs[0].results
    task, *_ = [run.task for run in runs]  # of each it must be what it was
    files = {_identity(item): number for number, item in enumerate(first["items"])}
    entries: dict[str, tuple[str, dict[str, Any], np.ndarray]] = {}
    for run, name in zip(runs, names, strict=True):
        order = _order(run.results, files, first, name)
        for row in run.board:
            if row["score"] is not None and row["status"] == "ok":
                answers = np.full(len(files), None, dtype=object)
                for place, row_of_item in zip(order, task.recorded(run.results, row), strict=True):
                    answers[place] = row_of_item
                entries[f"{name}: {row['name']}" if len(runs) > 1 else row["name"]] = (name, row, answers)
    if not entries:
        raise UsageError("no family has finished in these runs", where=", ".join(names))
    return _compared(task, entries, runs)


def _identity(item: dict[str, Any]) -> tuple[Any, ...]:
    return item["file"], item["label"], item["start"], item["end"]


def _order(results: dict[str, Any], files: dict[tuple[Any, ...], int], first: dict[str, Any], name: str) -> list[int]:
    """Return where each clip of a run stands in the first run."""
    if results["task"] != first["task"]:
        measured = f"{results['task']} against {first['task']}"
        raise UsageError("a run of another task", where=name, measured=measured, remedy="Compare runs of one task.")
    if results["metric"]["name"] != first["metric"]["name"]:
        measured = f"{results['metric']['title']} against {first['metric']['title']}"
        raise UsageError("a run with another metric", where=name, measured=measured, remedy="Learn both again.")
    found = [files.get(_identity(item)) for item in results["items"]]
    if None in found or len(found) != len(files) or results["classes"] != first["classes"]:
        raise UsageError(
            "not a run on the same clips and labels",
            where=name,
            measured=f"{len(found)} clips against {len(files)}",
            remedy="Only runs on the same sounds can be compared clip by clip.",
        )
    return [number for number in found if number is not None]


def _distinct(folders: Sequence[Path]) -> list[str]:
    names = [folder.resolve().name for folder in folders]
    return [n if names.count(n) == 1 else "/".join(f.resolve().parts[-2:]) for n, f in zip(names, folders, strict=True)]


def _compared(
    task: Task, entries: dict[str, tuple[str, dict[str, Any], np.ndarray]], runs: Sequence[Run]
) -> Comparison:
    first = runs[0].results
    metric = task.metric
    seen = np.all([[answer is not None for answer in answers] for _, _, answers in entries.values()], axis=0)
    if not seen.any():
        raise UsageError("these runs held out different clips")
    groups = np.array([item["group"] or item["file"] for item in first["items"]])[seen]
    same_folds = all(run.results["split"] == first["split"] for run in runs)
    folds = np.array([str(item["fold"]) if same_folds else "" for item in first["items"]])[seen]
    contenders = {
        key: Contender(np.array(answers[seen].tolist(), dtype=float), row["megabytes"])
        for key, (_, row, answers) in entries.items()
    }
    words, group = task.words.items[1], first["split"]["grouped_by"]
    choice = choose(contenders, metric, groups, folds, baseline=task.baseline, items=words, group=group)
    rows = []
    for key, (name, row, _) in entries.items():
        interval = statistics.bootstrap_interval(metric, contenders[key].statistics, groups)
        rows.append(
            {
                "run": name,
                "family": row["name"],
                "score": float(metric.score(contenders[key].statistics.sum(axis=0))),
                "ci": [None, None] if interval is None else list(interval),
                "gap": choice.verdicts[key].gap,
                "probability": choice.verdicts[key].probability_best_is_better,
                "verdict": choice.verdicts[key].kind,
                "status": "ok",
                **{cost: row[cost] for cost in ("train_seconds", "ms_per_clip", "megabytes", "parameters")},
            }
        )
    rows.sort(key=lambda row: metric.rank(row["score"]))
    verdict = choice.sentence if same_folds else f"{choice.sentence} {_OTHER_FOLDS}"
    return Comparison(rows, verdict, int(seen.sum()), metric, task.words.items)
