"""The reading list, joined with what is built: what `mynah list` prints and docs/reading-list.md holds."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import asdict, dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from mynah.catalog import Card, card, cards, plain
from mynah.contracts.offers import offers
from mynah.ground.errors import UsageError
from mynah.papers.claims import Row, evidence, machine, rows_of, state_of


@dataclass(frozen=True)
class Entry:
    """One entry of the list, and the names of the families whose cards name it."""

    id: str
    heading: str
    title: str
    reference: str
    families: tuple[str, ...]

    @property
    def state(self) -> str:
        """Built (by which families, verified or not), or not built."""
        if not self.families:
            return "not built"
        states = {state_of(family) for family in cards() if family.name in self.families}
        if states == {"verified"}:
            return f"verified: {', '.join(self.families)}"
        word = "built, a gate missed" if "gate missed" in states else "built, not verified"
        return f"{word}: {', '.join(self.families)}"


@cache
def entries() -> tuple[Entry, ...]:
    """Return the whole list in its order."""
    text = (Path(__file__).parent / "reading.toml").read_text(encoding="utf-8")
    serving: dict[str, list[str]] = {}
    for family in cards():
        for name in family.reading:
            serving.setdefault(name, []).append(family.name)
    found = tomllib.loads(text)["entry"]
    return tuple(Entry(**facts, families=tuple(serving.get(facts["id"], ()))) for facts in found)


def find(name: str) -> Entry | Card:
    """Return the family or the entry of a name; families come first.

    Raises:
        UsageError: unknown; the message suggests the nearest.
    """
    known: dict[str, Entry | Card] = {plain(entry.id): entry for entry in entries()}
    known |= {plain(alias): card for card in cards() for alias in (card.name, *card.aliases)}
    if plain(name) in known:
        return known[plain(name)]
    near = difflib.get_close_matches(plain(name), known, n=3, cutoff=0.5)
    names = [str(getattr(known[n], "id", None) or getattr(known[n], "name", "")) for n in near]
    raise UsageError(
        "not on the list", where=name, remedy=f"Did you mean {', '.join(names)}?" if names else "See `mynah list`."
    )


def describe(found: Entry | Card) -> str:
    """Return all that is known of an entry or a family, as lines."""
    if isinstance(found, Entry):
        return f"{found.title}\n  {found.reference}\n  {found.heading}\n  {found.state}"
    lines = [
        f"{found.title} ({found.year})",
        f"  {found.authors}: {found.reference}",
        f"  code      mynah.models.{found.name}, class {found.estimator}",
        f"  serves    {', '.join(found.tasks)}",
        f"  state     {state_of(found)}",
        *(f"    {_evidence(row)}" for row in rows_of(found)),
    ]
    if found.superseded_by:
        lines.append(f"  superseded by {', '.join(found.superseded_by)}")
        for name in found.superseded_by:
            lines += [f"    {name}: {_evidence(row)}" for row in rows_of(card(name))]
    command = "compose FOLDER --family" if "compose" in found.tasks else "learn FOLDER --families"
    return "\n".join([*lines, f"  use       mynah {command} {found.name}"])


def _evidence(row: Row) -> str:
    """Return a recorded row as one line."""
    seeds = ", ".join(f"{seed:.4g}" for seed in row.seeds)
    return (
        f"{row.title}: {row.measured:.4g} ({row.relation} {row.threshold:.4g} asked; paper: {row.paper}; "
        f"seeds {seeds}; {row.date}) {row.verdict}"
        if row.measured is not None and row.threshold is not None
        else f"{row.title}: {row.verdict}: {row.why}"
    )


def as_text() -> str:
    """Return the list for a terminal: families first, with those of other packages, then every entry and its state."""
    lines, width = ["Families"], max(len(c.name) for c in cards())
    lines += [f"  {c.name:{width}} {c.year}  {c.title} - {', '.join(c.tasks)}; {state_of(c)}" for c in cards()]
    offered = offers()
    if offered:
        width = max(len(offer.name) for offer in offered)
        lines += ["", "Families of other packages"]
        lines += [f"  {offer.name:{width}} {offer.place} ({offer.package or 'unknown package'})" for offer in offered]
    heading = ""
    for entry in entries():
        if entry.heading != heading:
            heading = entry.heading
            lines += ["", heading]
        lines.append(f"  {entry.id:26} {entry.state}")
    built = sum(bool(entry.families) for entry in entries())
    return "\n".join([*lines, "", f"{built} of {len(entries())} entries are built."])


def as_markdown() -> str:
    """Return docs/reading-list.md: every entry with its state, and under each heading what was measured."""
    lines = ["# The reading list", "", "Made by `mynah list --markdown`; do not edit.", ""]
    lines += (
        [f"Measured on {machine()}, one thread an experiment, by `mynah verify --record`.", ""] if evidence() else []
    )
    for heading, section in groupby(entries(), key=lambda entry: entry.heading):
        listed = list(section)
        lines += [f"## {heading}", "", "| entry | reference | state |", "|---|---|---|"]
        lines += [f"| {entry.title} | {entry.reference} | {entry.state} |" for entry in listed]
        lines.append("")
        families = dict.fromkeys(name for entry in listed for name in entry.families)
        rows = [row for name in families for row in rows_of(card(name))]
        if rows:
            lines += [
                "| family | experiment | measured | asked | paper | verdict | seeds | CPU s | date |",
                "|---" * 9 + "|",
            ]
            lines += [_as_cells(row) for row in rows] + [""]
    return "\n".join(lines).rstrip("\n")


def _as_cells(row: Row) -> str:
    measured = "" if row.measured is None else f"{row.measured:.4g}"
    asked = "" if row.threshold is None else f"{row.relation} {row.threshold:.4g}"
    seeds = " ".join(f"{seed:.4g}" for seed in row.seeds)
    cells = (row.name, row.title, measured, asked, row.paper, row.verdict, seeds, f"{row.seconds:.0f}", row.date)
    return f"| {' | '.join(cells)} |"


def as_json() -> dict[str, Any]:
    """Return families, those of other packages and entries as plain values."""
    return {
        "families": [
            asdict(family) | {"state": state_of(family), "measured": [asdict(row) for row in rows_of(family)]}
            for family in cards()
        ],
        "offered": [asdict(offer) for offer in offers()],
        "entries": [asdict(entry) | {"state": entry.state} for entry in entries()],
    }
