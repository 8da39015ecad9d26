"""Settings of a family by name: those of its constructor, and, where it learns by steps, those of `Training`."""

from __future__ import annotations

import ast
import difflib
import inspect
import math
import re
import types
from dataclasses import fields
from typing import Any, Union, get_args, get_origin, get_type_hints

from mynah.contracts.model import ByGradient, Model
from mynah.ground.errors import UsageError
from mynah.layers.activation import activation
from mynah.training import Training, check_optimizer

#: What has an option of its own.
_ELSEWHERE = ("representation", "rate", "random_state", "training", "budget")
#: How a type is called in a message.
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word", tuple: "numbers in brackets"}
_NOTHING = type(None)
_OPENING, _CLOSING = "([{", ")]}"


def split(text: str) -> list[str]:
    """Return the parts between commas that stand in no brackets and quotes; none of an empty text."""
    parts, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        depth += 0 if quote else (sign in _OPENING) - (sign in _CLOSING)
        if sign == "," and not depth and not quote:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def shown(value: Any) -> str:
    """Return a value as `given` reads it."""
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(shown, value))})"
    return value if isinstance(value, str) and re.fullmatch(r"\w[\w.+-]*", value) else repr(value)


def settings(kind: type[Model]) -> dict[str, Any]:
    """Return name to default of all that can be set, those of the constructor first."""
    found = {name: p.default for name, p in inspect.signature(kind).parameters.items()}
    if issubclass(kind, ByGradient):
        found |= {f.name: getattr(kind.default_training, f.name) for f in fields(Training) if f.name not in found}
    return {name: default for name, default in found.items() if name not in _ELSEWHERE}


def values(kind: type[Model], family: str, name: str, text: str) -> list[Any]:
    """Return the values between commas, see `given`."""
    found = [given(kind, family, name, part)[1] for part in split(text)]
    if not found:
        raise UsageError("has no value", where=f"{family}.{name}")
    return list(dict.fromkeys(found))


def given(kind: type[Model], family: str, name: str, text: str) -> tuple[str, Any]:
    """Return a setting and its value, of the type of its default.

    Raises:
        UsageError: no such setting, with the nearest and all there are; or a value of another type.
    """
    known = settings(kind)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        meant = f"Did you mean {near[0]}? " if near else ""
        there = ", ".join(f"{key}={shown(value)}" for key, value in known.items())
        raise UsageError("no such setting", where=f"{family}.{name}", remedy=f"{meant}There are {there}.")
    default = known[name]
    wanted = _types(kind, name, default)
    try:
        value = _typed(text, wanted, default)
    except ValueError as error:
        words = " or ".join(_WORDS.get(one, "None") for one in wanted)
        raise UsageError(
            f"must be {words}", where=f"{family}.{name}", measured=text, remedy=f"Its default is {shown(default)}."
        ) from error
    if name == "optimizer":
        check_optimizer(value)
    elif name == "activation":
        activation(value)
    return name, value


def _types(kind: type[Model], name: str, default: Any) -> list[type]:
    """Return what a value may be: of the default's type, or, beside a default of None, what is annotated."""
    own = name in inspect.signature(kind).parameters
    try:
        hint: Any = get_type_hints(kind.__init__ if own else Training).get(name)
    except (NameError, TypeError):  # an annotation for type checkers alone
        hint = None
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    plain = [get_origin(part) or part for part in parts]
    found = [part for part in plain if part in _WORDS or part is _NOTHING]
    if default is not None:
        found = [type(default), *([_NOTHING] if _NOTHING in found else [])]
    return [tuple if one is list else one for one in found]


def _typed(text: str, wanted: list[type], default: Any) -> Any:
    """Return the value of the first type that it is of; `ValueError` where it is of none."""
    value = _literal(text)
    if not wanted:  # nothing is known of it
        return value
    for kind in wanted:
        if kind is _NOTHING and value is None:
            return None
        if kind is bool and isinstance(value, bool):
            return value
        if kind is int and _is_number(value) and value == int(value):
            return int(value)
        if kind is float and _is_number(value):
            return float(value)
        if kind is str and value is not None:
            return value if isinstance(value, str) else text
        if kind is tuple and isinstance(value, tuple | list):
            like = [type(default[0])] if default else []
            return tuple(_typed(repr(part), like, None) for part in value)
    raise ValueError(text)


def _literal(text: str) -> Any:
    if text.lower() in ("true", "false", "none"):
        text = text.capitalize()
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return tuple(value) if isinstance(value, list) else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
