"""Progress on stderr: a bar on a terminal, a plain line every ten seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from mynah.ground.progress import Progress, silent
from mynah.using.answers import one_line

#: Words for the stages that the layers below name.
STAGES = {
    "inspect": "looking at the files",
    "pack": "packing",
    "represent": "computing what the models see",
    "train": "training",
    "refit": "training the best on all clips",
    "previews": "making previews",
    "apply": "listening",
    "render": "making sounds",
    "make": "making sounds",
    "verify": "running experiments",
    "compose": "writing music",
}
PLAIN_SECONDS = 10.0
#: Nothing is drawn for what takes less.
PATIENCE_SECONDS = 1.0


@contextmanager
def drawn(quiet: bool = False) -> Iterator[Progress]:
    """Yield a `Progress` that draws on stderr and clears its bar at the end."""
    if quiet:
        yield silent
    elif sys.stderr.isatty():
        yield from _bars()
    else:
        yield _plain()


def _plain() -> Progress:
    began: dict[str, float] = {}
    said: dict[str, float] = {}

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        note = one_line(note)
        now = time.monotonic()
        began.setdefault(stage, now)
        long = now - began[stage] >= PATIENCE_SECONDS
        left = "" if stage == "train" else _left(now - began[stage], done, total)
        if long and (now - said.get(stage, 0.0) >= PLAIN_SECONDS or done >= total):
            said[stage] = now
            name = STAGES.get(stage, stage)
            print(f"{name}: {done} of {total}{left} {note}".rstrip(), file=sys.stderr)

    return progress


def _left(seconds: float, done: int, total: int) -> str:
    if not 0 < done < total:
        return ""
    return f", about {seconds * (total - done) / done:.0f} s left"


def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, object] = {}

        def progress(stage: str, done: int, total: int, note: str = "") -> None:
            note = one_line(note)
            if stage not in tasks:
                tasks[stage] = bars.add_task(STAGES.get(stage, stage), total=total, note=note)
            bars.update(tasks[stage], completed=done, total=total, note=note)  # type: ignore[arg-type]

        yield progress
