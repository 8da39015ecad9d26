"""The command line: one file a verb; each parses, calls one function and prints."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit with a code of `mynah.ground.errors.EXIT_CODES`."""
    from mynah.cli.app import run

    sys.exit(run(sys.argv[1:]))
