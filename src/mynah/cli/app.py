"""The program `mynah`: its verbs, and how errors become one sentence and an exit code."""

from __future__ import annotations

import signal
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import TyperException

import mynah
from mynah.cli import apply, check, compare, demo, doctor, learn, listing, report
from mynah.errors import MynahError, Stopped

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


for module in (demo, learn, apply, check, compare, report, listing, doctor):
    app.command(module.NAME)(module.command)


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors become one sentence on stderr."""
    debug = "--debug" in arguments
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = app(arguments, standalone_mode=False)
    except MynahError as error:
        return _say(str(error), error.exit_code, debug)
    except typer.Abort:
        return _say("interrupted; what was finished is kept", 130, debug)
    except TyperException as error:  # the parser's own: prints the usage
        show = getattr(error, "show", None)
        if show is None:
            return _say(str(error), error.exit_code, debug)
        show()
        return error.exit_code
    except KeyboardInterrupt:
        return _say("interrupted; what was finished is kept", 130, debug)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as error:  # a bug: say so, and how to see more
        what = f"this is a bug in Mynah: {type(error).__name__}: {error}. Add --debug to see where"
        return _say(what, 70, debug)
    return int(code or 0)


def _say(what: str, code: int, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    print(f"mynah: {what}", file=sys.stderr)
    return code


def _stop(*_: object) -> None:
    raise Stopped("stopped by SIGTERM", remedy="Type the same command again to go on.")
