"""`mynah apply`: a model at work on new files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mynah.cli.drawing import drawn

NAME = "apply"


def command(
    model: Annotated[Path, typer.Argument(help="A .mynah file.")],
    paths: Annotated[list[Path], typer.Argument(help="Files and folders.")],
    form: Annotated[str, typer.Option("--format", help="table, csv, json, audacity or raven.")] = "table",
    window: Annotated[float | None, typer.Option(help="Window on long files, seconds.")] = None,
    hop: Annotated[float | None, typer.Option(help="Step between windows, seconds.")] = None,
    threshold: Annotated[float | None, typer.Option(help='Below it: "none of these".')] = None,
    cut: Annotated[Path | None, typer.Option(help="Write each segment as a WAV under here.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file in place of stdout.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int | None:
    """Label clips, or draw a timeline of long files."""
    from mynah import modelfile
    from mynah.errors import UsageError
    from mynah.tasks.apply import FORMATS, Windows, apply, render
    from mynah.tasks.apply import cut as cut_out

    if form not in FORMATS:
        raise UsageError("no such format", where=form, remedy=f"Use one of {', '.join(FORMATS)}.")
    windows = Windows(window, hop, threshold)
    record = modelfile.manifest(model)["record"]
    with drawn(quiet) as progress:
        answers = list(
            apply(modelfile.load(model), paths, windows, training_seconds=record.get("seconds"), progress=progress)
        )
    if cut is not None:
        print(f"{len(cut_out(answers, cut))} segments written under {cut}", file=sys.stderr)
    if form == "table":
        _table(answers, out)
    elif out is not None:
        out.write_text(render(answers, form), encoding="utf-8")
    else:
        print(render(answers, form), end="" if form != "json" else "\n")
    for answer in answers:
        if answer.error:
            print(f"mynah: {answer.file}: {answer.error}", file=sys.stderr)
    return 3 if all(answer.error for answer in answers) else None


def _table(answers: list, out: Path | None) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("file", "from", "to", "label", "probability"):
        table.add_column(title, justify="right" if title in ("from", "to", "probability") else "left", overflow="fold")
    for answer in answers:
        for s in answer.segments:
            table.add_row(answer.file, f"{s.start:.2f}", f"{s.end:.2f}", s.label, f"{s.score:.2f}")
        if answer.error:
            table.add_row(answer.file, "", "", "not read", "")
    if out is None:
        Console(soft_wrap=True).print(table)
    else:
        with open(out, "w", encoding="utf-8") as file:
            Console(file=file, width=160).print(table)
