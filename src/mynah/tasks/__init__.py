"""What models are asked to do: one file a task, with a `Task` record named TASK."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mynah.ground.errors import UsageError

if TYPE_CHECKING:
    from mynah.tasks.task import Task

NAMES = ("classify", "transcribe", "generate")
#: In place of a task: to classify, or, where there are no labels, to generate.
AUTO = "auto"


def by_name(name: str) -> Task:
    """Return a task.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in NAMES:
        raise UsageError("no such task", where=name, remedy=f"Use {', '.join(NAMES)} or {AUTO}.")
    task: Task = import_module(f"mynah.tasks.{name}").TASK
    return task
