"""What can be trained: the CARDs of the files in models/, read without importing them.

The folder is the registry: a file with a literal ``CARD = {...}`` is a family.
"""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from mynah.ground.errors import MissingExtra, UsageError

_FOLDER = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Card:
    """What a family is.

    Attributes:
        name: of the file in models/.
        title, year, authors, reference: of the paper.
        tasks: what it serves.
        reading: ids in reading.toml.
        claims: what `reproduce` earns, see `mynah.papers.claims`.
        superseded_by: names of families, or words.
        aliases: other names it answers to.
        estimator: its class.
        cost: "cheap", or "gradient" for one that uses a budget.
        asked: whether `learn` trains it only where it is named, or with ``--families all``.
    """

    name: str
    title: str
    year: int
    authors: str
    reference: str
    tasks: tuple[str, ...]
    reading: tuple[str, ...]
    estimator: str
    cost: str
    claims: tuple[dict[str, Any], ...] = ()
    superseded_by: tuple[str, ...] = ()
    aliases: tuple[str, ...] = field(default=())
    asked: bool = False


@cache
def cards() -> tuple[Card, ...]:
    """Return the cards of all families, oldest paper first."""
    found = [_read(path) for path in sorted(_FOLDER.glob("*.py")) if path.name != "__init__.py"]
    return tuple(sorted(found, key=lambda card: (card.year, card.name)))


def _read(path: Path) -> Card:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CARD":
            return Card(**ast.literal_eval(node.value))
    raise SyntaxError(f"{path.name} has no CARD")


def plain(name: str) -> str:
    """Return a name as it is compared: lower case, no hyphens, underscores or spaces."""
    return name.lower().translate(str.maketrans("", "", "-_ "))


def card(name: str) -> Card:
    """Return the card of a family, by name or alias.

    Raises:
        UsageError: unknown; the message suggests the nearest.
    """
    known = {plain(alias): c for c in cards() for alias in (c.name, *c.aliases)}
    if plain(name) in known:
        return known[plain(name)]
    near = difflib.get_close_matches(plain(name), known, n=3, cutoff=0.5)
    names = list(dict.fromkeys(known[n].name for n in near)) or [c.name for c in cards()]
    raise UsageError("no such family", where=name, remedy=f"Did you mean {', '.join(names)}?")


def model_class(name: str) -> Any:
    """Import a family's file and return its estimator class.

    Raises:
        UsageError: unknown name.
        MissingExtra: something it needs is not installed.
    """
    found = card(name)
    try:
        return getattr(import_module(f"mynah.models.{found.name}"), found.estimator)
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("mynah"):
            raise
        raise MissingExtra(
            f"needs {error.name}", where=found.name, remedy="`mynah doctor` prints the line that installs it."
        ) from error


def name_of(kind: type) -> str:
    """Return the family name of an estimator class: that of its file, or, of a user's own family, what it is called."""
    name: str = vars(kind).get("family_name") or kind.__module__.rsplit(".", 1)[-1]
    return name
