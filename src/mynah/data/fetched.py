"""Local copies of packed sounds: fetched once, verified, bounded in size, the longest unused removed first."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from mynah.ground.errors import UsageError
from mynah.stores import FolderStore

#: Variable that says how many gigabytes (1e9 bytes) of packed sounds are kept, and how many it is without.
LIMIT, LIMIT_GB = "MYNAH_CACHE_GB", 20.0
#: A process looks for room again when it has fetched this share of the limit ...
LOOKED_SHARE = 1 / 32
#: ... and then leaves this share of it, but never removes what was used so many seconds ago: it may be open soon.
LEFT_SHARE, GRACE_SECONDS = 0.9, 60.0

_fetched = float("inf")  # bytes since this process last looked for room; it looks at its first copy


def cache_folder() -> Path:
    """Return the folder below which everything is kept that can be made again."""
    place = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(place) / "mynah"


def local_copy(digest: str, suffix: str, length: int, fetch: Callable[[], bytes]) -> str:
    """Return the path of the copy of a file, fetched now if it is not there.

    Args:
        digest: of the content, and the name of the copy, so that the same sound of two corpora is kept once.
        suffix: of the file name, with its dot.
        length: bytes. A copy of another length was cut off, and is fetched again.
        fetch: returns the content, verified.

    Raises:
        Stopped: the cache cannot be written.
        UsageError: ``MYNAH_CACHE_GB`` is no number.
        Whatever `fetch` raises.
    """
    global _fetched
    folder = cache_folder() / "shards"
    path = folder / digest[:2] / f"{digest}{suffix}"
    with suppress(OSError):
        facts = path.stat()
        if facts.st_size == length:
            with suppress(OSError):  # a cache that others share may be read only
                os.utime(path, ns=(time.time_ns(), facts.st_mtime_ns))
            return str(path)
    limit = _limit()
    FolderStore(path.parent).put(path.name, fetch())
    _fetched += length
    if _fetched > limit * LOOKED_SHARE:
        _fetched = 0
        _make_room(folder, limit)
    return str(path)


def _limit() -> float:
    """Return the bytes that may be kept."""
    text = os.environ.get(LIMIT) or str(LIMIT_GB)
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = -1.0
    if not gigabytes >= 0:
        raise UsageError("must be a number of gigabytes, 0 or more", where=LIMIT, measured=repr(text))
    return gigabytes * 1e9


def _make_room(folder: Path, limit: float) -> None:
    """Remove the copies longest unused, and what killed processes left half written, until the rest fits."""
    found = []
    for path in folder.glob("*/*"):
        with suppress(OSError):
            facts = path.stat()
            found.append((facts.st_atime, facts.st_size, path))
    total = sum(size for _, size, _ in found)
    if total <= limit:
        return
    for used, size, path in sorted(found):
        if total <= limit * LEFT_SHARE or time.time() - used < GRACE_SECONDS:
            return
        with suppress(OSError):
            path.unlink()
            total -= size
