"""What a task is: what serves it, what an answer is, what it is worth, and the words that the page uses."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mynah import audio
from mynah.data.scan import scan
from mynah.data.splits import split
from mynah.ground.errors import Stopped
from mynah.ground.progress import Progress, silent
from mynah.judging.metric import Metric

if TYPE_CHECKING:
    from mynah.data import Corpus, Splits
    from mynah.representations import Frames, Representation


@dataclass(frozen=True)
class Reading:
    """How a place is read, as asked for; what means nothing to a task it may leave.

    Attributes:
        labels: labels file; None looks for the usual names beside the audio.
        target: its column that holds the answer.
        group: its column whose values stay together.
        repair: repair files that can be repaired.
        strict: raise where a file must be set aside.
        progress: called with the files done.
    """

    labels: str | None = None
    target: str = "label"
    group: str | None = None
    repair: bool = False
    strict: bool = False
    progress: Progress = silent


@dataclass(frozen=True)
class Part:
    """What one fold gives a task to answer from.

    Attributes:
        inputs: of all items, as the model sees them: their frames, or the corpus for a model without representation;
            `take` gives those of some.
        judged: of all items, as `Task.judged_by` sees them.
        targets: (item,) the right answers, of all items.
        train, test: item numbers.
        seed: of everything drawn.
        folder: where files may be left for the page.
    """

    inputs: Frames | Corpus[Any]
    judged: tuple[Frames, ...]
    targets: np.ndarray
    train: np.ndarray
    test: np.ndarray
    seed: int
    folder: Path

    def keep_sound(self, number: int, wave: np.ndarray, rate: int) -> str:
        """Write a (1, time) sound for the page, under ``sounds`` in `folder`; return its path inside the run.

        Raises:
            Stopped: it cannot be written.
        """
        name = f"sounds/{number:02d}.wav"
        try:
            (self.folder / name).parent.mkdir(exist_ok=True)
        except OSError as error:
            raise Stopped("a sound could not be written", where=self.folder, measured=error.strerror) from error
        audio.write(self.folder / name, wave, rate)
        return f"trials/{self.folder.name}/{name}"


@dataclass(frozen=True)
class Gathered:
    """What a family answered on held-out clips, of all folds that have finished.

    Attributes:
        answers: (clip, ...) what `Task.answer` returned; of no meaning where not `answered`.
        fold: (clip,) number of the fold that answered, -1 for none.
        facts: of each fold that has finished.
        adjustment: what `Task.adjusted` found for the kept model, such as a temperature.
    """

    answers: np.ndarray
    fold: np.ndarray
    facts: Sequence[dict[str, Any]]
    adjustment: float = 1.0

    @property
    def answered(self) -> np.ndarray:
        """(clip,) bool."""
        return self.fold >= 0


@dataclass(frozen=True)
class Words:
    """What the page and the terminal call things, one and several.

    Attributes:
        parts: what answers are made of.
        counted: what clips are counted by.
        baseline: the best constant answer.
        items: what is learned from.
    """

    parts: tuple[str, str] = ("class", "classes")
    counted: str = "of each class"
    baseline: str = "chance"
    items: tuple[str, str] = ("clip", "clips")

    def to_json(self) -> dict[str, Any]:
        """Return the words as plain values."""
        made: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return made


class Task:
    """A task: a subclass with a `name`, a `metric`, a `floor` and the `statistics` of answers.

    What it reads is a folder of clips, where it does not say otherwise, and what it answers is what models predict. A
    user's own is a class in a file, ``mynah learn FOLDER --task ./mine.py:MyTask``, see docs/tasks.md.

    Attributes:
        name: what a card's `tasks` call it, and ``--task``.
        verb: the ``mynah`` command that uses its model.
        metric: what families are ranked by.
        baseline: family of the constant answer, never kept while another is there; empty where there is none.
        words: for page and terminal.
        scored_while_learning: whether a family's curve has the metric too.
        judged_by: representations that answers are judged by, of the items that `scored` returns.
        of_scored: keys of `rows` that mean nothing without a score, and are then empty lists.
    """

    name: ClassVar[str]
    verb: ClassVar[str] = "apply"
    metric: ClassVar[Metric]
    baseline: ClassVar[str] = ""
    words: ClassVar[Words] = Words()
    scored_while_learning: ClassVar[bool] = True
    judged_by: ClassVar[tuple[Representation, ...]] = ()
    of_scored: ClassVar[tuple[str, ...]] = ()

    # --- the data

    def read(self, place: str | os.PathLike[str], reading: Reading) -> Corpus[Any]:
        """Return what a place holds: of a folder or a packed corpus, its clips.

        Raises:
            UsageError, BadInput, NotEnoughData: with what to do.
        """
        return scan(
            place,
            labels=reading.labels,
            target=reading.target,
            group=reading.group,
            repair=reading.repair,
            strict=reading.strict,
            progress=reading.progress,
        )

    def check(self, corpus: Any, anyway: bool) -> tuple[Any, list[str]]:
        """Return the corpus as this task sees it, and warnings; raise where it cannot serve.

        Args:
            anyway: whether too few items are accepted.
        """
        return corpus, []

    def split(self, corpus: Any, *, folds: int, seed: int = 0) -> Splits:
        """Return the folds of a checked corpus that are trained and scored; labels they need not hold alike."""
        return split(corpus.under("all"), folds=folds, seed=seed)

    def targets(self, corpus: Any) -> np.ndarray:
        """Return the (item,) right answers: the targets of the items, else their labels."""
        found = [item.target for item in corpus]
        if all(target is None for target in found):
            return np.array(corpus.labels)
        if all(np.ndim(target) == 0 for target in found):
            return np.array(found)
        of_items = np.empty(len(found), dtype=object)
        of_items[:] = found
        return of_items

    def scored(self, corpus: Any) -> Any:
        """Return the items as far as answers are scored."""
        return corpus

    def held(self, corpus: Any, items: np.ndarray) -> np.ndarray:
        """Return which of a fold's held-out item numbers answers are wanted for."""
        return items

    def counts(self, targets: np.ndarray) -> dict[str, int]:
        """Return what the (item,) targets are made of, sorted, with the items of each: none of amounts."""
        return {}

    def written(self, value: Any, names: Sequence[str] | np.ndarray = ()) -> str:
        """Return a target or an answer as the page writes it; empty where an answer says nothing of its item."""
        if isinstance(value, str):
            return str(value)
        return " ".join(f"{number:.4g}" for number in np.ravel(np.asarray(value, dtype=float)))

    # --- the answers

    def answer(self, model: Any, part: Part, names: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Return a fitted model's answers (item, ...) to the held-out items of a `Part`, and facts as plain values.

        Answers are numbers, or texts; events may be written as text.
        """
        return np.asarray(model.predict(part.inputs.take(part.test))), {}

    def statistics(self, targets: np.ndarray, answers: np.ndarray, names: np.ndarray) -> np.ndarray:
        """Return (item, k) float64 what each item adds to the totals of the metric."""
        raise NotImplementedError(f"{type(self).__name__} must define statistics")  # an abstract method

    def floor(self, targets: np.ndarray, names: np.ndarray) -> float:
        """Return the score of the best constant answer."""
        raise NotImplementedError(f"{type(self).__name__} must define floor")  # an abstract method

    def scores(self, targets: np.ndarray, answers: np.ndarray, names: np.ndarray) -> dict[str, float]:
        """Return every figure that answers have beside the metric, by name."""
        return {}

    def use(self, model: Any, item: Any) -> object:
        """Do once what a user asks of a model, for its cost; `item` is an input as a model takes it."""
        return model.predict([item])[0]

    # --- the results and the page

    def adjusted(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> Gathered:
        """Return the answers as they are scored: calibrated, where a task calibrates."""
        return found

    def rows(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return the `details` of a family's entry of the document, as plain values."""
        seen = found.answered
        rows = iter(self.statistics(targets[seen], found.answers[seen], names) if seen.any() else ())
        return {"statistics": [[float(value) for value in next(rows)] if ok else None for ok in seen]}

    def recorded(self, document: dict[str, Any], family: dict[str, Any]) -> list[Any]:
        """Return the (item, k) statistics of what `rows` wrote; None where no fold answered."""
        return list(family["details"]["statistics"])

    def of_kept(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return the `details` of the document: what is said of the kept family's answers, as plain values.

        Under the key ``sections`` may stand what the page shows of any task: a list of ``{"title": ..., "text": ...,
        "columns": [...], "rows": [[...]]}``, all of them strings.
        """
        return {}

    def closing(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what follows ``mynah VERB MODEL`` as `next`, and sentences for page and terminal as `remarks`."""
        return {"next": "NEW/", "remarks": []}

    def finish(self, model: Any, document: dict[str, Any]) -> None:
        """Give the kept model what was learned from held-out answers, before it is written."""

    def worth_hearing(self, document: dict[str, Any], family: dict[str, Any], most: int) -> list[int]:
        """Return the numbers of at most so many clips and made sounds, most worth hearing first."""
        audible = [number for number, item in enumerate(document["items"]) if item["seconds"] is not None]
        return audible[:most]


def names_of(task: Task, targets: np.ndarray) -> np.ndarray:
    """Return what answers are made of, sorted: classes or symbols of the (item,) targets; none of amounts."""
    return np.array(list(task.counts(targets)), dtype=str)


def recorded_rows(task: Task, document: dict[str, Any], answers: Sequence[Any]) -> list[Any]:
    """Return the (item, k) statistics of answers to labels that a document holds; None where there is none."""
    seen = np.array([answer is not None for answer in answers], dtype=bool)
    targets = np.array([str(item["label"]) for item in document["items"]])[seen]
    given = np.array([answer for answer in answers if answer is not None])
    rows = iter(task.statistics(targets, given, np.array(document["classes"])) if len(given) else ())
    return [next(rows) if ok else None for ok in seen]
