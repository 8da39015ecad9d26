"""Who trains when, and for how long: equal shares of a time budget, leftovers shared equally.

Families that need no gradient steps run first and take what they need. What is left of the time is divided by the
trials left, again whenever a trial starts; folds come before families in the order, so that what one family gives
back goes in equal parts to all that still learn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from joblib import Parallel, delayed, parallel_config

from mynah.progress import Progress
from mynah.training.budget import Budget
from mynah.trials.run import Job, run
from mynah.trials.trial import Store

#: A trial under a time budget gets at least this many seconds, however many share it.
LEAST_SECONDS = 2.0
#: Trial-equivalents kept for training the chosen family on all clips at the end.
REFIT_TRIALS = 1.25
#: joblib's name for each executor.
BACKENDS = {"sequential": "sequential", "processes": "loky"}


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
        left = (self.deadline - now) * self.workers - owed
        return max(LEAST_SECONDS, left / (self.left + REFIT_TRIALS * self.workers))


def run_all(
    cheap: Sequence[Job],
    gradient: Sequence[Job],
    store: Store,
    *,
    budget: Budget,
    deadline: float | None,
    executor: str,
    workers: int,
    progress: Progress,
) -> None:
    """Run every job that has no result yet; results are in `store`.

    Args:
        cheap, gradient: jobs without and with gradient steps; `gradient` in fold-major order.
        budget: as asked; a time budget is shared out, steps and epochs are passed on.
        deadline: end of a time budget on the monotonic clock.
        executor: key of `BACKENDS`.
        workers: processes.
        progress: told after each trial.
    """
    waiting = [job for job in (*cheap, *gradient) if store.load(job.trial) is None]
    total = len(cheap) + len(gradient)
    done = total - len(waiting)
    learns = {job.trial.hash for job in gradient}
    clock = Clock(deadline, workers, sum(job.trial.hash in learns for job in waiting))
    names = {job.trial.hash: f"{job.trial.family}, fold {job.trial.fold}" for job in waiting}

    def calls() -> Iterator[object]:
        for job in waiting:
            if job.trial.hash in learns and budget.seconds is not None and not job.budget:
                seconds = clock.share(lambda name: (store.folder / name / "result.json").exists())
                clock.left -= 1
                clock.running[job.trial.hash] = time.monotonic() + seconds
                job = replace(job, budget=f"{seconds:.2f}s")
            yield delayed(run)(replace(job, budget=job.budget or str(budget)), store)

    progress("train", done, total, "")
    with parallel_config(backend=BACKENDS[executor], n_jobs=workers, **_threads(executor)):
        pool = Parallel(return_as="generator_unordered", batch_size=1, pre_dispatch=workers)
        results = pool(calls())
        try:
            for name in results:
                done += 1
                left = "" if deadline is None else f", {max(0.0, deadline - time.monotonic()):.0f} s of the budget left"
                progress("train", done, total, names[name] + left)
        except BaseException:
            with suppress(BaseException):
                results.close()
            _stop_workers(executor)
            raise


def _threads(executor: str) -> dict[str, int]:
    return {"inner_max_num_threads": 1} if executor == "processes" else {}


def _stop_workers(executor: str) -> None:
    if executor == "processes":
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True, kill_workers=True)
