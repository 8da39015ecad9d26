"""What every page is made with: one file that needs nothing else, whose content policy names all that may run."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path

import jinja2

from mynah.ground.errors import Stopped
from mynah.ground.files import write_bytes
from mynah.report import wording


def asset(name: str) -> str:
    """Return the text of a file of this package."""
    return (resources.files("mynah.report") / name).read_text(encoding="utf-8").strip()


@cache
def environment() -> jinja2.Environment:
    """Return what renders the templates: it escapes, and an unknown name is an error. Each is compiled once."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mynah.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["breakable"] = wording.breakable
    return environment


def hash_of(text: str) -> str:
    """Return a CSP source that allows exactly this inline text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def date_of(iso: str) -> str:
    """Return a date for people; one that is none stays as it is."""
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return f"{moment.day} {moment:%B %Y, %H:%M} {moment.tzname() or ''}".strip()


def write(path: Path, text: str) -> None:
    """Write a page under its name only when it is complete; `Stopped` where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, text.encode())
    except OSError as error:
        raise Stopped("the page could not be written", where=path, measured=error.strerror) from error
