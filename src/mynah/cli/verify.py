"""`mynah verify`: re-run the papers' diagnostic experiments."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mynah.ground.errors import MissingExtra, Stopped

if TYPE_CHECKING:
    from mynah.catalog import Card
    from mynah.papers.claims import Row

NAME = "verify"
#: Width of the table where it does not go to a terminal.
WIDE = 180


def command(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Families or entries.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="One seed and the short forms: minutes, not an hour.")] = False,
    plot: Annotated[bool, typer.Option("--plot", help="Draw the curves of the named families, as SVG.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder of recordings that some need; else MYNAH_DATA.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="File for finished experiments; else one that is removed at the end."),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; one a core.", min=1)] = None,
    record: Annotated[bool, typer.Option("--record", help="Make the rows the evidence that `list` shows.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as one JSON document.")] = False,
) -> int | None:
    """Re-run the papers' experiments; the exit code is 1 when a gate is missed."""
    from mynah.cli.drawing import drawn
    from mynah.papers.verification import verify

    cards = _cards(names or [])
    if plot:
        _plot(cards)
    if data is not None and not data.is_dir():
        raise typer.BadParameter(f"{data} is not a folder", param_hint="--data")
    file = keep or Path("mynah-verify.jsonl")
    try:
        with drawn(quiet) as progress:
            place = None if data is None else str(data.absolute())
            rows = verify(cards, quick=quick, data=place, workers=workers, kept=file, progress=progress)
    except (KeyboardInterrupt, Stopped):
        if file.exists():
            print(f"finished experiments are kept in {file}; type the same command again to go on", file=sys.stderr)
        raise
    if record:
        from mynah.papers import claims

        claims.record(rows, date.today().isoformat(), f"{platform.machine()}, {os.cpu_count()} cores")
    print(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1) if as_json else table(rows))
    if keep is None:
        file.unlink(missing_ok=True)
    return 1 if any(row.passed is False for row in rows) else None


def _cards(names: list[str]) -> list[Card]:
    """Return the cards that are meant, each once; without names, all that claim something.

    Raises:
        UsageError: unknown; the message suggests the nearest.
        MissingExtra: an entry that is not built, or a family without an experiment.
    """
    from mynah import catalog
    from mynah.papers import reading

    chosen: dict[str, Card] = {}
    for name in names:
        found = reading.find(name)
        families = found.families if isinstance(found, reading.Entry) else (found.name,)
        if not families:
            raise MissingExtra("is on the list, but not built yet", where=name, remedy="`mynah list` shows what is.")
        claiming = [card for card in map(catalog.card, families) if card.claims]
        if not claiming:
            raise MissingExtra("has no experiment yet", where=name, remedy="`mynah list` shows what has.")
        chosen |= {card.name: card for card in claiming}
    return list(chosen.values()) if names else [card for card in catalog.cards() if card.claims]


def table(rows: list[Row]) -> str:
    """Return the rows for a terminal: measured | threshold | paper | verdict."""
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=None, pad_edge=False)
    for heading in ("family", "experiment", "measured", "threshold", "paper", "verdict", "seeds", "CPU s"):
        shown.add_column(heading, no_wrap=heading in ("family", "measured", "threshold", "CPU s"))
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
    console = Console(width=None if sys.stdout.isatty() else WIDE, highlight=False, markup=False)
    with console.capture() as text:
        console.print(shown)
    counts = {verdict: sum(row.passed is verdict for row in rows) for verdict in (True, False, None)}
    return f"{text.get()}\n{counts[True]} gates passed, {counts[False]} missed, {counts[None]} not run."


def _plot(cards: list[Card]) -> None:
    """Write ``verify-NAME.svg`` for each family that has curves to show."""
    from importlib import import_module

    from mynah.report.curves import lines

    for card in cards:
        module = import_module(f"mynah.models.{card.name}")
        if hasattr(module, "curves"):
            path = Path(f"verify-{card.name}.svg")
            path.write_text(lines(**module.curves()), encoding="utf-8")
            print(f"drawn: {path}", file=sys.stderr)
