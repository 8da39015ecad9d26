"""Where results go: standard output, or a file that is written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from mynah.ground.errors import Stopped
from mynah.ground.files import write_bytes


def check_destination(out: Path | None) -> None:
    """Find out before the work, not after it, whether a file can be written; what is there stays as it is.

    Raises:
        Stopped: it cannot.
    """
    if out is None:
        return
    if out.is_dir():
        raise _failed(out, "it is a folder")
    if out.exists() and not out.is_file():  # a pipe or a device: opening it is already writing
        return
    # a short name beside the file that is meant, where a link leads too
    part = Path(os.path.realpath(out)).with_name(f".{os.getpid()}.part")
    try:
        part.touch()
        part.unlink()
    except OSError as error:
        raise _failed(out, error.strerror) from error


def deliver(text: str, out: Path | None) -> None:
    """Print text, or write it to a file under its final name only when it is complete.

    Raises:
        Stopped: the file cannot be written; one that was there is untouched.
    """
    if out is None:
        print(text, end="")
        return
    regular = out.is_file() or not out.exists()
    content = text.encode(errors="backslashreplace")
    try:
        if regular:
            write_bytes(os.path.realpath(out), content)
        else:
            out.write_bytes(content)
    except OSError as error:
        raise _failed(out, error.strerror) from error


def _failed(out: Path, why: str | None) -> Stopped:
    return Stopped("cannot be written", where=out, measured=why, remedy="Choose another place, or make room there.")
