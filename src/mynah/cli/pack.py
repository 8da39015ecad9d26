"""`mynah pack`: a folder as a few large files, for a bucket or a corpus that outgrows a folder."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from mynah.cli.drawing import drawn
from mynah.using.answers import one_line

NAME = "pack"
SCHEMA = "mynah.pack/1"


def command(
    folder: Annotated[Path, typer.Argument(help="A folder of sounds.")],
    out: Annotated[str, typer.Argument(help="New folder, or URL: s3://bucket/prefix, gs://, az://.")],
    labels: Annotated[Path | None, typer.Option(help="Labels file (CSV); all its columns are kept.")] = None,
    target: Annotated[str, typer.Option(help="Its column with the label.")] = "label",
    group: Annotated[str | None, typer.Option(help="Its column that a split must not cut.")] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Count what can be repaired as good.")] = False,
    shard_mb: Annotated[int, typer.Option(help="Megabytes of a shard.", min=1)] = 256,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> int | None:
    """Pack a folder into tar shards and an index that `learn` and `check` read, from a bucket too."""
    from mynah.data import pack
    from mynah.ground.errors import Stopped

    try:
        with drawn(quiet) as progress:
            done = pack(
                folder,
                out,
                labels=labels,
                target=target,
                group=group,
                repair=repair,
                shard_mb=shard_mb,
                progress=progress,
            )
    except (KeyboardInterrupt, Stopped) as error:
        print(f"whole shards are kept; to go on: {shlex.join(['mynah', *sys.argv[1:]])}", file=sys.stderr)
        if isinstance(error, Stopped):
            raise
        return 130
    if as_json:
        print(json.dumps({"schema": SCHEMA, **asdict(done)}, ensure_ascii=False))
        return None
    left = f"; {done.left_out} that cannot be decoded are only named in the index" if done.left_out else ""
    shards = f"{done.shards} shard{'s' * (done.shards > 1)}"
    print(one_line(f"{done.files} files, {done.bytes / 1e6:.1f} MB in {shards}: {done.place}{left}"))
    print(one_line(f"to learn from it: mynah learn {shlex.quote(done.place)}"))
    return None
