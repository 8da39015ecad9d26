"""Facts read from a model file, each checked: `ValueError` says in plain words which one is invalid."""

from __future__ import annotations

import math
import sys
from typing import Any

#: Characters of an invalid value that a message shows.
SHOWN = 60
#: Numbers that are labels lie below this, either way.
MOST = 2**63


def only(facts: dict[str, Any], *names: str) -> None:
    """Check that the facts are these, no more and no fewer."""
    unknown = sorted(without(facts, *names))
    if unknown:
        raise ValueError(f"unknown facts: {_shown(unknown)}")


def without(facts: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the facts but these, which must be there: what a family leaves for its contract to take."""
    lacking = [name for name in names if name not in facts]
    if lacking:
        raise ValueError(f"lacks {', '.join(lacking)}")
    return {name: value for name, value in facts.items() if name not in names}


def whole(facts: dict[str, Any], name: str, least: int, most: int) -> int:
    """Return a whole number between these bounds, both included."""
    value = facts[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number from {least} to {most}, not {_shown(value)}")
    return value


def number(facts: dict[str, Any], name: str, least: float, most: float = math.inf) -> float:
    """Return a finite number between these bounds, both included."""
    value = facts[name]
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"{name} must be a finite number, not {_shown(value)}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be from {least:g} to {most:g}, not {_shown(value)}")
    return float(value)


def positive(facts: dict[str, Any], name: str) -> float:
    """Return a finite number above zero."""
    value = number(facts, name, 0)
    if value == 0:
        raise ValueError(f"{name} must be above 0")
    return value


def labels(facts: dict[str, Any], name: str) -> list[Any]:
    """Return labels: words or finite numbers, all of one kind, each once."""
    value = facts[name]
    kinds = {type(label) for label in value} if isinstance(value, list) else set()
    if len(kinds) != 1 or not kinds <= {str, int, float, bool}:
        raise ValueError(f"{name} must be words or numbers of one kind, not {_shown(value)}")
    if kinds <= {int, float} and not all(abs(label) < MOST for label in value):
        raise ValueError(f"{name} must be finite numbers, not {_shown(value)}")
    if len(set(value)) != len(value):
        raise ValueError(f"{name} must differ from each other, not {_shown(value)}")
    return value


def texts(facts: dict[str, Any], name: str) -> list[str]:
    """Return words, each once."""
    found = labels(facts, name)
    if not isinstance(found[0], str):
        raise ValueError(f"{name} must be words, not {_shown(found)}")
    return found


def _shown(value: object) -> str:
    """Return a value on one short line."""
    return repr(value)[:SHOWN]
