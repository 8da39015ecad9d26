"""The one way in which a file is written: under another name first, so that it is whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str], *, durable: bool = False) -> Iterator[Path]:
    """Yield a name beside `path` to write to; what was written there takes the place of `path` when the block ends.

    Where the block or the replacing fails nothing is left of it, and what was there before stays.

    Args:
        path: the final name; its folder exists.
        durable: whether the content is on the disk before it takes the name, so that a power cut cannot empty it.

    Raises:
        OSError: the disk is full or cannot be written.
    """
    path = Path(path)
    # a short name of our own: the final one may already be as long as the disk allows
    part = path.with_name(f".{os.getpid()}-{os.urandom(4).hex()}.part")
    try:
        yield part
        if durable:
            handle = os.open(part, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def write_bytes(path: str | os.PathLike[str], content: bytes, *, durable: bool = False) -> None:
    """Write a file whole, see `replacing`."""
    with replacing(path, durable=durable) as part:
        part.write_bytes(content)
