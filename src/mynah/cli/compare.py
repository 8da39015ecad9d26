"""`mynah compare`: tables and tests across families or runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

NAME = "compare"


def command(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare the families of one run, or of several runs on the same clips."""
    from mynah.runs.compare import compare

    comparison = compare(runs)
    print(json.dumps(comparison.to_json(), ensure_ascii=False) if as_json else comparison)
