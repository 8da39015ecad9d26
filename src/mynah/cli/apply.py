"""`mynah apply`: a model at work on new files."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mynah.cli.drawing import drawn
from mynah.cli.output import check_destination, deliver

if TYPE_CHECKING:
    from mynah.using.answers import Answer, Segment

NAME = "apply"
#: Columns of a table that goes to a file or into a pipe.
WIDE = 160


def command(
    model: Annotated[Path, typer.Argument(help="A .mynah file.")],
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    form: Annotated[str, typer.Option("--format", help="table, csv, json, audacity or raven.")] = "table",
    window: Annotated[float | None, typer.Option(help="Window on long files, seconds.")] = None,
    hop: Annotated[float | None, typer.Option(help="Step between windows, seconds.")] = None,
    threshold: Annotated[float | None, typer.Option(help='Below it: "none of these".')] = None,
    cut: Annotated[Path | None, typer.Option(help="Write each segment as a WAV under here.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file in place of stdout.")] = None,
    families: Annotated[
        str | None, typer.Option(help="Your own file the model was made with, e.g. ./mine.py; it is run.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Read the place as this task does, e.g. ./mine.py:MyTask; a file is run.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int | None:
    """Label clips, or draw a timeline of long files."""
    from mynah import modelfile
    from mynah.ground.errors import UsageError
    from mynah.tasks import by_name
    from mynah.using import cutting
    from mynah.using.answering import answer_items
    from mynah.using.answers import FORMATS, one_line, render
    from mynah.using.listening import Windows, apply

    if form not in FORMATS:
        raise UsageError("no such format", where=form, remedy=f"Use one of {', '.join(FORMATS)}.")
    windows = Windows(window, hop, threshold)
    if task is not None and (cut is not None or windows != Windows()):
        raise UsageError("a task answers whole items: --window, --hop, --threshold and --cut mean nothing to it")
    record = modelfile.manifest(model)["record"]
    check_destination(out)
    if cut is not None:
        cutting.make_folder(cut)
    loaded = modelfile.load(model, families=families)
    with drawn(quiet) as progress:
        if task is not None:
            asked = by_name(task)
            answers = [a for place in paths for a in answer_items(loaded, asked, place, progress=progress)]
        else:
            known = record.get("seconds")
            answers = list(apply(loaded, paths, windows, training_seconds=known, progress=progress))
    deliver(_table(answers, out) if form == "table" else render(answers, form), out)
    if cut is not None:
        print(f"{len(cutting.cut(answers, cut))} segments written under {cut}", file=sys.stderr)
    for answer in answers:
        for problem in answer.problems:
            print(one_line(f"{answer.file}: {problem.kind}, {problem.detail}"), file=sys.stderr)
        if answer.error:
            print(one_line(f"mynah: {answer.file}: {answer.error}"), file=sys.stderr)
    return 3 if all(answer.error for answer in answers) else None


def _table(answers: list[Answer], out: Path | None) -> str:
    import io

    from rich.console import Console
    from rich.table import Table

    from mynah.using.answers import one_line, shown

    titles = ["file", "from", "to", "label", "probability", *(["note"] if any(a.problems for a in answers) else [])]
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in titles:
        table.add_column(title, justify="right" if title in ("from", "to", "probability") else "left", overflow="fold")
    for answer in answers:
        note = ", ".join(answer.flags)
        rows = [[f"{s.start:.2f}", f"{s.end:.2f}", _shown(s), shown(s.score, 2), note] for s in answer.segments]
        for row in rows or [["", "", "not read", "", ""]]:
            table.add_row(*(one_line(cell) for cell in [answer.file, *row][: len(titles)]))
    terminal = out is None and sys.stdout is not None and sys.stdout.isatty()
    text = io.StringIO()
    width = shutil.get_terminal_size().columns if terminal else WIDE
    Console(file=text, width=width, force_terminal=terminal, markup=False, emoji=False, highlight=False).print(table)
    return text.getvalue()


def _shown(segment: Segment) -> str:
    return f"{segment.label} (nearest: {segment.nearest})" if segment.nearest else segment.label
