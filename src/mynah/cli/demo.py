"""`mynah demo`: the main job on sounds that Mynah makes itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from mynah.cli.working import work
from mynah.ground.progress import Progress

NAME = "demo"


def command(
    out: Annotated[Path, typer.Option(help="Folder of the sounds and the run.")] = Path("mynah-demo"),
    budget: Annotated[str, typer.Option(help="See `mynah learn`.")] = "90s",
    clips: Annotated[int, typer.Option(help="Clips of each of the ten classes.", min=1)] = 40,
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0, max=2**32 - 1)] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int | None:
    """Learn ten kinds of synthesised sounds: a tour without sounds of your own."""
    from mynah.data.builtin import builtin
    from mynah.runs.learn import learn

    def job(progress: Progress) -> Any:
        sounds = builtin(out / "sounds", clips_per_class=clips, seed=seed, progress=progress)
        shown = f"mynah demo --out {out.resolve().name} --budget {budget} --clips {clips} --seed {seed}"
        return learn(sounds, out=out / "run", budget=budget, seed=seed, progress=progress, command=shown)

    return work(job, out / "run", quiet=quiet, as_json=False)
