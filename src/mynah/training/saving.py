"""What keeps a fit: restores it, saves it in the background now and then, and ends it when told to."""

from __future__ import annotations

import threading
import time
from typing import Any

from mynah.ground.errors import Stopped
from mynah.training.checkpoints import Checkpoints
from mynah.training.loop import Fit, Keeper
from mynah.training.preemption import Notice

#: Seconds between two checkpoints, at least.
INTERVAL_SECONDS = 15.0
#: Saving takes at most this share of the time: where it is slow, checkpoints are further apart.
LARGEST_SHARE = 0.05


class Saver(Keeper):
    """Saves a fit to checkpoints, from a copy of its state and in one background thread.

    Args:
        checkpoints: of this fit.
        notice: looked at after every step and inside evaluations.
        every: seconds between two checkpoints, at least.
        every_steps: save at these steps and not by the clock.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        notice: Notice | None = None,
        *,
        every: float = INTERVAL_SECONDS,
        every_steps: int | None = None,
    ) -> None:
        self.checkpoints, self.notice = checkpoints, notice or Notice()
        self.every, self.every_steps = every, every_steps
        self.upload = _Upload(checkpoints)
        self.due = 0.0

    def begin(self, fit: Fit) -> None:
        state = fit.world.same(self.checkpoints.newest() if fit.world.is_first else None)
        if state is not None:
            fit.restore(state)
        self.due = time.monotonic() + self.every

    def look(self, fit: Fit) -> None:
        self.upload.check()
        if fit.world.is_first and self._is_due(fit):
            self.upload.send(fit.state())
            interval = max(self.every, self.upload.seconds / LARGEST_SHARE)
            self.due = time.monotonic() + interval

    def _is_due(self, fit: Fit) -> bool:
        if self.every_steps is not None:
            return fit.step % self.every_steps == 0
        return time.monotonic() >= self.due

    def must_stop(self) -> Stopped | None:
        return self.notice.error

    def poll(self) -> None:
        self.notice.obey()

    def leave(self, fit: Fit) -> None:
        self.upload.wait()
        if fit.world.is_first:
            self.checkpoints.save(fit.state())

    def close(self) -> None:
        """Wait for what is being written, and raise what went wrong with it."""
        self.upload.wait()
        self.upload.check()


class _Upload:
    """One thread that writes one state at a time; a newer one takes the place of one that waits."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        self.checkpoints = checkpoints
        self.changed = threading.Condition()
        self.waiting: dict[str, Any] | None = None
        self.thread: threading.Thread | None = None
        self.error: BaseException | None = None
        self.seconds = 0.0

    def send(self, state: dict[str, Any]) -> None:
        """Write a state soon; it must be a copy that nobody changes."""
        with self.changed:
            self.waiting = state
            if self.thread is None:
                self.thread = threading.Thread(target=self._work, name="checkpoint", daemon=True)
                self.thread.start()

    def _work(self) -> None:
        while True:
            with self.changed:
                state, self.waiting = self.waiting, None
                if state is None or self.error is not None:
                    self.thread = None
                    self.changed.notify_all()
                    return
            began = time.monotonic()
            try:
                self.checkpoints.save(state)
            except BaseException as error:  # raised where the fit looks next
                self.error = error
            self.seconds = time.monotonic() - began

    def check(self) -> None:
        """Raise what went wrong in the background."""
        if self.error is not None:
            error, self.error = self.error, None
            raise error

    def wait(self) -> None:
        """Wait until nothing is being written."""
        with self.changed:
            while self.thread is not None:
                self.changed.wait()
