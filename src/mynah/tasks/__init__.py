"""What models are asked to do: one file a task, with a `Task` named TASK. The folder is the registry.

A task may also be a class in a user's own file, ``./mine.py:MyTask``, or one that an installed package offers by an
entry point of the group ``mynah.tasks``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mynah.ground.errors import UsageError

if TYPE_CHECKING:
    from mynah.contracts.own import Source
    from mynah.tasks.task import Task

#: In place of a task: the first where there are labels, else the second.
AUTO = "auto"
LABELLED, UNLABELLED = "classify", "generate"
#: Entry points of this group are tasks.
GROUP = "mynah.tasks"


def names() -> list[str]:
    """Return the tasks of this installation."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in ("__init__", "task"))


def find(text: str) -> str | Source:
    """Return the name of a task of this installation, or where another comes from.

    Args:
        text: a name; ``mine.py:MyTask``, or ``mine.py`` where it defines one task alone.

    Raises:
        UsageError: there is none, or the file has an error in it; the file is run.
    """
    from mynah.contracts import own

    if text in names():
        return text
    if own.is_own(text):
        found = own.sources(text, _is_task, "task")
        if len(found) > 1:
            raise UsageError("defines several tasks", where=text, measured=", ".join(s.name for s in found))
        return found[0]
    source = own.packaged(text, GROUP)
    if source is None:
        raise UsageError("no such task", where=text, remedy=f"Use {', '.join(names())} or {AUTO}.")
    return source


def of(found: str | Source) -> Task:
    """Return the task that `find` has found.

    Raises:
        UsageError: of a user's own, what it lacks.
    """
    if isinstance(found, str):
        task: Task = import_module(f"mynah.tasks.{found}").TASK
        return task
    return _made(found.defined, found.family)


def by_name(text: str) -> Task:
    """Return a task, see `find`."""
    return of(find(text))


def title(found: str | Source) -> str:
    """Return what a task is called in results: its name, or the file without its folder, and the class."""
    return found if isinstance(found, str) else found.family


def _made(kind: Any, title: str) -> Task:
    """Return a task of a user's own class, which may lack what a task needs."""
    from mynah.judging.metric import Metric
    from mynah.tasks.task import Task, Words

    if not _is_task(kind):
        raise UsageError("is no task", where=title, remedy="Derive it from mynah.tasks.task.Task.")
    metric = getattr(kind, "metric", None)
    if not isinstance(metric, Metric) or metric.function is None:
        raise UsageError("needs a `metric`, a mynah.judging.metric.Metric with its `function`", where=title)
    if not isinstance(getattr(kind, "name", None), str) or not isinstance(kind.words, Words):
        raise UsageError("needs a `name`, a text, and `words` that are mynah.tasks.task.Words", where=title)
    missing = [name for name in ("statistics", "floor") if getattr(kind, name) is getattr(Task, name)]
    if missing:
        raise UsageError(f"must define {' and '.join(missing)}", where=title)
    try:
        made: Task = kind()
    except TypeError as error:
        raise UsageError("its constructor must take no arguments", where=title, measured=error) from error
    return made


def _is_task(value: object) -> bool:
    from mynah.tasks.task import Task

    return isinstance(value, type) and issubclass(value, Task)
