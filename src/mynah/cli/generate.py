"""`mynah generate`: new sounds from a model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mynah.cli.drawing import drawn

NAME = "generate"


def command(
    model: Annotated[Path, typer.Argument(help="A .mynah file of a model that makes sounds.")],
    seconds: Annotated[
        float | None,
        typer.Option(help="Length of each, cut or filled with silence; as long as those it learned, if not given."),
    ] = None,
    count: Annotated[int, typer.Option(help="How many.", min=1)] = 4,
    like: Annotated[
        Path | None, typer.Option(help="A sound file to go on from; only what comes after it is written.")
    ] = None,
    temperature: Annotated[
        float, typer.Option(help="0 is the most probable sound, 1 as random as what was learned, 10 the most.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0, max=2**32 - 1)] = 0,
    label: Annotated[str | None, typer.Option(help="What to make; all labels in turn, if not given.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("mynah-made"),
    families: Annotated[
        str | None, typer.Option(help="Your own file the model was made with, e.g. ./mine.py; it is run.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON a file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Make new sounds like those a model has learned, as WAV files."""
    from mynah import modelfile
    from mynah.using.making import Wish, make

    wish = Wish(count, seconds, label, like, temperature, seed)
    with drawn(quiet) as progress:
        for made in make(modelfile.load(model, families=families), wish, out, progress=progress):
            print(json.dumps(made.__dict__, ensure_ascii=False) if as_json else made.file)
