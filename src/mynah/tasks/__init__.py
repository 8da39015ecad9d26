"""What models are asked to do: one file a task, with a `Task` named TASK. The folder is the registry.

A task may also be a class in a user's own file, ``./mine.py:MyTask``, or one that an installed package offers by an
entry point of the group ``mynah.tasks``.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mynah.ground.errors import UsageError

if TYPE_CHECKING:
    from mynah.contracts.own import Source
    from mynah.tasks.task import Task

#: In place of a task: to classify, or, where there are no labels, to generate.
AUTO = "auto"
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
    """Return the task that `find` has found."""
    if isinstance(found, str):
        task: Task = import_module(f"mynah.tasks.{found}").TASK
        return task
    made: Task = found.defined()
    return made


def by_name(text: str) -> Task:
    """Return a task, see `find`."""
    return of(find(text))


def title(found: str | Source) -> str:
    """Return what a task is called in results: its name, or the file without its folder, and the class."""
    return found if isinstance(found, str) else found.family


def _is_task(value: object) -> bool:
    from mynah.tasks.task import Task

    return isinstance(value, type) and issubclass(value, Task)
