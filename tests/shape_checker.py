"""The check of types and shapes in a test run: beartype, to which an int is a float, as it is to mypy (PEP 484).

To check every call costs more than most calls do. So a call is checked where its function has not been called with an
object and with shapes like these before, in the same test.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jaxtyping
import numpy as np
import torch
from beartype import BeartypeConf, beartype

#: Rooms whose annotations, shapes among them, are checked in a test run.
ROOMS = ("mynah.layers", "mynah.representations", "mynah.models")

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
_jaxtyped = jaxtyping.jaxtyped
_seen: set[Any] = set()


def install() -> None:
    """Check what is imported from now on."""
    jaxtyping.jaxtyped = _once
    jaxtyping.install_import_hook(ROOMS, "shape_checker.checked")


def forget() -> None:
    """Check every call anew: another test begins."""
    _seen.clear()


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that checks its arguments and its result; a constructor only stores, and has no shapes.

    What an estimator is given is judged in `fit`, as scikit-learn wants it, and a model file gives lists for tuples.
    """
    return function if function.__name__ == "__init__" else _checked(function)


def _once(function: Any = None, *, typechecker: Any) -> Any:
    """Stand in for `jaxtyping.jaxtyped`, which checks every call."""
    if function is None:
        return functools.partial(_once, typechecker=typechecker)
    if isinstance(function, classmethod | staticmethod):
        return type(function)(_once(function.__func__, typechecker=typechecker))
    checks = _jaxtyped(function, typechecker=typechecker)
    if isinstance(function, type | property):
        return checks

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        likeness = (function, *map(_likeness, given), *named, *map(_likeness, named.values()))
        if likeness in _seen:
            return function(*given, **named)
        result = checks(*given, **named)
        _seen.add(likeness)
        return result

    return call


def _likeness(value: Any) -> Any:
    """Return what decides whether a value passes: a shape with its type, or which object it is."""
    if isinstance(value, torch.Tensor | np.ndarray):
        return value.shape, value.dtype, type(value)
    if isinstance(value, tuple | list):
        return type(value), *map(_likeness, value)
    return (type(value), value) if isinstance(value, int | str) else (type(value), id(value))
