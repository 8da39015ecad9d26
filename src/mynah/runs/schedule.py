"""Who trains when, and for how long: equal shares of a time budget, leftovers shared equally.

Families that need no gradient steps run first and take what they need. What is left of the time is divided by the
trials left, again whenever a trial starts; folds come before families in the order, so that what one family gives
back goes in equal parts to all that still learn.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from joblib import Parallel, delayed, parallel_config

from mynah.ground.errors import Stopped
from mynah.ground.processes import world
from mynah.ground.progress import Progress
from mynah.runs.cluster import cluster, is_loss
from mynah.runs.draining import draining, until_noticed
from mynah.runs.job import TOLD, Job, run
from mynah.runs.trial import TrialStore
from mynah.runs.watching import Log

#: A trial under a time budget gets at least this many seconds, however many share it.
LEAST_SECONDS = 2.0
#: Trial-equivalents kept for training the chosen family on all clips at the end.
REFIT_TRIALS = 1.25
#: Workers that may be lost one after the other before we stop.
MOST_LOSSES = 3


class LostWorker(Stopped):
    """A worker process or machine is gone; what its trial had saved is kept."""


@dataclass
class Clock:
    """Shares what is left until `deadline` among the trials left; all times from `time.monotonic`.

    Attributes:
        deadline: when everything must be done, or None when the budget is in steps or epochs.
        workers: fits that run side by side.
        left: gradient trials not yet started.
        running: hash to promised end of those that run.
    """

    deadline: float | None
    workers: int
    left: int
    running: dict[str, float] = field(default_factory=dict)

    def share(self, ended: Callable[[str], bool]) -> float:
        """Return the seconds the next trial gets; `ended` tells which trials have finished since."""
        assert self.deadline is not None
        now = time.monotonic()
        self.running = {name: end for name, end in self.running.items() if not ended(name)}
        owed = sum(max(0.0, end - now) for end in self.running.values())
        beside = min(self.workers, self.left + len(self.running))  # one trial cannot use two workers
        left = (self.deadline - now) * beside - owed
        return max(LEAST_SECONDS, left / (self.left + REFIT_TRIALS * beside))


@dataclass(frozen=True)
class Workers:
    """Who runs trials: `executor` is one of `EXECUTORS`, `count` of them, on the cluster at `address` or here."""

    executor: str
    count: int
    address: str | None = None


def run_all(
    cheap: Sequence[Job],
    gradient: Sequence[Job],
    store: TrialStore,
    *,
    deadline: float | None,
    workers: Workers,
    progress: Progress,
    log: Log,
) -> None:
    """Run every job that has no result yet; results are in `store`.

    A worker that is lost costs what its trial had not saved: the trials that are not done are given out again.

    Args:
        cheap, gradient: jobs without and with gradient steps; `gradient` in fold-major order.
        deadline: end of a time budget on the monotonic clock, shared out among `gradient`; None for other budgets.
        workers: see `Workers`.
        progress: called after each trial.
        log: written to as well.
    """
    clock = Clock(deadline, workers.count, len(gradient))
    total, done = len(cheap) + len(gradient), 0
    progress("train", done, total, "")
    for jobs in (cheap, gradient):  # one after the other: who runs beside whom must not decide who gets how much
        waiting = _waiting(jobs, store, together=jobs is gradient)
        done += len(jobs) - len(waiting)
        for losses in itertools.count():
            clock.left = len(waiting)
            queue = list(waiting.values())
            calls = _shares(queue, clock, store) if jobs is gradient and deadline is not None else iter(queue)
            try:
                for name in _run_side_by_side(calls, store, workers):
                    ended = waiting.pop(name)
                    trial, row = ended.trial, ended.entry.name
                    done += 1
                    log.write("trial", family=row, fold=trial.fold, hash=name)
                    progress("train", done, total, f"{row}, fold {trial.fold}{_left(deadline)}")
                break
            except LostWorker as error:
                log.write("lost worker", why=str(error))
                if losses >= MOST_LOSSES:
                    raise
                before = len(waiting)
                waiting = {name: job for name, job in waiting.items() if not _is_done(store.load(job.trial))}
                done += before - len(waiting)


def _waiting(jobs: Sequence[Job], store: TrialStore, *, together: bool) -> dict[str, Job]:
    """Return the jobs that are not done; of several processes of one fit the first decides, and does the rest alone."""
    me = world()
    todo = me.same([job.trial.hash for job in jobs if not _is_done(store.load(job.trial))] if me.is_first else None)
    return {job.trial.hash: job for job in jobs if job.trial.hash in todo and (together or me.is_first)}


def _left(deadline: float | None) -> str:
    return "" if deadline is None else f", {max(0, deadline - time.monotonic()):.0f} s of the budget left"


def _is_done(result: dict[str, Any] | None) -> bool:
    """Whether a trial needs no other try: what failed may have failed for want of memory or space."""
    return result is not None and result["status"] == "ok"


def _shares(waiting: Sequence[Job], clock: Clock, store: TrialStore) -> Iterator[Job]:
    """Yield the jobs, each with its share of the time, which is decided when a worker is free for it."""
    for job in waiting:
        if not job.allowance:
            seconds = clock.share(lambda name: (store.folder / name / "result.json").exists())
            clock.left -= 1
            clock.running[job.trial.hash] = time.monotonic() + seconds
            job = replace(job, allowance=f"{seconds:.2f}s")
        yield job


def _run_side_by_side(jobs: Iterator[Job], store: TrialStore, workers: Workers) -> Iterator[str]:
    """Run jobs in workers, and yield the hash of each that has ended; told to stop, wait until they have saved."""
    with (
        draining(workers.executor) as notice,
        cluster(workers.executor, workers.count, workers.address) as options,
        parallel_config(**options),
    ):
        # joblib's way to Ray gives nothing back before the end
        return_as = "list" if workers.executor == "ray" else "generator_unordered"
        pool = Parallel(return_as=return_as, batch_size=1, pre_dispatch=workers.count)
        results: Any = ()
        try:
            results = pool(delayed(run)(job, store) for job in until_noticed(notice, jobs))
            for name in results:
                if name != TOLD:
                    yield name
                elif notice.error is None:
                    raise LostWorker("a worker process was told to stop")
            notice.obey()
        except BaseException as error:
            told = notice.error
            notice.give(Stopped("the others stop too"))
            with suppress(BaseException):
                for _ in results if workers.executor == "processes" else ():
                    pass
            with suppress(BaseException):
                results.close()  # where it is a generator
            if is_loss(error) and told is not None:  # they did not save in time
                raise told from error
            if is_loss(error):
                raise LostWorker(
                    "a worker was ended from outside, perhaps for want of memory",
                    measured=type(error).__name__,
                    remedy="Give the same command again, with --workers 1.",
                ) from error
            raise
