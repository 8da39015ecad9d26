"""Where the experiments that need data find it: a folder given by the user, or named by MYNAH_DATA."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mynah.ground.errors import BadInput

#: Environment variable that names the folder.
VARIABLE = "MYNAH_DATA"


def folder(name: str) -> Path:
    """Return the folder of one data set inside the data folder.

    Raises:
        BadInput: it is not there.
    """
    reason = missing(name, None)
    if reason:
        raise BadInput(reason)
    return Path(os.environ[VARIABLE]) / name


def missing(name: str | None, data: str | None) -> str:
    """Say why a data set cannot be used; empty where it can, or none is needed."""
    place = data or os.environ.get(VARIABLE)
    if name is None:
        return ""
    if not place:
        return f"needs the data set {name}: give --data FOLDER, or set {VARIABLE}"
    return "" if (Path(place) / name).is_dir() else f"needs the data set {name}, which is not in {Path(place).name}"


@contextmanager
def kept_in(data: str | None) -> Iterator[None]:
    """Find data sets in this folder while inside; None leaves what the environment says."""
    before = os.environ.get(VARIABLE)
    if data is not None:
        os.environ[VARIABLE] = data
    try:
        yield
    finally:
        if data is not None:
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before
