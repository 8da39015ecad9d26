"""A model at work on a place that a task reads: an answer an item, whatever the items are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mynah.data.clip import Wave
from mynah.ground.errors import BadInput, MynahError, Stopped
from mynah.ground.progress import Progress, silent
from mynah.using.answers import Answer, Segment, without_place

if TYPE_CHECKING:
    from mynah.contracts.model import Model
    from mynah.tasks.task import Task


def answer_items(
    model: Model, task: Task, place: str | os.PathLike[str], *, progress: Progress = silent
) -> Iterator[Answer]:
    """Answer each item of a place in turn; one that cannot be used becomes an answer with an error.

    Args:
        model: fitted by `task`, or by one that reads the same.
        task: reads the place and uses the model, see `mynah.tasks.task.Task.use`.
        place: what the task reads.
        progress: told after each item.

    Raises:
        UsageError, BadInput, NotEnoughData: what the task refuses.
    """
    from mynah.tasks.task import Reading

    if not Path(place).exists():
        raise BadInput("no such file or folder", where=place)
    corpus = task.read(place, Reading())
    for number, item in enumerate(corpus):
        progress("apply", number, len(corpus), item.file)
        try:
            given = item.input if model.rate_ is None else Wave(item.read(model.rate_), model.rate_)
            text = task.written(task.use(model, given))
            end = item.seconds or 0.0
            yield Answer(item.file, text, segments=(Segment(0.0, end, text, None),), seconds=end)
        except Stopped:
            raise
        except MynahError as error:
            yield Answer(item.file, error=without_place(error))
    progress("apply", len(corpus), len(corpus), "")
