"""`mynah list`: the reading list, and what of it is built."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

NAME = "list"


def command(
    name: Annotated[str | None, typer.Argument(help="An entry or a family, for all that is known of it.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/reading-list.md.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print the reading list: entry, what serves it, whether it is built."""
    from mynah.papers import reading

    if name is not None:
        found = reading.find(name)
        print(json.dumps(asdict(found), ensure_ascii=False) if as_json else reading.describe(found))
    elif as_json:
        print(json.dumps(reading.as_json(), ensure_ascii=False))
    else:
        print(reading.as_markdown() if markdown else reading.as_text())
