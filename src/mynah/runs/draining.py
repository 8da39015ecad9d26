"""Ending worker processes without losing what they have not saved.

joblib kills its workers as soon as anything is raised inside it, and a pool whose one worker leaves kills the others.
So on the way out nothing is raised and nobody leaves: the workers are told, save, and return; then the caller stops.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from mynah.training import Notice, noticed

#: Workers that are told to stop have this long to save; then they are killed.
GRACE_SECONDS = 8.0
#: They are told again and again: one that is between two trials does not listen.
TELL_SECONDS = 0.2
Item = TypeVar("Item")


@contextmanager
def draining(executor: str) -> Iterator[Notice]:
    """Inside, the notice that this process is given is passed on to its worker processes, if it has any."""
    if executor != "processes":
        yield Notice()
        return
    ended = threading.Event()
    with noticed() as notice:
        thread = threading.Thread(target=_pass_on, args=(notice, ended), name="draining", daemon=True)
        thread.start()
        try:
            yield notice
        finally:
            ended.set()
            thread.join()


def _pass_on(notice: Notice, ended: threading.Event) -> None:
    until = None
    while not ended.wait(TELL_SECONDS):
        if notice.error is None:
            continue
        until = until or time.monotonic() + GRACE_SECONDS
        for pid in _workers():
            with suppress(OSError):
                os.kill(pid, signal.SIGTERM if time.monotonic() < until else signal.SIGKILL)


def _workers() -> list[int]:
    """Return the process numbers of joblib's workers, without making any."""
    from joblib.externals.loky import reusable_executor

    return list(getattr(reusable_executor._executor, "_processes", None) or {})


def until_noticed(notice: Notice, items: Iterable[Item]) -> Iterator[Item]:
    """Yield `items` as long as nobody asks to stop."""
    for item in items:
        if notice.error is not None:
            return
        yield item


def listen_only_in_fits() -> None:
    """Called in a worker: what tells it to stop outside of a fit, where there is nothing to save, is not heard."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
