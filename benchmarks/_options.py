"""The options that all benchmarks share; not a benchmark itself.

    python benchmarks/NAME.py --quick

`--quick` means the same everywhere: the same contestants on less work, done within about a minute on one quiet core.
Its figures are rough, so a gate that is missed shows in the document, but not in the exit code.
"""

from __future__ import annotations

import argparse
from typing import Any


def parser(doc: str | None) -> argparse.ArgumentParser:
    """Return a parser with `--quick`, whose help is the script's own docstring."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument(
        "--quick", action="store_true", help="less work, at most about a minute; rough figures, gates not enforced"
    )
    return made


def parse(made: argparse.ArgumentParser, **quick: Any) -> argparse.Namespace:
    """Return the options given; with `--quick`, these values take the place of the defaults."""
    if made.parse_args().quick:
        made.set_defaults(**quick)
    return made.parse_args()


def exit_code(met: bool, options: argparse.Namespace) -> int:
    """Return 1 for a missed gate, unless the run was a quick one."""
    return 0 if met or options.quick else 1
