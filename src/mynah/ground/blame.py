"""Whose an error is: Mynah's, or that of a file which the user wrote and named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from mynah.ground.errors import UsageError

#: What the names of modules begin with that users' own files are.
OWN = "mynah_own_"


def blamed(error: BaseException) -> UsageError | None:
    """Return an error that came up in what a user's own file defines as one of this file; of any other, None."""
    ran = {module.__file__ for name, module in list(sys.modules.items()) if name.startswith(OWN)}
    trace, path = error.__traceback__, None
    while trace is not None:
        path = trace.tb_frame.f_code.co_filename if trace.tb_frame.f_code.co_filename in ran else path
        trace = trace.tb_next
    if path is None:
        return None
    return UsageError("has an error in it", where=Path(path).name, measured=in_words(error, path))


def in_words(error: Any, path: str) -> str:
    """Say what went wrong and in which line of the file at `path`."""
    number = error.lineno if isinstance(error, SyntaxError) else None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            number = trace.tb_lineno
        trace = trace.tb_next
    what = error.msg if isinstance(error, SyntaxError) else error
    return f"{'' if number is None else f'line {number}, '}{type(error).__name__}: {what}"
