"""The main job, in the order it happens: sounds, split, frames, trials, comparison, page, model."""

from __future__ import annotations

import json
import os
import shlex
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import mynah
from mynah import modelfile, tasks
from mynah.contracts.model import ByGradient, Model
from mynah.data import Corpus, Problem
from mynah.ground.device import current, on_device, there_or_auto
from mynah.ground.documents import RESULTS
from mynah.ground.errors import IncompatibleFile, MynahError, Stopped, UsageError
from mynah.ground.processes import joined, world
from mynah.ground.progress import Progress, silent
from mynah.judging.choice import Choice, Contender, choose
from mynah.runs import results as documents
from mynah.runs.checked import checked_corpus, checked_use
from mynah.runs.entry import foreign
from mynah.runs.fits import Fits, Unread, unheard
from mynah.runs.job import new_model
from mynah.runs.plan import Plan, shows_options
from mynah.runs.previews import Playable, preview_order, write_previews
from mynah.runs.run import PLAN, Run
from mynah.runs.schedule import Workers, run_all
from mynah.runs.trial import write_json
from mynah.runs.watching import show_clips
from mynah.stores import FolderStore, Missing, is_bucket, open_store
from mynah.tasks.task import Reading
from mynah.training import Budget, spot_watched

PLAN_SCHEMA = "mynah.plan/1"


@shows_options
def learn(
    path: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str] = "mynah-run",
    progress: Progress = silent,
    command: str = "",
    **options: Any,
) -> Run:
    """Train and compare every family on a folder of sounds, and write the page and the model.

    Args:
        path: folder with one sub-folder a label, or with a labels file; or folder or URL of a packed corpus.
        out: folder of the run; finished trials found there are not repeated.
        progress: called with how far the work is.
        command: the command line to repeat this, for the page.
        options: as listed below; `settings` may be called `set`, as on the command line.

    Returns:
        The run; ``run.board``, ``run.best``, ``run.report``.

    Raises:
        UsageError, BadInput, NotEnoughData: with what to do, before anything is trained.
        KeyboardInterrupt, Stopped: after the partial run has been written.
    """
    if "set" in options:
        options["settings"] = options.pop("set")
    unknown = set(options) - set(Plan.__dataclass_fields__)
    if unknown:
        raise UsageError("no such option", where=", ".join(sorted(unknown)))
    plan = Plan(**options)
    with on_device(plan.device), joined() as everyone, spot_watched():
        if everyone.size > 1:  # all processes work on one fit at a time, and the first tells
            plan = replace(plan, executor="sequential")
            progress = progress if everyone.is_first else silent
        lost: tuple[Problem, ...] = ()
        failed: tuple[str, Unread] | None = None
        while True:
            for turn in (True, False):  # the first looks at the files, the others at what it kept of them
                if everyone.is_first is turn:
                    learning = Learning.prepare(path, Path(out), plan, progress, command, lost)
                everyone.same(None)
            if failed is not None and learning.corpus.fingerprint == failed[0]:  # nothing has changed: it is no file
                raise failed[1]
            try:
                return learning.run()
            except Unread as error:  # files were removed or damaged on the way: go on with what is there
                if everyone.size > 1:
                    raise
                failed = learning.corpus.fingerprint, error
                lost += learning.missing(error)


def resume(
    run: str | os.PathLike[str],
    *,
    budget: str | None = None,
    out: str | os.PathLike[str] = "mynah-run",
    sounds: str | os.PathLike[str] | None = None,
    device: str | None = None,
    progress: Progress = silent,
) -> Run:
    """Go on with a run that was interrupted: finished trials are not repeated, begun ones go on where they were.

    Args:
        run: its folder, or the place that its `checkpoints` named.
        budget: time it may still take; None is what was left. A budget in steps cannot be changed.
        out: folder of the run, where `run` is a URL.
        sounds: where they are now, if not where they were.
        device: to train on now; None is that of the run, or, where there is no such device here, "auto".
        progress: called with how far the work is.

    Raises:
        IncompatibleFile: there is no run, or one of another version.
        Stopped: the place cannot be reached.
    """
    store = open_store(run)
    try:
        plan = json.loads(store.get(PLAN))
        if plan["schema"] != PLAN_SCHEMA:
            raise ValueError(plan["schema"])
        options, place, command = dict(plan["options"]), plan["sounds"], plan["command"]
    except (Missing, ValueError, KeyError, TypeError) as error:
        raise IncompatibleFile("no run that can go on", where=run, measured=error) from error
    options["device"] = device or there_or_auto(options.get("device", "auto"))
    if is_bucket(run):
        options["checkpoints"] = str(run)
    if budget is not None:
        rest = Budget.parse(budget).seconds
        if rest is None or Budget.parse(options["budget"]).seconds is None:
            raise UsageError("only a budget in time can be changed on the way", measured=options["budget"])
        options["rest"] = rest
    folder = out if is_bucket(run) else run
    return learn(sounds or place, out=folder, progress=progress, command=command, **options)


class Learning(Fits):
    """One call of `learn`: what is known about the data and the trials, and where results go."""

    @classmethod
    def prepare(
        cls,
        path: str | os.PathLike[str],
        out: Path,
        plan: Plan,
        progress: Progress,
        command: str,
        lost: tuple[Problem, ...] = (),
    ) -> Learning:
        """Look at the folder and refuse what cannot be learned, before anything is trained.

        Args:
            lost: sounds that were there a moment ago.
        """
        reading = Reading(plan.labels, plan.target, plan.group, plan.repair, plan.strict, progress)
        task = tasks.by_name(tasks.LABELLED if plan.task == tasks.AUTO else plan.task)
        title = Path(plan.task).name
        corpus = checked_corpus(title, task.read(path, reading))
        corpus = replace(corpus, problems=corpus.problems + lost)
        if plan.task == tasks.AUTO:
            plan = replace(plan, task=tasks.LABELLED if corpus.classes else tasks.UNLABELLED)
            task = tasks.by_name(plan.task)
        corpus, warnings = checked_use(title, task.check(corpus, plan.anyway))
        splits = task.split(corpus, folds=plan.folds, seed=plan.seed)
        _refuse_other_sounds(out, corpus)
        try:
            out.mkdir(parents=True, exist_ok=True)
            if world().is_first:
                documents.write_skipped(out / "skipped.csv", corpus)
        except OSError as error:
            raise Stopped("the run folder cannot be written", where=out, measured=error.strerror) from error
        learning = cls(corpus, splits, plan, out, progress, command)
        learning.warnings = warnings
        if world().is_first:
            learning._write_plan(path)
        return learning

    def _write_plan(self, path: str | os.PathLike[str]) -> None:
        """Keep what is needed to go on, here and where checkpoints are kept."""
        options = {name: value for name, value in asdict(self.plan).items() if name not in ("plans", "rest")}
        options |= {"families": self.plan.anywhere, "task": self.plan.task_anywhere}
        options |= {name: _anywhere(options[name]) for name in ("labels", "checkpoints") if options[name] is not None}
        place = _anywhere(path)
        plan = {"schema": PLAN_SCHEMA, "sounds": place, "options": options, "command": self.command}
        content = json.dumps(plan | {"options": options | {"plans": self.plan.plans}}, indent=1).encode()
        for store in (FolderStore(self.folder), self.store.remote):
            if store is not None:
                store.put(PLAN, content)

    def missing(self, error: Unread) -> tuple[Problem, ...]:
        """Return as problems the sounds that are not where they were."""
        places = ((item.file, getattr(item, "path", None)) for item in self.corpus)  # of a bucket, none is fetched
        gone = [file for file, place in places if isinstance(place, Path) and not place.exists()]
        self.log.write("changed", why=str(error), gone=gone)
        detail = "it was there when the folder was read, and then not any more"
        return tuple(Problem(file, "unreadable", "set aside", detail, "Put it back.") for file in gone)

    def run(self) -> Run:
        """Train, compare and write; when interrupted, write what there is."""
        if not world().is_first:
            self.train()
            self._refit(*world().same(None))
            return Run(self.folder, {})
        self.log.write("begin", sounds=self.corpus.name, clips=len(self.corpus), families=self.families)
        try:
            self.train()
            run = self.conclude()
        except (KeyboardInterrupt, Stopped) as error:
            self.log.write("stopped", why=str(error) or type(error).__name__)
            self.conclude_partially()
            raise
        self.log.write("end", best=run.results["best"], verdict=run.results["verdict"])
        return run

    # --- training

    def train(self) -> None:
        """Compute what the families see, then run every trial that has no result yet."""
        me = world()
        for turn in (True, False):  # the first computes, the others find it in the cache
            if me.is_first is turn:
                self._represent()
            me.same(None)
        cheap = [name for name in self.families if name not in self._learners]
        folds = range(len(self.splits.folds))
        run_all(
            [self._job(name, fold) for name in cheap for fold in folds],
            [self._job(name, fold) for fold in folds for name in self._learners],
            self.store,
            deadline=self._deadline(),
            workers=Workers(self.plan.executor, self.workers, self.plan.address),
            progress=self.progress,
            log=self.log,
        )

    # --- comparison, model, page

    def conclude(self) -> Run:
        """Compare all families, write results and page, then train the best on all clips and keep it."""
        answers, choice, document = self._compared("complete")
        self._write(document)  # first of all: what comes now may fail or be interrupted
        if choice is None:
            world().same((None, 0))
        else:
            family, steps = world().same((choice.kept, _usual_steps(answers[choice.kept])))
            self._keep(self._refitted(family, steps, document), document, len(self.corpus))
            order, playable = preview_order(self.task, document), Playable(self.corpus, self.folder, document)
            write_previews(playable, order, self.folder / "previews", progress=self.progress)
            if self.plan.tensorboard:
                show_clips(self.folder / "tensorboard" / "clips", document, playable, self.rate, order)
        document["how"]["seconds"] = time.monotonic() - self.began
        self._write(document)
        return Run(self.folder, document, foreign(self.entries.values()))

    def conclude_partially(self) -> None:
        """Compare what has finished, and keep the best family's model of the first fold.

        A run that was there before is left as it is while there is nothing to put in its place.
        """
        _, choice, document = self._compared("partial")
        if choice is None and (self.folder / "results.json").exists():
            return
        if choice is not None:
            model = modelfile.load(self._first_model(choice.kept), families=foreign(self.entries.values()))
            self._keep(model, document, len(self.splits.folds[0].train))
        self._write(document)

    def _compared(self, status: str) -> tuple[dict[str, documents.Answers], Choice | None, dict[str, Any]]:
        answers = {name: self._answers(name) for name in self.families}
        rows = {
            name: documents.family_row(self.task, a, self.targets, self.names, self.groups, self.plan.seed)
            for name, a in answers.items()
        }
        choice = self._choose(rows, answers)
        document = self._document(rows, choice, status)
        if choice is not None:
            found = answers[choice.kept].found
            document["answers"] = documents.answers_of(self.task, found, self.targets, self.names)
            details = self.task.of_kept(found, self.targets, self.names)
            document |= {"sections": details.pop("sections", []), "details": details}
        if self.warnings:
            document["families"] = [documents.without_score(row, self.task) for row in document["families"]]
        closing = self.task.closing(document)
        return answers, choice, document | closing | {"remarks": closing["remarks"] + unheard(self.corpus)}

    def _answers(self, family: str) -> documents.Answers:
        folds = range(len(self.splits.folds))
        finished = [self.store.load(self._trial(family, fold)) for fold in folds]
        return documents.gather(self.task, self.entries[family], finished, self.targets, self.names)

    def _choose(self, rows: dict[str, Any], answers: dict[str, documents.Answers]) -> Choice | None:
        whole = [name for name in self.families if rows[name]["status"] == "ok"]
        if not whole:
            return None
        found = answers[whole[0]].found
        contenders = {name: Contender(answers[name].statistics, rows[name]["megabytes"]) for name in whole}
        choice = choose(
            contenders,
            self.task.metric,
            self.groups[found.answered],
            found.fold[found.answered],
            baseline=self.task.baseline,
            items=self.task.words.items[1],
            group=self.corpus.grouped_by,
        )
        for name, verdict in choice.verdicts.items():
            rows[name] |= {
                "verdict": verdict.kind,
                "probability": verdict.probability_best_is_better,
                "gap": verdict.gap,
            }
        return choice

    def _document(self, rows: dict[str, Any], choice: Choice | None, status: str) -> dict[str, Any]:
        how = documents.circumstances()
        run, sounds = shlex.quote(self.folder.resolve().name), shlex.quote(self.corpus.name)
        return {
            "schema": RESULTS,
            "run": self.folder.resolve().name,
            "created": how.pop("created"),
            "mynah": mynah.__version__,
            "status": status,
            "task": tasks.title(self.asked),
            "verb": self.task.verb,
            "words": self.task.words.to_json(),
            "metric": self.task.metric.to_json(),
            "verdict": _sentence(choice, self.warnings),
            "warnings": self.warnings,
            "chance": self.floor,
            "best": choice.kept if choice else None,
            "clips": len(self.corpus),
            "classes": [str(name) for name in self.names],
            "folds": len(self.splits.folds),
            "dataset": documents.dataset(self.corpus, self.rate, self.task.counts(self.targets)),
            "families": documents.numbered(documents.ranked(rows.values(), self.task.metric), len(self.corpus)),
            "items": documents.items(self.corpus, self.splits, self.task, self.names),
            "answers": [],
            "sections": [],
            "details": {},
            **documents.health(self.corpus),
            "split": documents.split_facts(self.splits, self.corpus),
            "how": how
            | {
                "seed": self.plan.seed,
                "budget": str(self.plan.budget),
                "executor": self.plan.executor,
                "device": current().type,
                "task_sha256": None if isinstance(self.asked, str) else self.asked.sha256,
                "workers": self.workers,
                "options": self.plan.decisive(Path(self.corpus.folder)),
                "command": self.command,
                "repeat": f"mynah learn {sounds} --repeat {run} --out {run}-again",
                "seconds": time.monotonic() - self.began,
            },
            "report": "report.html",
            "model": "best.mynah" if choice else None,
        }

    def _refitted(self, family: str, steps: int, document: dict[str, Any]) -> Model:
        """Return the chosen family trained on all clips, or, where that fails, on the first fold."""
        try:
            model = self._refit(family, steps)
        except Stopped:
            raise
        except (MynahError, ValueError, ArithmeticError, MemoryError) as error:
            document["verdict"] += f" Training it on all clips failed ({error}): the model is that of the first fold."
            return modelfile.load(self._first_model(family), families=foreign(self.entries.values()))
        assert model is not None
        return model

    def _refit(self, family: str | None, steps: int) -> Model | None:
        """Train a family on all clips; in steps, those that were best on the folds."""
        if family is None or not (family in self._learners or world().is_first):
            return None
        self.progress("refit", 0, 1, family)
        model = new_model(self.entries[family], self._settings(family), self.plan.seed, "")
        if isinstance(model, ByGradient):
            model.train_to_the_end(steps)
        model.fit(self._inputs(family).take(np.arange(len(self.corpus))), self.targets, self.groups)
        self.progress("refit", 1, 1, family)
        return model

    def _first_model(self, family: str) -> Path:
        return self.store.path(self._trial(family, 0)) / "model.mynah"

    def _keep(self, model: Model, document: dict[str, Any], trained_on: int) -> None:
        """Write the model that is used, calibrated, with what is known of it."""
        self.task.finish(model, document)
        row = next(row for row in document["families"] if row["name"] == document["best"])
        record = {name: row[name] for name in ("score", "ci", "name")} | {
            "metric": document["metric"]["name"],
            "clips": trained_on,
            "dataset": self.corpus.name,
            "fingerprint": self.corpus.fingerprint,
            "seconds": document["dataset"]["duration"],
        }
        modelfile.save(model, self.folder / "best.mynah", record=record)

    def _write(self, document: dict[str, Any]) -> None:
        from mynah.report import build

        try:
            write_json(self.folder / "results.json", document)
            build(self.folder)
        except OSError as error:
            raise Stopped("the run could not be written", where=self.folder, measured=error.strerror) from error


def _anywhere(place: str | os.PathLike[str]) -> str:
    """Return a place as it can be named from every folder."""
    return str(place) if is_bucket(place) else os.path.abspath(place)


def _sentence(choice: Choice | None, warnings: list[str]) -> str:
    if choice is None:
        return "No family finished: there is nothing to compare yet."
    if warnings:
        return f"Too few sounds for an honest score ({'; '.join(warnings)}); kept {choice.kept}."
    return choice.sentence


def _usual_steps(answers: documents.Answers) -> int:
    """Return the median over the folds of the step whose weights were kept; 1 for a family without steps."""
    best = [result["record"].get("best_step", 1) for result in answers.results if result]
    return max(1, int(np.median(best)))


def _refuse_other_sounds(out: Path, corpus: Corpus[Any]) -> None:
    """Raise where a run on another folder lies: its page and model would be lost."""
    try:
        there = json.loads((out / "results.json").read_text(encoding="utf-8"))["dataset"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return
    if there != corpus.name:
        raise UsageError(
            f"holds a run on other sounds ({there})", where=out, remedy="Give --out another folder, or remove this one."
        )
