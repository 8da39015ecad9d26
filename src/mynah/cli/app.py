"""The program `mynah`: its verbs, and how errors become one sentence and an exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import TyperException

import mynah
from mynah.cli import (
    apply,
    check,
    compare,
    compose,
    demo,
    doctor,
    generate,
    learn,
    listing,
    pack,
    report,
    resume,
    verify,
)
from mynah.ground.allocator import tune_allocator
from mynah.ground.blame import blamed
from mynah.ground.errors import MynahError, Stopped
from mynah.using.answers import one_line

#: What the system says when there is no room for the output.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS}

app = typer.Typer(
    name="mynah",
    help="Learn from your sounds: one command takes a folder, trains and compares every method that can do the "
    "job, and hands over one page and one model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(mynah.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Keep what `run` needs; the verbs have their own options."""


for module in (demo, learn, resume, apply, generate, compose, check, pack, compare, report, listing, verify, doctor):
    app.command(module.NAME)(module.command)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors become one sentence on stderr."""
    debug = "--debug" in arguments
    tune_allocator()
    signal.signal(signal.SIGTERM, _stop)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # closed, or replaced by something simpler
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = app(arguments, standalone_mode=False)
        if code == 130:  # what the parser makes of Ctrl-C
            raise KeyboardInterrupt
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where an error can still be said
    except MynahError as error:
        return _say(str(error), error.exit_code, debug)
    except TyperException as error:  # the parser's own: prints the usage
        show = getattr(error, "show", None)
        if show is None:
            return _say(str(error), error.exit_code, debug)
        show()
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _say("interrupted; what was finished is kept", 130, debug)
    except SystemExit as error:  # what the parser makes of a broken pipe
        if not isinstance(error.__context__, BrokenPipeError):
            return _bug(error, debug)
        _hush_stdout()
        return 0
    except BrokenPipeError:  # the reader has seen enough
        _hush_stdout()
        return 0
    except OSError as error:
        if error.errno not in _NO_ROOM:
            return _bug(error, debug)
        _hush_stdout()
        return _say(f"the output cannot be written ({error.strerror})", Stopped.exit_code, debug)
    except Exception as error:
        if isinstance(error.__cause__, Stopped):  # a signal in the middle of an import, wrapped by what it met there
            return _say(str(error.__cause__), Stopped.exit_code, debug)
        return _bug(error, debug)
    return int(code or 0)


def _bug(error: BaseException, debug: bool) -> int:
    """Say that something is broken: Mynah, or a user's own file, where the error came up in one."""
    theirs = blamed(error)
    if theirs is not None:
        return _say(str(theirs), theirs.exit_code, debug)
    if isinstance(error, SystemExit):
        raise error
    return _say(f"this is a bug in Mynah: {type(error).__name__}: {error}. Add --debug to see where", 70, debug)


def _say(what: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"mynah: {one_line(what)}", file=sys.stderr)
    return code


def _hush_stdout() -> None:
    """Point standard output nowhere: Python flushes it once more at exit, and would complain again."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.__stdout__.fileno())  # type: ignore[union-attr]
        os.close(nowhere)


def _stop(*_: object) -> None:
    raise Stopped("stopped by SIGTERM", remedy="Type the same command again to go on.")
