"""The fits of one run: which trials there are, what decides each, and the data of their jobs."""

from __future__ import annotations

import json
import os
import re
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import mynah
from mynah import tasks
from mynah.data import Corpus, Splits
from mynah.ground.errors import BadInput
from mynah.ground.progress import Progress
from mynah.ground.randomness import key
from mynah.representations import Frames, Representation, compute, described
from mynah.runs.checked import checked_targets
from mynah.runs.job import TIMED_CLIPS, Job, settings_of
from mynah.runs.plan import Plan
from mynah.runs.trial import Trial, TrialStore
from mynah.runs.watching import Log
from mynah.stores import open_store
from mynah.training import Budget

#: Sounds are read at their most common rate, but never above this, in Hz.
HIGHEST_RATE = 48_000
#: Share of a time budget kept for previews and the page.
CLOSING_SHARE = 0.03


class Unread(BadInput):
    """A sound that was there when the folder was read cannot be read any more."""


class Fits:
    """What is known about the data and the trials of one call of `learn`.

    Args:
        corpus, splits: what is learned from, and the folds.
        plan: the options.
        folder: of the run.
        progress: called with how far the work is.
        command: the command line, for the page.
    """

    def __init__(
        self, corpus: Corpus[Any], splits: Splits, plan: Plan, folder: Path, progress: Progress, command: str
    ) -> None:
        self.began = time.monotonic()
        self.corpus, self.splits, self.plan, self.folder = corpus, splits, plan, folder
        self.progress, self.command = progress, command
        self.budget = Budget.parse(plan.budget)
        self.workers = 1 if plan.executor == "sequential" else plan.workers or os.cpu_count() or 1
        self.entries = {entry.name: entry for entry in plan.entries}
        self.families = list(self.entries)
        remote = None if plan.checkpoints is None else open_store(plan.checkpoints)
        self.store = TrialStore(folder / "trials", remote)
        self.log = Log(folder / "log.jsonl")
        self.asked = tasks.find(plan.task)
        self.task = tasks.of(self.asked)
        self.targets, self.names, self.floor = checked_targets(self.task, tasks.title(self.asked), corpus)
        self.groups = np.array(corpus.groups)
        self.rate = min(corpus.common_rate or 0, HIGHEST_RATE)
        self.frames: dict[Representation, Frames] = {}
        self.judged: tuple[Frames, ...] = ()
        self.warnings: list[str] = []

    def _represent(self) -> None:
        """Compute what the families see; `Unread` where a sound is not there any more."""

        def frames(corpus: Corpus[Any], seen: Representation) -> Frames:
            cache = self.folder / "cache"
            try:
                return compute(corpus, seen, self.rate, cache, workers=self.workers, progress=self.progress)
            except BadInput as error:
                raise Unread(error.what, where=error.where, measured=error.measured, remedy=error.remedy) from error

        for entry in self.entries.values():
            if entry.seen is not None and entry.seen not in self.frames:
                self.frames[entry.seen] = frames(self.corpus, entry.seen)
        scored = self.task.scored(self.corpus)
        self.judged = tuple(frames(scored, seen) for seen in self.task.judged_by)

    def _inputs(self, family: str) -> Frames | Corpus[Any]:
        """Return all items as a family sees them."""
        seen = self.entries[family].seen
        return self.corpus if seen is None else self.frames[seen]

    @cached_property
    def _learners(self) -> list[str]:
        """The families that learn by gradient steps, and so share the budget."""
        return [name for name, entry in self.entries.items() if entry.learns]

    def _deadline(self) -> float | None:
        """Return when training must be done: an interrupted run goes on with what was left of its time."""
        if self.budget.seconds is None:
            return None
        if self.plan.rest is not None:
            return self.began + self.plan.rest * (1 - CLOSING_SHARE)
        done = (self.store.load(self._trial(name, n)) for n in range(len(self.splits.folds)) for name in self.families)
        spent = sum(float(result["seconds"]) for result in done if result is not None) / self.workers
        return self.began + self.budget.seconds * (1 - CLOSING_SHARE) - spent

    def _trial(self, family: str, fold: int) -> Trial:
        part, entry = self.splits.folds[fold], self.entries[family]
        return Trial(
            family=entry.family,
            settings=self._settings(family),
            representation="" if entry.seen is None else f"{json.dumps(described(entry.seen))} at {self.rate} Hz",
            task=self.asked if isinstance(self.asked, str) else f"{self.asked.family} {self.asked.sha256}",
            fingerprint=self.corpus.fingerprint,
            fold=part.name,
            split=self._digests[fold],
            seed=self.plan.seed,
            budget=self._terms(family, fold),
            version=mynah.__version__,
        )

    @cached_property
    def _digests(self) -> list[str]:
        """Name the clips on both sides of each fold; once, since there may be many and trials are asked for often."""
        return [f"{key(fold.train.tolist(), fold.test.tolist()):016x}" for fold in self.splits.folds]

    def _settings(self, family: str) -> str:
        return settings_of(self.entries[family], optimizer=self.plan.optimizer, activation=self.plan.activation)

    def _terms(self, family: str, fold: int) -> str:
        """Say what a fit may spend: a share of a time depends on who shares it."""
        if family not in self._learners:
            return ""
        if planned := self.plan.planned(family, fold):
            return planned
        shared = self.budget.seconds is not None
        return f"{self.budget} shared by {', '.join(sorted(self._learners))}" if shared else str(self.budget)

    def _job(self, family: str, fold: int) -> Job:
        part = self.splits.folds[fold]
        test = self.task.held(self.corpus, part.test)
        spread = np.unique(np.linspace(0, len(test) - 1, TIMED_CLIPS).astype(int))
        trial = self._trial(family, fold)
        return Job(
            trial=trial,
            entry=self.entries[family],
            task=self.asked,
            inputs=self._inputs(family),
            judged=self.judged,
            targets=self.targets,
            groups=self.groups,
            train=part.train,
            test=test,
            timed=[self.corpus[int(test[i])] for i in spread],
            allowance="" if " shared by " in trial.budget else trial.budget,
            keep_model=fold == 0,
            learns=family in self._learners,
            device=self.plan.device,
            leaves=self.plan.executor == "processes",
            curves=self.folder.absolute() / "tensorboard" / f"{_as_file(family)}-{part.name}"
            if self.plan.tensorboard
            else None,
        )


def unheard(corpus: Corpus[Any]) -> list[str]:
    """Say what is left out of sounds whose rate is higher than any that is read; nothing of others."""
    own = corpus.common_rate or 0
    if own <= HIGHEST_RATE:
        return []
    read, there = HIGHEST_RATE / 1000, own / 1000
    return [f"sounds of {there:g} kHz are read at {read:g} kHz: what lies above {read / 2:g} kHz is not learned"]


def _as_file(name: str) -> str:
    """Return a row's name as a folder may be called."""
    return re.sub(r"[^\w@=.,() -]", "_", name)
