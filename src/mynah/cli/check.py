"""`mynah check`: look at a folder, train nothing."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mynah.cli.drawing import drawn

NAME = "check"


def command(
    folder: Annotated[Path, typer.Argument(help="A folder of sounds.")],
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
    from mynah.sounds import check_enough, scan, split

    with drawn(quiet) as progress:
        sounds = scan(
            folder,
            labels=labels,
            target=target,
            group=group,
            strict=strict,
            repair=repair,
            progress=progress,
        )
    if as_json:
        print(json.dumps(_document(sounds), ensure_ascii=False, indent=1))
    else:
        print(_text(sounds))
    warnings = check_enough(sounds)
    if not as_json:
        for warning in warnings:
            print(warning)
        print(f"split: {split(sounds, folds=folds).description}")


def _document(sounds) -> dict:
    return {
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


def _text(sounds) -> str:
    seconds = [clip.seconds for clip in sounds]
    span = f"{min(seconds):.2f}-{max(seconds):.2f} s" if seconds else "nothing"
    rates = ", ".join(f"{rate} Hz ({count})" for rate, count in sounds.rates.most_common())
    lines = [f"{sounds.name}: {len(sounds)} clips, {len(sounds.classes)} classes, {span}, {rates}"]
    lines += [f"  {name}: {sounds.labels.count(name)}" for name in sounds.classes]
    for problem in sounds.problems:
        lines.append(f"{problem.action}: {problem.file}: {problem.kind}, {problem.detail}. {problem.remedy}")
    for files in sounds.duplicates:
        lines.append(f"same sound: {', '.join(files)}")
    for reason, count in sounds.ignored.items():
        lines.append(f"ignored: {count} {reason}")
    lines += [f"leak: {leak.message}" for leak in sounds.leaks]
    return "\n".join(lines)
