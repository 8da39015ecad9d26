"""What a worker does with one trial: fit, answer the held-out clips, measure the cost."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mynah import modelfile, tasks
from mynah.contracts.model import ByGradient, Model, with_budget
from mynah.contracts.own import Source
from mynah.data import Corpus
from mynah.data.clip import Wave
from mynah.ground.allocator import tune_allocator
from mynah.ground.blame import blamed
from mynah.ground.device import on_device
from mynah.ground.errors import BadInput, MynahError, Stopped
from mynah.ground.processes import world
from mynah.representations import Frames
from mynah.runs.checked import checked_answers
from mynah.runs.draining import listen_only_in_fits
from mynah.runs.entry import Entry
from mynah.runs.trial import Trial, TrialStore
from mynah.runs.watching import Curves
from mynah.tasks.task import Part, Task, names_of
from mynah.training import Checkpoints, Saver, Training, noticed, one_thread

#: Clips that are answered one by one, from the wave on, to measure the milliseconds each takes.
TIMED_CLIPS = 12
#: Where settings hold the hash of a user's own file.
SOURCE = "source sha256"
#: What `run` returns, in a worker process, for a trial that was told to stop and has saved itself.
TOLD = ""


@dataclass(frozen=True)
class Job:
    """A trial with its data: all of it cheap to send to a worker.

    Attributes:
        trial: what is run.
        entry: the row it belongs to.
        task: as `mynah.tasks.find` found it.
        inputs: of all items: frames, memory-mapped, or the corpus; `judged` as the task judges them.
        targets, groups: (item,) of all items.
        train, test: item numbers of the fold.
        timed: a few items of the test part.
        allowance: what this fit may spend, as text; empty where it is decided when it starts, or not needed.
        keep_model: whether the fitted model stays in the trial's folder.
        learns: whether it learns by gradient steps.
        device: that it trains on, see `mynah.ground.device.choose`; the worker's own.
        leaves: whether `run` returns `TOLD` when it is told to stop, and raises nothing: true in worker processes.
        curves: folder for TensorBoard, or None.
    """

    trial: Trial
    entry: Entry
    task: str | Source
    inputs: Frames | Corpus[Any]
    judged: tuple[Frames, ...]
    targets: np.ndarray
    groups: np.ndarray
    train: np.ndarray
    test: np.ndarray
    timed: Sequence[Any]
    allowance: str
    keep_model: bool
    learns: bool
    device: str
    leaves: bool
    curves: Path | None = None


def run(job: Job, store: TrialStore) -> str:
    """Run a trial and keep its result; return the trial's hash. A model that fails is a result too.

    Told to stop, a fit that learns step by step saves itself first, and goes on from there another time.
    """
    began, clock = time.time(), time.perf_counter()
    torch.set_num_threads(1)
    tune_allocator()
    if job.leaves:
        listen_only_in_fits()
    job = replace(job, allowance=world().same(job.allowance)) if job.learns else job
    folder = store.path(job.trial)
    result: dict[str, Any] = {"status": "ok", "message": "", "budget": job.allowance, "began": began}
    task, answers = tasks.of(job.task), np.zeros(0)
    checkpoints = Checkpoints(store.checkpoints(job.trial), job.trial.hash)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        model = new_model(job.entry, job.trial.settings, job.trial.seed, job.allowance)
        if not _fit(model, job, checkpoints, folder):
            return TOLD
        if not world().is_first:  # of several processes of one fit, the first does what is left
            return job.trial.hash
        part = Part(job.inputs, job.judged, job.targets, job.train, job.test, job.trial.seed, folder)
        names = names_of(task, job.targets)
        given, facts = task.answer(model, part, names)
        answers = checked_answers(task, given, job.targets[job.test], names)
        result |= {
            "facts": facts,
            "record": model.record_,
            "history": getattr(model, "history_", []),
            "parameters": model.parameter_count,
            "milliseconds": _milliseconds(model, job.timed, task),
            "megabytes": _megabytes(model, folder, keep=job.keep_model),
        }
    except (Stopped, KeyboardInterrupt):
        raise
    except (Exception, SystemExit) as error:
        theirs = None if isinstance(error, MynahError) else blamed(error)
        if isinstance(error, OSError) and theirs is None:
            raise Stopped("a result could not be written", where=folder, measured=error.strerror or error) from error
        says_enough = isinstance(error, MynahError | ValueError)
        message = str(theirs or (error if says_enough else f"{type(error).__name__}: {error}"))
        result |= {"status": "failed", "message": message}
    if not world().is_first:
        return job.trial.hash
    result["seconds"] = time.perf_counter() - clock
    store.save(job.trial, {**result, "test": job.test.tolist()}, answers)
    if job.learns:
        checkpoints.clear()
    return job.trial.hash


def _fit(model: Model, job: Job, checkpoints: Checkpoints, folder: Path) -> bool:
    """Fit a model, writing a line of JSON into ``events.jsonl`` at every validation; whether it came to its end."""
    data = (job.inputs.take(job.train), job.targets[job.train], job.groups[job.train])
    if not isinstance(model, ByGradient):
        model.fit(*data)
        return True
    log_file, board = folder / "events.jsonl", Curves(job.curves)
    with on_device(job.device), noticed() as notice, open(log_file, "a", encoding="utf-8") as log, board as curves:
        saver = Saver(checkpoints, notice)
        try:
            for event in model.fit_events(*data, keeper=saver):
                print(json.dumps(event.__dict__), file=log, flush=True)
                curves.add(event)
            saver.close()
        except Stopped:
            if notice.error is not None and job.leaves:
                return False
            raise
    return True


def new_model(entry: Entry, settings: str, seed: int, budget: str) -> Model:
    """Make an unfitted model of an entry from what `settings_of` returned."""
    given = json.loads(settings)
    given.pop(SOURCE, None)
    if "training" in given:
        given["training"] = Training(**given["training"])
    model = entry.kind(**given, random_state=seed)
    return with_budget(model, budget) if budget else model


def settings_of(entry: Entry, *, optimizer: str | None = None, activation: str | None = None) -> str:
    """Return all settings of an entry but seed and budget, defaults included, as JSON: a changed default is another.

    Args:
        optimizer: in place of the family's own, where it learns by steps and the entry names none.
        activation: in place of the family's own, where it has a choice and the entry names none.
    """
    model, named = entry.new(), dict(entry.settings)
    if optimizer is not None and isinstance(model, ByGradient) and "optimizer" not in named:
        model.training = replace(model.settings, optimizer=optimizer)
    if activation is not None and "activation" in model.get_params(deep=False) and "activation" not in named:
        model.activation = activation
    settings = {
        name: value for name, value in model.get_params(deep=False).items() if name not in ("representation", "rate")
    }
    del settings["random_state"]
    if isinstance(model, ByGradient):
        settings["training"] = asdict(model.settings)
    if entry.source is not None:  # an edited file is another family
        settings[SOURCE] = entry.source.sha256
    return json.dumps(settings, sort_keys=True)


def _milliseconds(model: Model, items: Sequence[Any], task: Task) -> list[float]:
    """Milliseconds of CPU of one use, one item at a time on one thread, decoding left out."""
    rate = model.rate_
    held, times = [], []
    for item in items:
        with suppress(BadInput):  # a file that is not there any more
            held.append(item.input if rate is None else Wave(item.read(rate), rate))
    if not held:
        return []
    with one_thread():
        task.use(model, held[0])
        for item in held:
            began = time.thread_time()
            task.use(model, item)
            times.append(1000 * (time.thread_time() - began))
    return times


def _megabytes(model: Model, folder: Path, *, keep: bool) -> float:
    path = modelfile.save(model, folder / "model.mynah")
    size = path.stat().st_size / 1e6
    if not keep:
        path.unlink()
    return size
