"""A model at work on a place that a task reads: an answer an item, whatever the items are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mynah.data.clip import Wave
from mynah.ground.errors import BadInput, UsageError
from mynah.ground.progress import Progress, silent
from mynah.using.answers import Answer, Segment, attempted, check_names

if TYPE_CHECKING:
    from mynah.contracts.model import Model
    from mynah.tasks.task import Task


def answer_items(
    model: Model, task: Task, place: str | os.PathLike[str], *, progress: Progress = silent
) -> Iterator[Answer]:
    """Answer each item of a place in turn; one that cannot be used becomes an answer with an error.

    Args:
        model: that serves the task.
        task: reads the place and uses the model, see `mynah.tasks.task.Task.use`.
        place: what the task reads.
        progress: called after each item.

    Raises:
        UsageError: a model of another task, or one that makes new things.
        BadInput: there is no such place, or nothing in it.
        UsageError, BadInput, NotEnoughData: what the task refuses.
    """
    from mynah.tasks.task import Reading

    check_names(model)
    if task.name not in model.tasks:
        raise UsageError(f"a model that does not {task.name}", measured=f"it does {', '.join(model.tasks)}")
    if not Path(place).exists():
        raise BadInput("no such file or folder", where=place)
    corpus = task.read(place, Reading())
    if not len(corpus):
        raise BadInput("holds nothing that the task reads", where=place)
    for number, item in enumerate(corpus):
        progress("apply", number, len(corpus), item.file)
        yield attempted(item.file, partial(_answer, model, task, item))
    progress("apply", len(corpus), len(corpus), "")


def _answer(model: Model, task: Task, item: Any) -> Answer:
    given = item.input if model.rate_ is None else Wave(item.read(model.rate_), model.rate_)
    text = str(task.written(task.use(model, given)))
    end = item.seconds or 0.0
    return Answer(item.file, text, segments=(Segment(0.0, end, text, None),), seconds=end)
