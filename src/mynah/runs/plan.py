"""How a folder is learned: the options of `mynah learn`."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from mynah import catalog, tasks
from mynah.contracts import own
from mynah.contracts.own import Source
from mynah.ground.errors import UsageError
from mynah.layers.activation import activation
from mynah.runs.cluster import check_executor
from mynah.runs.entry import Entry, combined, read
from mynah.runs.setting import split
from mynah.tasks import AUTO
from mynah.training import Budget, check_optimizer

#: Options that decide which clips are learned and how they are split: a repetition takes them over.
OF_THE_DATA = ("labels", "target", "group", "folds", "repair")
#: Options that decide what is trained.
OF_THE_FITS = ("optimizer", "activation")

#: In place of family names: every one that serves the task.
ALL = "all"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Plan:
    """How a folder is learned; every field is an option of `mynah learn`.

    Attributes:
        task: what the models are asked to do, see `mynah.tasks.find`; "auto" is to classify, or, where the sounds have
            no labels, to generate.
        families: names in a list or with commas, "all", or None for those that need not be asked for. A name may say
            what the family sees, and settings: ``"svm@mfcc"``, ``"lstm(hidden=128)"``; or it is a class in a file:
            ``"./mine.py:MyFamily"``.
        settings: in place of a family's own, such as ``"lstm.hidden=128"``; of several values, as in
            ``"resnet.dropout=0,0.3"``, each makes a row. Some serve the training: ``"lstm.learning_rate=1e-3"``.
        labels: labels file; None looks for the usual names beside the audio.
        target: its column that holds the label or the text.
        group: its column that must not be cut by the split.
        budget: of the whole comparison, e.g. ``"10m"``; in steps or epochs, of each fit.
        folds: number of folds, where the data do not decide it.
        seed: of everything random.
        optimizer: class of torch.optim, for all families that learn by steps; None leaves each its own.
        activation: class of torch.nn, for all families that have a choice.
        executor: ``sequential``, ``processes``, ``ray`` or ``dask``.
        address: of a Ray or Dask cluster that is there; None starts one of this machine's cores.
        device: that networks train on: ``auto``, ``cpu``, ``cuda`` or ``mps``, see `mynah.ground.device`. It decides no
            trial: a run begun on one goes on on another.
        checkpoints: folder or URL where the run is kept too, to go on with on another machine.
        tensorboard: write curves, sounds and spectrograms to ``RUN/tensorboard``.
        workers: processes; None means one a core.
        anyway: go on with too few clips for an honest score.
        strict: stop when a file must be set aside.
        repair: repair files that can be repaired.
        rest: seconds that training may still take, when an interrupted run goes on; None is what was left.
        plans: steps of each family and fold, as a run recorded them, instead of a budget in time.
    """

    task: str = AUTO
    families: Sequence[str] | str | None = None
    settings: Sequence[str] | str | None = None
    labels: str | None = None
    target: str = "label"
    group: str | None = None
    budget: str = "10m"
    folds: int = 5
    seed: int = 0
    optimizer: str | None = None
    activation: str | None = None
    executor: str = "processes"
    address: str | None = None
    device: str = "auto"
    checkpoints: str | None = None
    tensorboard: bool = False
    workers: int | None = None
    anyway: bool = False
    strict: bool = False
    repair: bool = False
    rest: float | None = None
    plans: dict[str, list[dict[str, Any] | None]] | None = None

    def __post_init__(self) -> None:
        check_executor(self.executor)
        Budget.parse(self.budget)
        entries = self.entries  # what cannot be trained says so now
        if self.optimizer is not None:
            check_optimizer(self.optimizer)
        if self.activation is not None:
            activation(self.activation)
        for entry in entries:
            entry.new()
        if self.seed < 0:
            raise UsageError("must be 0 or more", where="seed", measured=self.seed)
        if self.workers is not None and self.workers < 1:
            raise UsageError("must be 1 or more", where="workers", measured=self.workers)

    @property
    def entries(self) -> list[Entry]:
        """The rows of the comparison."""
        settings = [self.settings] if isinstance(self.settings, str) else self.settings
        return combined(self._named, settings or ())

    @property
    def _named(self) -> list[Entry]:
        """The families, before `settings`."""
        found = None if self.task == AUTO else tasks.find(self.task)
        possible = (tasks.LABELLED, tasks.UNLABELLED) if found is None else (tasks.of(found).name,)
        serving = [card.name for card in catalog.cards() if set(possible) & set(card.tasks)]
        if self.families in (None, ALL):
            usual = [name for name in serving if not catalog.card(name).asked]
            usual = serving if self.families == ALL or not usual else usual
            beside = [entry for entry in _beside(found) if set(possible) & set(entry.card.tasks)]
            if not usual and not beside:
                raise UsageError("no family serves this task: name some", where=self.task, remedy="Give --families.")
            return [Entry(name) for name in usual] + beside
        named = split(self.families) if isinstance(self.families, str) else self.families
        chosen = list(dict.fromkeys(entry for name in named for entry in read(name)))
        wrong = [entry.name for entry in chosen if not set(possible) & set(entry.card.tasks)]
        if wrong:
            raise UsageError(
                f"does not {' or '.join(possible)}",
                where=", ".join(wrong),
                remedy=f"Use {', '.join(serving)}." if serving else f"Give it tasks = {possible}.",
            )
        twice = [name for name, count in Counter(entry.name for entry in chosen).items() if count > 1]
        if twice:
            raise UsageError("two families are called the same; rename a file", where=", ".join(twice))
        return chosen

    @property
    def anywhere(self) -> Sequence[str] | str | None:
        """`families`, with users' own files by their whole paths: for going on from another folder."""
        if self.families in (None, ALL) or all(entry.source is None for entry in self._named):
            return self.families
        return [entry.written for entry in self._named]

    @property
    def task_anywhere(self) -> str:
        """`task`, of a user's own file by its whole path."""
        found = self.task if self.task == AUTO else tasks.find(self.task)
        return found if isinstance(found, str) else found.written

    def decisive(self, folder: Path) -> dict[str, Any]:
        """Return the options that decide clips, split and fits, with the labels file by its name inside the folder."""
        options = {name: getattr(self, name) for name in (*OF_THE_DATA, *OF_THE_FITS)}
        if self.labels is not None:
            inside = Path(self.labels).absolute().is_relative_to(folder.absolute())
            place = Path(self.labels).absolute()
            options["labels"] = place.relative_to(folder.absolute()).as_posix() if inside else place.name
        return options

    def planned(self, family: str, fold: int) -> str:
        """Return the steps that a repeated run took for this fit, as a budget; empty where nothing is repeated."""
        plans = (self.plans or {}).get(family)
        plan = plans[fold] if plans and fold < len(plans) else None
        return "" if plan is None else str(Budget(steps=plan["steps"], stop=plan.get("stop")))


def shows_options(function: F) -> F:
    """Let a function that takes ``**options`` of a plan name them, in its signature and its help."""
    signature = inspect.signature(function)
    own = [given for given in signature.parameters.values() if given.kind is not given.VAR_KEYWORD]
    named = [
        inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.type)
        for field in fields(Plan)
    ]
    function.__signature__ = signature.replace(parameters=[*own, *named])  # type: ignore[attr-defined]
    attributes = inspect.cleandoc(Plan.__doc__ or "").partition("Attributes:\n")[2]
    function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nOptions:\n{attributes}"
    return function


def _beside(task: str | Source | None) -> list[Entry]:
    """Return the families that a task's own file defines."""
    if task is None or isinstance(task, str) or task.packaged:
        return []
    return [Entry(source.family, source=source) for source in own.beside(task.path)]
