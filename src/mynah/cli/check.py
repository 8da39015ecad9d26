"""`mynah check`: look at a folder, train nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mynah.cli.drawing import drawn
from mynah.using.answers import one_line

if TYPE_CHECKING:
    from mynah.data import Sounds
    from mynah.ground.errors import MynahError

NAME = "check"
SCHEMA = "mynah.check/1"


def command(
    place: Annotated[str, typer.Argument(help="A folder of sounds, or folder or URL of a packed one.")],
    labels: Annotated[Path | None, typer.Option(help="Labels file (CSV).")] = None,
    target: Annotated[str, typer.Option(help="Its column with the label.")] = "label",
    group: Annotated[str | None, typer.Option(help="Its column that a split must not cut.")] = None,
    folds: Annotated[int, typer.Option(help="Folds, where the data do not decide.")] = 5,
    strict: Annotated[bool, typer.Option("--strict", help="Fail at a bad file.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Count what can be repaired as good.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Say what a folder holds, what is wrong with it and how it would be split."""
    from mynah.data.scan import survey
    from mynah.ground.errors import BadInput

    with drawn(quiet) as progress:
        sounds, refusal = survey(
            place,
            labels=labels,
            target=target,
            group=group,
            strict=strict,
            repair=repair,
            progress=progress,
        )
    if refusal is not None:
        error: MynahError | None = BadInput(
            refusal.what, where=refusal.where, measured=refusal.measured, remedy="They are all listed in the output."
        )
        warnings, plan = list[str](), None
    else:
        warnings, plan, error = _prospects(sounds, folds)
    if as_json:
        document = _document(sounds) | {"warnings": warnings, "split": plan, "error": str(error) if error else None}
        print(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        print(_text(sounds))
        for warning in warnings:
            print(one_line(warning))
        if plan is not None:
            print(one_line(f"split: {plan}"))
    if error is not None:
        raise error


def _prospects(sounds: Sounds, folds: int) -> tuple[list[str], str | None, MynahError | None]:
    """Return warnings, the split in words, and why these sounds cannot be learned from."""
    from mynah import tasks
    from mynah.ground.errors import BadInput, NotEnoughData
    from mynah.runs.fits import unheard

    warnings: list[str] = []
    high = unheard(sounds)
    task = tasks.by_name(tasks.LABELLED if sounds.classes else tasks.UNLABELLED)
    try:
        sounds, warnings = task.check(sounds, False)
        return warnings + high, task.split(sounds, folds=folds).description, None
    except (BadInput, NotEnoughData) as error:
        return warnings + high, None, error


def _document(sounds: Sounds) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "name": sounds.name,
        "clips": len(sounds),
        "classes": {name: sounds.labels.count(name) for name in sounds.classes},
        "rates": {str(rate): count for rate, count in sounds.rates.items()},
        "problems": [asdict(problem) for problem in sounds.problems],
        "ignored": dict(sounds.ignored),
        "duplicates": sounds.duplicates,
        "leaks": [asdict(leak) for leak in sounds.leaks],
        "fingerprint": sounds.fingerprint,
    }


def _text(sounds: Sounds) -> str:
    seconds = [clip.seconds for clip in sounds]
    span = f"{min(seconds):.2f}-{max(seconds):.2f} s" if seconds else "nothing"
    rates = ", ".join(f"{rate} Hz ({count})" for rate, count in sounds.rates.most_common())
    facts = [f"{len(sounds)} clips", f"{len(sounds.classes)} classes", span, *([rates] if rates else [])]
    lines = [f"{sounds.name}: {', '.join(facts)}"]
    lines += [f"  {name}: {sounds.labels.count(name)}" for name in sounds.classes]
    for problem in sounds.problems:
        lines.append(f"{problem.action}: {problem.file}: {problem.kind}, {problem.detail}. {problem.remedy}")
    for files in sounds.duplicates:
        lines.append(f"same sound: {', '.join(files)}")
    for reason, count in sounds.ignored.items():
        lines.append(f"ignored: {count} {reason}")
    lines += [f"leak: {leak.message}" for leak in sounds.leaks]
    return "\n".join(map(one_line, lines))
