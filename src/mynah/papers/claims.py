"""What the families claim, and the evidence that was measured for it; light enough for `mynah list`.

A claim is a dictionary in a family's CARD:

    experiment  what is run: the first argument of the family's ``reproduce(experiment, seed, quick)``
    title       what it is, for people
    measure     key of what `reproduce` returns
    at_most     threshold, or at_least. A number; or (family, experiment, measure, factor): what that one measures
                in the same verification, times the factor
    paper       the paper's own figure, as text, with its source
    seeds       "median" (the default), "all" (each seed must pass) or "best by MEASURE" (the seed with the lowest)
    count       how many seeds, where it is not three
    quick       False where the experiment takes too long for `verify --quick`
    data        folder of the data it needs, where it is not generated
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mynah.catalog import Card, cards

#: Rows of the last full verification, beside this file; written by `mynah verify --record`.
EVIDENCE = Path(__file__).parent / "evidence.json"


@dataclass(frozen=True)
class Claim:
    """One gate of a family, see the module."""

    name: str
    experiment: str
    title: str
    measure: str
    paper: str
    at_most: Any = None
    at_least: Any = None
    seeds: str = "median"
    count: int = 3
    quick: bool = True
    data: str | None = None

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError(f"{self.name}: a claim is at_most or at_least something")

    @property
    def relation(self) -> str:
        """Return <= or >=."""
        return "<=" if self.at_least is None else ">="

    @property
    def bound(self) -> Any:
        """The threshold: a number, or (family, experiment, measure, factor)."""
        return self.at_most if self.at_least is None else self.at_least

    @property
    def other(self) -> tuple[str, str] | None:
        """Family and experiment that the threshold comes from, or None."""
        return None if isinstance(self.bound, int | float) else (self.bound[0], self.bound[1])


def claims_of(card: Card) -> tuple[Claim, ...]:
    """Return the claims of a family."""
    return tuple(Claim(name=card.name, **claim) for claim in card.claims)


@dataclass(frozen=True)
class Row:
    """What a verification says of one claim.

    Attributes:
        name, experiment, measure, paper, relation: of the claim.
        title: of the claim.
        measured: over the seeds, or None where nothing was measured.
        threshold: number that it is held against.
        passed: None where it was not run.
        seconds: of CPU, all seeds together.
        seeds: what each seed measured.
        why: why there is no figure, else empty.
        date: when it was measured, once it is recorded.
    """

    name: str
    experiment: str
    title: str
    measure: str
    measured: float | None
    relation: str
    threshold: float | None
    paper: str
    passed: bool | None
    seconds: float
    seeds: list[float]
    why: str = ""
    date: str = ""

    @property
    def verdict(self) -> str:
        """passed, MISSED or not run."""
        return {True: "passed", False: "MISSED", None: "not run"}[self.passed]


@cache
def evidence() -> tuple[Row, ...]:
    """Return the recorded rows; none where nothing was recorded."""
    try:
        return tuple(Row(**row) for row in json.loads(EVIDENCE.read_text(encoding="utf-8"))["rows"])
    except FileNotFoundError:
        return ()


def machine() -> str:
    """Return the words for the machine that the evidence was measured on."""
    return json.loads(EVIDENCE.read_text(encoding="utf-8"))["machine"] if EVIDENCE.exists() else ""


def rows_of(card: Card) -> list[Row]:
    """Return the recorded rows of the claims that a family makes now; a claim that was changed has none."""
    return [row for claim in claims_of(card) for row in evidence() if _belongs(row, claim)]


def _identity(of: Row | Claim) -> tuple[str, ...]:
    """Return what tells a claim from all others, of itself or of a row of it."""
    return of.name, of.experiment, of.measure, of.title, of.relation


def _belongs(row: Row, claim: Claim) -> bool:
    same_bound = claim.other is not None or row.threshold is None or row.threshold == claim.bound
    return _identity(row) == _identity(claim) and same_bound


def state_of(card: Card) -> str:
    """Return "verified", "gate missed", "not verified" or "no claim"."""
    if not card.claims:
        return "no claim"
    rows = rows_of(card)
    if any(row.passed is False for row in rows):
        return "gate missed"
    return "verified" if len(rows) == len(card.claims) else "not verified"


def record(rows: list[Row], date: str, machine: str) -> None:
    """Keep rows as the evidence, each in place of the one of the same claim; a row that was not run replaces none."""
    fresh = [replace(row, date=date) for row in rows if row.passed is not None]
    latest = {_identity(row): row for row in (*evidence(), *fresh)}
    order = {card.name: number for number, card in enumerate(cards())}
    kept = sorted((row for row in latest.values() if row.name in order), key=lambda row: order[row.name])
    document = {"machine": machine, "rows": [asdict(row) for row in kept]}
    EVIDENCE.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    evidence.cache_clear()
