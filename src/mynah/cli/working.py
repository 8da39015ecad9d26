"""What `learn`, `demo` and `resume` share: the work with its progress, and the line that goes on with it."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mynah.cli.drawing import drawn
from mynah.ground.progress import Progress


def work(job: Callable[[Progress], Any], out: Path, *, quiet: bool, as_json: bool) -> int | None:
    """Run `job`, which returns a run, and print it; when interrupted, say how to go on.

    Returns:
        An exit code: that of `NotEnoughData` where no family came to an end; None is 0.
    """
    from mynah.ground.errors import NotEnoughData, Stopped

    try:
        with drawn(quiet) as progress:
            run = job(progress)
    except (KeyboardInterrupt, Stopped) as error:
        if (out / "plan.json").exists():
            print(
                f"what was finished is kept in {out}; to go on: mynah resume {shlex.quote(str(out))}", file=sys.stderr
            )
        if isinstance(error, Stopped):
            raise
        return 130
    if run.results:  # of several processes of one fit, only the first tells
        print(json.dumps(run.results, ensure_ascii=False) if as_json else run)
        if run.results["best"] is None:
            return NotEnoughData.exit_code
    return None
