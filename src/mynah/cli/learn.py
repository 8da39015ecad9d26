"""`mynah learn`: the main job."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mynah.cli.working import work
from mynah.ground.progress import Progress

NAME = "learn"
MUCH = "How the data are read"
WORK = "How the work is done"
#: The folders before a user's own file among the families.
_OF_A_FILE = re.compile(r"[^,=]*[/\\](?=[^,/\\]+\.py\b)")

_Families = Annotated[
    str,
    typer.Option(
        metavar="NAME,NAME",
        help="usual, all, or names from `mynah list`, such as svm,lstm. svm@mfcc sees MFCC in place of its own choice; "
        "'lstm(hidden=128)' has a setting; ./mine.py:MyFamily is a class in your own file, which is run.",
    ),
]
_Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME.SETTING=VALUE",
        help="A setting of a family or of its training: lstm.hidden=128, lstm.learning_rate=1e-3. Several values make "
        "several rows: resnet.dropout=0,0.3. May be given again; two of one family are combined.",
    ),
]
_Group = Annotated[
    str | None, typer.Option(help="Its column that a split must not cut, e.g. speaker.", rich_help_panel=MUCH)
]
_Place = Annotated[
    str,
    typer.Argument(help="A folder with one sub-folder a label or a labels file; or folder or URL of a packed one."),
]
_Task = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="classify, transcribe, generate, compose (MIDI); auto: classify, or generate where there are no labels. "
        "./mine.py:MyTask is a class in your own file, which is run.",
    ),
]
_Anyway = Annotated[bool, typer.Option("--anyway", help="Go on with too few clips for a score.", rich_help_panel=MUCH)]
_Repeat = Annotated[Path | None, typer.Option(help="A run whose steps are repeated exactly.", rich_help_panel=WORK)]
_Checkpoints = Annotated[
    str | None,
    typer.Option(help="Keep the run here too: folder, s3://, gs:// or az://.", rich_help_panel=WORK),
]
_Optimizer = Annotated[
    str | None, typer.Option(help="Of torch.optim, for all that learn by steps.", rich_help_panel=WORK)
]
_Activation = Annotated[
    str | None, typer.Option(help="Of torch.nn, where a method has a choice.", rich_help_panel=WORK)
]
_Executor = Annotated[str, typer.Option(help="sequential, processes, ray or dask.", rich_help_panel=WORK)]
_Device = Annotated[
    str,
    typer.Option(
        help="For networks to train on: auto (a GPU where there is one), cpu, cuda, mps.", rich_help_panel=WORK
    ),
]
_Tensorboard = Annotated[
    bool, typer.Option("--tensorboard", help="Write curves for TensorBoard.", rich_help_panel=WORK)
]


def command(
    place: _Place,
    task: _Task = "auto",
    families: _Families = "usual",
    settings: _Settings = None,
    budget: Annotated[str, typer.Option(help="10m in all, or 500steps or 20epochs for each fit.")] = "10m",
    out: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("mynah-run"),
    labels: Annotated[Path | None, typer.Option(help="Labels file (CSV).", rich_help_panel=MUCH)] = None,
    target: Annotated[str, typer.Option(help="Its column with the label.", rich_help_panel=MUCH)] = "label",
    group: _Group = None,
    folds: Annotated[int, typer.Option(help="Folds, where the data do not decide.", rich_help_panel=MUCH)] = 5,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at a bad file.", rich_help_panel=MUCH)] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Repair bad files.", rich_help_panel=MUCH)] = False,
    anyway: _Anyway = False,
    seed: Annotated[int, typer.Option(help="Of everything random.", min=0, max=2**32 - 1, rich_help_panel=WORK)] = 0,
    repeat: _Repeat = None,
    checkpoints: _Checkpoints = None,
    optimizer: _Optimizer = None,
    activation: _Activation = None,
    executor: _Executor = "processes",
    address: Annotated[str | None, typer.Option(help="Of a Ray or Dask cluster.", rich_help_panel=WORK)] = None,
    device: _Device = "auto",
    tensorboard: _Tensorboard = False,
    workers: Annotated[int | None, typer.Option(help="Processes; one a core.", min=1, rich_help_panel=WORK)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print results.json.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int | None:
    """Train and compare every method on a folder of sounds; write the page and the model."""
    from mynah.runs.learn import learn
    from mynah.runs.run import Run

    options: dict[str, Any] = {
        "task": task,
        "families": None if families == "usual" else families,
        "settings": settings,
        "budget": budget,
        "labels": None if labels is None else str(labels),
        "target": target,
        "group": group,
        "folds": folds,
        "strict": strict,
        "repair": repair,
        "anyway": anyway,
        "seed": seed,
        "checkpoints": checkpoints,
        "optimizer": optimizer,
        "activation": activation,
        "executor": executor,
        "address": address,
        "device": device,
        "tensorboard": tensorboard,
        "workers": workers,
    }
    if repeat is not None:
        options |= Run.open(repeat).to_repeat(place, device)

    def job(progress: Progress) -> Run:
        return learn(place, out=out, progress=progress, command=_command_line(place, out), **options)

    return work(job, out, quiet=quiet, as_json=as_json)


def _command_line(place: str, out: Path) -> str:
    """The command as typed, with folders by their names alone: it is shown in the page."""
    folders = {Path(folder): Path(folder).resolve().name for folder in (place, out) if "://" not in str(folder)}
    words = (folders.get(Path(word), _OF_A_FILE.sub("", word)) for word in sys.argv[1:])
    return shlex.join(["mynah", *words])
