"""`mynah resume`: go on with a run that was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mynah.cli.working import work

NAME = "resume"


def command(
    run: Annotated[str, typer.Argument(help="Folder of a run, or the URL that --checkpoints named.")],
    budget: Annotated[str | None, typer.Option(help="Time it may still take, in place of what was left.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the run, for a URL.")] = Path("mynah-run"),
    sounds: Annotated[str | None, typer.Option(help="Where the sounds are now, if elsewhere.")] = None,
    device: Annotated[
        str | None, typer.Option(help="auto, cpu, cuda or mps; else as before, where it is there.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int | None:
    """Go on with a run that was interrupted; what was finished is not repeated, to the bit."""
    from mynah.runs.learn import resume
    from mynah.stores import is_bucket

    folder = out if is_bucket(run) else Path(run)
    return work(
        lambda progress: resume(run, budget=budget, out=out, sounds=sounds, device=device, progress=progress),
        folder,
        quiet=quiet,
        as_json=as_json,
    )
