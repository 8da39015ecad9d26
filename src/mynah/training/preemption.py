"""Being told to stop: signals and spot notices set a flag; whoever trains looks at it between two steps."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from mynah.ground.errors import Stopped

#: Where EC2 tells an instance about itself; MYNAH_METADATA names another place (for tests, or other clouds alike).
METADATA = "http://169.254.169.254"
POLL_SECONDS = 5.0
_REMEDY = "Give the same command again to go on."


class Interrupted(Stopped):
    """Stopped by Ctrl-C; what was finished is kept."""

    exit_code = 130


class Notice:
    """A flag that says that this process must stop, and why."""

    def __init__(self) -> None:
        self.error: Stopped | None = None

    def give(self, error: Stopped) -> None:
        """Set the flag; the first reason stays."""
        self.error = self.error or error

    def obey(self) -> None:
        """Raise the reason if the flag is set."""
        if self.error is not None:
            raise self.error


def stopped_by(number: int) -> Stopped:
    """Return the error that goes with a signal."""
    if number == signal.SIGINT:
        return Interrupted("stopped by Ctrl-C", remedy=_REMEDY)
    return Stopped(f"stopped by {signal.Signals(number).name}", remedy=_REMEDY)


@contextlib.contextmanager
def noticed() -> Iterator[Notice]:
    """Inside, SIGTERM and SIGINT set the flag in place of what they did; a second Ctrl-C stops at once.

    Only the main thread of a process is told of signals; in another the flag is never set.
    """
    notice = Notice()
    if threading.current_thread() is not threading.main_thread():
        yield notice
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if notice.error is not None and number == signal.SIGINT:
            raise notice.error
        notice.give(stopped_by(number))

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield notice
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def spot_watched(endpoint: str | None = None, *, every: float = POLL_SECONDS) -> Iterator[None]:
    """Inside, a spot notice of EC2 is passed on as SIGTERM to this process. Does nothing outside EC2.

    Args:
        endpoint: URL of the metadata service; None takes MYNAH_METADATA, or EC2's own where this is EC2.
        every: seconds between two looks.
    """
    endpoint = endpoint or os.environ.get("MYNAH_METADATA") or (METADATA if _is_ec2() else None)
    if endpoint is None:
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            if is_reclaimed(endpoint):
                os.kill(os.getpid(), signal.SIGTERM)
                return

    thread = threading.Thread(target=watch, name="spot notice", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()


def is_reclaimed(endpoint: str) -> bool:
    """Ask EC2's metadata service whether this instance is about to be stopped; what cannot be read is no notice."""
    token = _asked(f"{endpoint}/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT")
    headers = {} if token is None else {"X-aws-ec2-metadata-token": token}  # version 1 of the service knows no tokens
    return _asked(f"{endpoint}/latest/meta-data/spot/instance-action", headers, "GET") is not None


def _asked(url: str, headers: dict[str, str], method: str) -> str | None:
    """Return the answer, or None for none: 404 (nothing to tell), no such service, no HTTP."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers, method=method), timeout=2) as answer:
            return answer.read().decode("latin-1") if answer.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        return None


def _is_ec2() -> bool:
    with contextlib.suppress(OSError):
        if Path("/sys/class/dmi/id/sys_vendor").read_text().strip() == "Amazon EC2":
            return True
    return False
