"""How long jobs say how far they are: one callable, handed down; the command line draws it."""

from __future__ import annotations

from collections.abc import Callable

#: ``progress(stage, done, total, note)``: `done` of `total` units of `stage` are finished.
Progress = Callable[[str, int, int, str], None]


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    """Say nothing: the default everywhere below the command line."""
