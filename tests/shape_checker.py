"""The check of types and shapes in a test run: beartype, to which an int is a float, as it is to mypy (PEP 484)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from beartype import BeartypeConf, beartype

#: Rooms whose annotations, shapes among them, are checked at every call in a test run.
ROOMS = ("mynah.layers", "mynah.representations", "mynah.models")

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that checks its arguments and its result; a constructor only stores, and has no shapes.

    What an estimator is given is judged in `fit`, as scikit-learn wants it, and a model file gives lists for tuples.
    """
    return function if function.__name__ == "__init__" else _checked(function)
