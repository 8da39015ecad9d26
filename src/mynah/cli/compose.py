"""`mynah compose`: new pieces like those of a folder of MIDI files."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

NAME = "compose"


def command(
    place: Annotated[Path, typer.Argument(metavar="MIDI-FOLDER|MODEL", help="MIDI files, or a model made of them.")],
    bars: Annotated[int, typer.Option(help="Of new music a piece.", min=1, max=2_500)] = 16,
    prime: Annotated[Path | None, typer.Option(help="MIDI file to go on from.")] = None,
    family: Annotated[str | None, typer.Option(help="melody-rnn, biaxial or char-rnn.")] = None,
    budget: Annotated[str, typer.Option(help="Of the training: 5m, 500steps or 20epochs.")] = "5m",
    temperature: Annotated[float, typer.Option(help="0 the most probable, 1 as learned, 10 the wildest.")] = 1.0,
    count: Annotated[int, typer.Option(help="Pieces.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0, max=2**32 - 1)] = 0,
    render: Annotated[bool, typer.Option("--render", help="Write a WAV file beside each piece.")] = False,
    soundfont: Annotated[Path | None, typer.Option(help="Render with FluidSynth and this soundfont.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the pieces, the model and the page.")] = Path("mynah-music"),
    device: Annotated[str, typer.Option(help="To train on: auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print music.json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Learn from a folder of MIDI files and write new pieces, to hear and to see."""
    from mynah.cli.drawing import drawn
    from mynah.runs.compose import Order, compose

    order = Order(
        bars=bars,
        temperature=temperature,
        count=count,
        seed=seed,
        prime=None if prime is None else str(prime),
        render=render,
        soundfont=None if soundfont is None else str(soundfont),
        device=device,
    )
    with drawn(quiet) as progress:
        made = compose(place, family=family, budget=budget, order=order, out=out, progress=progress)
    for problem in made.results["problems"]:
        print(f"set aside: {problem}", file=sys.stderr)
    print(json.dumps(made.results, ensure_ascii=False) if as_json else made)
