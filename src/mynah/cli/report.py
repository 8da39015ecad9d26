"""`mynah report`: build the page of a run again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

NAME = "report"


def command(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    out: Annotated[Path | None, typer.Option(help="Write the page here.")] = None,
    max_mb: Annotated[float, typer.Option(help="Largest page, in megabytes.")] = 25.0,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Build the page of a run again."""
    from mynah.ground.errors import UsageError
    from mynah.report import build

    if not 0 < max_mb < math.inf:
        raise UsageError("must be more than 0 MB", where="--max-mb", measured=max_mb)
    page = build(run, out, max_mb=max_mb)
    print(page)
    if show:
        typer.launch(str(page))
