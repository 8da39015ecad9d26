"""The main job, in the order it happens: sounds, split, frames, trials, comparison, page, model."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import mynah
from mynah import catalog, modelfile
from mynah.errors import Stopped, UsageError
from mynah.model import Model, NetModel
from mynah.progress import Progress, silent
from mynah.representations import Frames, Representation, compute
from mynah.sounds import Sounds, Splits, check_enough, scan, split
from mynah.tasks import classify
from mynah.training import Budget, one_thread
from mynah.trials import results as documents
from mynah.trials import statistics
from mynah.trials.previews import preview_order, write_previews
from mynah.trials.run import TIMED_CLIPS, Job, new_model
from mynah.trials.schedule import BACKENDS, run_all
from mynah.trials.trial import Store, Trial, write_json

#: Sounds are read at their most common rate, but never above this, in Hz.
HIGHEST_RATE = 48_000
#: Share of a time budget kept for previews and the page.
CLOSING_SHARE = 0.03


@dataclass(frozen=True)
class Plan:
    """How a folder is learned; every field is an option of `mynah learn`.

    Attributes:
        families: names, or None for all that serve the task.
        labels: labels file; None looks for the usual names beside the audio.
        target: its column that holds the label.
        group: its column that must not be cut by the split.
        budget: of the whole comparison, e.g. ``"10m"``; in steps or epochs, of each fit.
        folds: number of folds, where the data do not decide it.
        seed: of everything random.
        executor: ``sequential`` or ``processes``.
        workers: processes; None means one a core.
        anyway: go on with too few clips for an honest score.
        strict: stop when a file must be set aside.
        repair: repair files that can be repaired.
        plans: steps of each family and fold, as a run recorded them, instead of a budget in time.
    """

    families: Sequence[str] | None = None
    labels: str | None = None
    target: str = "label"
    group: str | None = None
    budget: str = "10m"
    folds: int = 5
    seed: int = 0
    executor: str = "processes"
    workers: int | None = None
    anyway: bool = False
    strict: bool = False
    repair: bool = False
    plans: dict[str, list[dict[str, Any] | None]] | None = None


@dataclass
class Run:
    """A comparison on disk.

    Attributes:
        folder: where ``results.json``, ``report.html`` and ``best.mynah`` are.
        results: the document, see docs/results-schema.md.
    """

    folder: Path
    results: dict[str, Any] = field(repr=False)

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> Run:
        """Read a run made earlier."""
        from mynah.report.schema import read_results

        return cls(Path(folder), read_results(Path(folder)))

    @property
    def board(self) -> list[dict[str, Any]]:
        """One dictionary a family, best first."""
        return self.results["families"]

    @property
    def best(self) -> Model:
        """The model that was kept."""
        return modelfile.load(self.folder / "best.mynah")

    @property
    def report(self) -> Path:
        """The page."""
        return self.folder / "report.html"

    def to_repeat(self) -> dict[str, Any]:
        """Return the options of `learn` that train every family for the steps it took in this run."""
        plans = {row["name"]: row["plans"] for row in self.results["families"] if any(row["plans"])}
        return {"plans": plans, "seed": self.results["how"]["seed"], "families": [r["name"] for r in self.board]}

    def __str__(self) -> str:
        from mynah.trials.board import as_text

        return as_text(self.results)

    def _repr_html_(self) -> str:
        from mynah.trials.board import as_html

        return as_html(self.results)


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
        path: folder with one sub-folder a label, or with a labels file.
        out: folder of the run; finished trials found there are not repeated.
        progress: told how far the work is.
        command: the command line to repeat this, for the page.
        options: fields of `Plan`.

    Returns:
        The run; ``run.board``, ``run.best``, ``run.report``.

    Raises:
        UsageError, BadInput, NotEnoughData: with what to do, before anything is trained.
        KeyboardInterrupt, Stopped: after the partial run has been written.
    """
    unknown = set(options) - set(Plan.__dataclass_fields__)
    if unknown:
        raise UsageError("no such option", where=", ".join(sorted(unknown)))
    comparison = Comparison.prepare(Path(path), Path(out), Plan(**options), progress, command)
    try:
        comparison.train()
    except (KeyboardInterrupt, Stopped):
        comparison.conclude(partial=True)
        raise
    return comparison.conclude(partial=False)


class Comparison:
    """One call of `learn`: what is known about the data and the trials, and where results go."""

    def __init__(
        self, sounds: Sounds, splits: Splits, plan: Plan, folder: Path, progress: Progress, command: str
    ) -> None:
        self.began = time.monotonic()
        self.sounds, self.splits, self.plan, self.folder = sounds, splits, plan, folder
        self.progress, self.command = progress, command
        self.budget = Budget.parse(plan.budget)
        self.workers = 1 if plan.executor == "sequential" else plan.workers or os.cpu_count() or 1
        self.families = _families(plan.families)
        self.store = Store(folder / "trials")
        _, self.labels, self.groups = classify.examples(sounds)
        self.classes, self.codes = np.unique(self.labels, return_inverse=True)
        self.rate = min(sounds.common_rate, HIGHEST_RATE)
        self.frames: dict[Representation, Frames] = {}
        self.warnings: list[str] = []

    @classmethod
    def prepare(cls, path: Path, out: Path, plan: Plan, progress: Progress, command: str) -> Comparison:
        """Look at the folder and refuse what cannot be learned, before anything is trained."""
        if plan.executor not in BACKENDS:
            raise UsageError("no such executor", where=plan.executor, remedy=f"Use one of {', '.join(BACKENDS)}.")
        Budget.parse(plan.budget)
        _families(plan.families)
        sounds = scan(
            path,
            labels=plan.labels,
            target=plan.target,
            group=plan.group,
            repair=plan.repair,
            strict=plan.strict,
            progress=progress,
        )
        warnings = check_enough(sounds, anyway=plan.anyway)
        splits = split(sounds, folds=plan.folds, seed=plan.seed)
        try:
            out.mkdir(parents=True, exist_ok=True)
            _write_skipped(out, sounds)
        except OSError as error:
            raise Stopped("the run folder cannot be written", where=out, measured=error.strerror) from error
        comparison = cls(sounds, splits, plan, out, progress, command)
        comparison.warnings = warnings
        return comparison

    # --- training

    def train(self) -> None:
        """Compute what the families see, then run every trial that has no result yet."""
        deadline = None
        if self.budget.seconds is not None:
            deadline = self.began + self.budget.seconds * (1 - CLOSING_SHARE)
        for family in self.families:
            representation = catalog.model_class(family).default_representation
            if representation not in self.frames:
                self.frames[representation] = compute(
                    self.sounds,
                    representation,
                    self.rate,
                    self.folder / "cache",
                    workers=self.workers,
                    progress=self.progress,
                )
        gradient = [name for name in self.families if catalog.card(name).cost == "gradient"]
        cheap = [name for name in self.families if name not in gradient]
        folds = range(len(self.splits.folds))
        run_all(
            [self._job(name, fold) for name in cheap for fold in folds],
            [self._job(name, fold) for fold in folds for name in gradient],
            self.store,
            budget=self.budget,
            deadline=deadline,
            executor=self.plan.executor,
            workers=self.workers,
            progress=self.progress,
        )

    def _trial(self, family: str, fold: int) -> Trial:
        return Trial(
            family=family,
            settings="{}",
            task=classify.TASK,
            fingerprint=self.sounds.fingerprint,
            split=self.splits.description,
            fold=self.splits.folds[fold].name,
            seed=self.plan.seed,
            budget=self._planned(family, fold) or self.plan.budget,
        )

    def _planned(self, family: str, fold: int) -> str:
        plans = (self.plan.plans or {}).get(family)
        plan = plans[fold] if plans and fold < len(plans) else None
        return "" if plan is None else str(Budget(steps=plan["steps"], stop=plan.get("stop")))

    def _job(self, family: str, fold: int) -> Job:
        part = self.splits.folds[fold]
        spread = np.unique(np.linspace(0, len(part.test) - 1, TIMED_CLIPS).astype(int))
        return Job(
            trial=self._trial(family, fold),
            frames=self.frames[catalog.model_class(family).default_representation],
            labels=self.labels,
            groups=self.groups,
            train=part.train,
            test=part.test,
            timed=[self.sounds[int(part.test[i])] for i in spread],
            budget=self._planned(family, fold),
            keep_model=fold == 0,
        )

    # --- comparison, model, page

    def conclude(self, *, partial: bool) -> Run:
        """Compare what has finished, keep the best model, write results and page."""
        answers = {name: self._answers(name) for name in self.families}
        rows = {
            name: documents.family_row(a, self.codes, self.groups, [str(name) for name in self.classes], self.plan.seed)
            for name, a in answers.items()
        }
        choice = self._choose(rows, answers)
        document = self._document(rows, answers, choice, partial=partial)
        if choice is not None:
            kept = answers[choice.kept]
            document["calibration"] = documents.calibration(kept, self.codes)
            document["top"] = documents.top_three(kept)
            self._keep_model(kept, document, partial=partial)
            self._write_previews(document)
        document["how"]["seconds"] = time.monotonic() - self.began
        self._write(document)
        return Run(self.folder, document)

    def _answers(self, family: str) -> documents.Answers:
        folds = range(len(self.splits.folds))
        finished = [self.store.load(self._trial(family, fold)) for fold in folds]
        return documents.gather(family, finished, self.codes, len(self.classes))

    def _choose(self, rows: dict[str, Any], answers: dict[str, documents.Answers]) -> statistics.Choice | None:
        whole = [name for name in self.families if rows[name]["status"] == "ok"]
        if not whole:
            return None
        seen = answers[whole[0]].answered
        contenders = {
            name: statistics.Contender(
                score=rows[name]["score"],
                fold_scores=[score for score in answers[name].fold_scores if score is not None],
                predicted=answers[name].probabilities[seen].argmax(axis=1),
                cost=rows[name]["megabytes"],
            )
            for name in whole
        }
        choice = statistics.choose(
            contenders,
            self.codes[seen],
            self.groups[seen],
            train_size=float(np.mean([len(fold.train) for fold in self.splits.folds])),
            test_size=float(np.mean([len(fold.test) for fold in self.splits.folds])),
            baseline="chance",
            seed=self.plan.seed,
        )
        for name, verdict in choice.verdicts.items():
            rows[name]["verdict"], rows[name]["p_vs_best"] = verdict.words, verdict.p
        return choice

    def _sentence(self, choice: statistics.Choice | None) -> str:
        if choice is None:
            return "No family finished: there is nothing to compare yet."
        if self.warnings:
            return f"Too few sounds for an honest score ({'; '.join(self.warnings)}); kept {choice.kept}."
        return choice.sentence

    def _document(
        self, rows: dict[str, Any], answers: dict[str, documents.Answers], choice: Any, *, partial: bool
    ) -> dict[str, Any]:
        ranked = sorted(rows.values(), key=lambda row: -1.0 if row["score"] is None else row["score"], reverse=True)
        how = documents.circumstances()
        health = documents.health(self.sounds)
        return {
            "schema": documents.SCHEMA,
            "run": self.folder.name,
            "created": how.pop("created"),
            "mynah": mynah.__version__,
            "status": "partial" if partial else "complete",
            "task": classify.TASK,
            "metric": classify.METRIC,
            "metric_title": classify.METRIC_TITLE,
            "verdict": self._sentence(choice),
            "chance": classify.chance(self.labels),
            "best": choice.kept if choice else None,
            "clips": len(self.sounds),
            "classes": [str(name) for name in self.classes],
            "folds": len(self.splits.folds),
            "dataset": documents.dataset(self.sounds, self.rate),
            "families": ranked,
            "items": documents.items(self.sounds, self.splits),
            "top": [None] * len(self.sounds),
            **health,
            "split": documents.split_facts(self.splits, self.sounds),
            "calibration": None,
            "how": how
            | {
                "seed": self.plan.seed,
                "budget": str(self.plan.budget),
                "executor": self.plan.executor,
                "workers": self.workers,
                "command": self.command,
                "repeat": f"mynah learn {self.sounds.name} --repeat {self.folder.name}",
            },
            "report": "report.html",
            "model": "best.mynah" if choice else None,
        }

    def _keep_model(self, answers: documents.Answers, document: dict[str, Any], *, partial: bool) -> None:
        """Train the chosen family on all clips; after an interruption, keep its first fold's model instead."""
        name = answers.family
        if partial:
            model = modelfile.load(self.store.path(self._trial(name, 0)) / "model.mynah")
            trained_on = len(self.splits.folds[0].train)
        else:
            model = self._refit(answers)
            trained_on = len(self.sounds)
        model.temperature_ = document["calibration"]["temperature"]
        model.threshold_ = document["calibration"]["threshold"]
        row = next(row for row in document["families"] if row["name"] == name)
        record = {key: row[key] for key in ("score", "ci", "name")} | {
            "metric": document["metric"],
            "clips": trained_on,
            "dataset": self.sounds.name,
            "fingerprint": self.sounds.fingerprint,
            "seconds": document["dataset"]["duration"],
        }
        modelfile.save(model, self.folder / "best.mynah", record=record)

    def _refit(self, answers: documents.Answers) -> Model:
        self.progress("refit", 0, 1, answers.family)
        model = new_model(answers.family, "{}", self.plan.seed, "1steps")
        if isinstance(model, NetModel):
            best = [result["record"]["best_step"] for result in answers.results if result]
            model.train_to_the_end(max(1, int(np.median(best))))
        with one_thread():
            model.fit(self.frames[model.default_representation], self.labels, self.groups)
        self.progress("refit", 1, 1, answers.family)
        return model

    def _write_previews(self, document: dict[str, Any]) -> None:
        order = preview_order(document)
        write_previews(self.sounds, order, self.folder / "previews", progress=self.progress)

    def _write(self, document: dict[str, Any]) -> None:
        from mynah.report import build

        try:
            write_json(self.folder / "results.json", document)
            build(self.folder)
        except OSError as error:
            raise Stopped("the run could not be written", where=self.folder, measured=error.strerror) from error


def _families(names: Sequence[str] | None) -> list[str]:
    serving = [card.name for card in catalog.cards() if classify.TASK in card.tasks]
    if names is None:
        return serving
    chosen = list(dict.fromkeys(catalog.card(name).name for name in names))
    wrong = [name for name in chosen if name not in serving]
    if wrong:
        raise UsageError("does not classify", where=", ".join(wrong), remedy=f"Use {', '.join(serving)}.")
    return chosen


def _write_skipped(folder: Path, sounds: Sounds) -> None:
    import csv

    with open(folder / "skipped.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "kind", "action", "detail", "remedy"])
        for p in sounds.problems:
            writer.writerow([p.file, p.kind, p.action, p.detail, p.remedy])
