"""What a task returns, checked where it comes in: a mistake in a user's own file is one sentence, and early."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from mynah.data import Corpus, Item
from mynah.data.clip import Clip
from mynah.ground.errors import NotEnoughData, UsageError
from mynah.tasks.task import Task, names_of


def checked_corpus(title: str, found: Any) -> Corpus[Any]:
    """Return what a task has read.

    Args:
        title: of the task.

    Raises:
        UsageError: no corpus of items, or items of one name, which nobody could tell apart.
        NotEnoughData: it is empty.
    """
    if not isinstance(found, Corpus):
        raise UsageError("its `read` must return a mynah.data.Corpus", where=title, measured=type(found).__name__)
    if not len(found):
        raise NotEnoughData("holds nothing to learn from", where=found.name)
    wrong = [item for item in found if not isinstance(item, Item | Clip)]
    if wrong:
        raise UsageError("items must be of mynah.data.Item", where=title, measured=type(wrong[0]).__name__)
    names = Counter(item.file for item in found if isinstance(item, Item))
    if not all(isinstance(name, str) and name for name in names):
        raise UsageError("an item needs a name, a text", where=title)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise UsageError("two items have one name", where=title, measured=twice[0])
    return found


def checked_use(title: str, found: Any) -> tuple[Corpus[Any], list[str]]:
    """Return what a task's `check` has returned: the corpus, and warnings; `UsageError` where it is neither."""
    if not isinstance(found, tuple) or len(found) != 2 or not isinstance(found[1], list):
        raise UsageError("its `check` must return the corpus and a list of warnings", where=title)
    return checked_corpus(title, found[0]), [str(warning) for warning in found[1]]


def checked_targets(task: Task, title: str, corpus: Corpus[Any]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the (item,) targets of a corpus, what they are made of, see `names_of`, and the floor.

    Raises:
        UsageError: not one target an item, one that is no finite number, or no finite floor.
    """
    targets: np.ndarray = np.asarray(task.targets(corpus))
    if targets.ndim == 0 or len(targets) != len(corpus):
        found = f"{len(targets) if targets.ndim else 1} to {len(corpus)} {task.words.items[1]}"
        raise UsageError("its `targets` must be one an item", where=title, measured=found)
    if targets.dtype.kind in "fc" and not np.isfinite(targets).all():
        raise UsageError("a target must be a finite number", where=title, measured=targets[~np.isfinite(targets)][0])
    names = names_of(task, targets)
    floor = task.floor(targets, names)
    if not isinstance(floor, int | float | np.number) or not np.isfinite(floor):
        raise UsageError("its `floor` must be a finite number", where=title, measured=floor)
    return targets, names, float(floor)


def checked_answers(task: Task, given: Any, targets: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return the answers as an array; `ValueError` where they are not one an item, or cannot be scored or kept."""
    answers: np.ndarray = np.asarray(given)
    if answers.ndim == 0 or len(answers) != len(targets):
        found = "one value" if answers.ndim == 0 else f"{len(answers)} answers"
        raise ValueError(f"{found} to {len(targets)} {task.words.items[1]}")
    if answers.dtype.kind == "O":
        raise ValueError("answers are neither numbers nor texts")
    rows = np.asarray(task.statistics(targets, answers, names), dtype=float)
    if rows.ndim != 2 or len(rows) != len(targets) or not np.isfinite(rows).all():
        raise ValueError(f"the statistics of its answers are not (item, k) finite numbers: {rows.shape}")
    if not np.isfinite(task.metric.score(rows.sum(axis=0))):
        raise ValueError("the score of its answers is no finite number")
    return answers
