"""`mynah verify`: re-run the papers' diagnostic experiments."""

from __future__ import annotations

import json
import platform
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from mynah.errors import MissingExtra

NAME = "verify"


def command(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Families or entries.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One seed and the short forms: minutes, not hours.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the curves of the named families as SVG files.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder of recordings that some need; else MYNAH_DATA.")] = None,
    keep: Annotated[Path | None, typer.Option(help="File of finished experiments, not repeated.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; one a core.", min=1)] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep the rows as the evidence that `list` shows.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int | None:
    """Re-run the papers' experiments; the exit code is 1 when a gate is missed."""
    from mynah import catalog, claims, reading
    from mynah.cli.drawing import drawn

    chosen = [card for name in names for card in families(reading.find(name), name)] if names else catalog.cards()
    chosen = list(dict.fromkeys(card.name for card in chosen))
    cards = [catalog.card(name) for name in chosen]
    if names and not any(card.claims for card in cards):
        raise MissingExtra("has no experiment yet", where=", ".join(names), remedy="See `mynah list`.")
    from mynah.verification import verify

    if plot:
        _plot(chosen)
    with drawn(quiet) as progress:
        rows = verify(
            cards,
            quick=quick,
            data=None if data is None else str(data.absolute()),
            workers=workers,
            kept=keep,
            progress=progress,
        )
    if record:
        claims.record(rows, date.today().isoformat(), f"{platform.machine()}, one thread an experiment")
    print(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) if as_json else table(rows))
    return 1 if any(row.passed is False for row in rows) else None


def families(found, name: str) -> list:
    """Return the cards of a family or of an entry's families.

    Raises:
        MissingExtra: the entry is not built.
    """
    from mynah import catalog, reading

    if not isinstance(found, reading.Entry):
        return [found]
    if not found.families:
        raise MissingExtra("is on the list, but not built yet", where=name, remedy="`mynah list` shows what is.")
    return [catalog.card(family) for family in found.families]


def table(rows) -> str:
    """Return the rows for a terminal: measured | threshold | paper | verdict."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("family", "experiment", "measured", "threshold", "paper", "verdict", "seeds", "CPU s"):
        shown.add_column(heading, overflow="fold", no_wrap=heading in ("measured", "threshold", "verdict"))
    for row in rows:
        shown.add_row(
            row.name,
            row.title,
            "" if row.measured is None else f"{row.measured:.4g}",
            "" if row.threshold is None else f"{row.relation} {row.threshold:.4g}",
            row.paper,
            row.verdict + (f": {row.why}" if row.why else ""),
            " ".join(f"{seed:.4g}" for seed in row.seeds),
            f"{row.seconds:.0f}",
        )
    console = Console(width=None, highlight=False)
    with console.capture() as text:
        console.print(shown)
    passed = sum(row.passed is True for row in rows)
    missed = sum(row.passed is False for row in rows)
    return f"{text.get()}\n{passed} gates passed, {missed} missed, {len(rows) - passed - missed} not run."


def _plot(names: list[str]) -> None:
    """Write ``verify-NAME.svg`` for each family that has curves to show."""
    from importlib import import_module

    from mynah.report.curves import lines

    for name in names:
        module = import_module(f"mynah.models.{name}")
        if hasattr(module, "curves"):
            path = Path(f"verify-{name}.svg")
            path.write_text(lines(**module.curves()), encoding="utf-8")
            print(f"drawn: {path}", file=sys.stderr)
