"""What a task is: what serves it, what an answer is, what it is worth, and the words that the page uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mynah.data.splits import split
from mynah.judging.metric import Metric

if TYPE_CHECKING:
    from mynah.data import Fold, Sounds, Splits
    from mynah.representations import Frames, Representation


@dataclass(frozen=True)
class Part:
    """What one fold gives a task to answer from.

    Attributes:
        frames: of all clips, as the model sees them.
        judged: of all clips, as `Task.judged_by` sees them.
        labels: (clip,) of all clips.
        train, test: clip numbers.
        seed: of everything drawn.
        folder: where files may be left for the page.
    """

    frames: Frames
    judged: tuple[Frames, ...]
    labels: np.ndarray
    train: np.ndarray
    test: np.ndarray
    seed: int
    folder: Path


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
    """

    parts: tuple[str, str] = ("class", "classes")
    counted: str = "of each class"
    baseline: str = "chance"


class Task:
    """A task: a subclass with a `name`, a `metric` and the methods that raise here.

    Attributes:
        name: what a card's `tasks` call it, and ``--task``.
        verb: the ``mynah`` command that uses its model.
        metric: what families are ranked by.
        baseline: family of the constant answer, never kept while another is there.
        words: for page and terminal.
        scored_while_learning: whether a family's curve has the metric too.
        judged_by: representations that answers are judged by, of the clips that `heard` returns.
        least_held: clips that a fold must hold out.
        of_scored: keys of `rows` that mean nothing without a score, and are then empty lists.
    """

    name: ClassVar[str]
    verb: ClassVar[str] = "apply"
    metric: ClassVar[Metric]
    baseline: ClassVar[str]
    words: ClassVar[Words] = Words()
    scored_while_learning: ClassVar[bool] = True
    judged_by: ClassVar[tuple[Representation, ...]] = ()
    least_held: ClassVar[int] = 1
    of_scored: ClassVar[tuple[str, ...]] = ()

    # --- the data

    def check(self, sounds: Sounds, anyway: bool) -> tuple[Sounds, list[str]]:
        """Return the sounds as this task sees them, and warnings; raise where they cannot serve it.

        Args:
            anyway: whether too few are accepted.
        """
        raise NotImplementedError(f"{type(self).__name__} must define check")  # an abstract method

    def strata(self, sounds: Sounds) -> Sounds:
        """Return the sounds with the labels that folds should hold alike."""
        return sounds

    def split(self, sounds: Sounds, *, folds: int, seed: int = 0) -> Splits:
        """Return the folds of checked sounds that are trained and scored, see `mynah.data.split`."""
        most = max(2, len(sounds) // self.least_held)
        made = split(self.strata(sounds), folds=min(folds, most), seed=seed)
        return made.first(self.folds(made.folds))

    def folds(self, folds: Sequence[Fold]) -> int:
        """Return how many of the folds are trained and scored, the first."""
        return len(folds)

    def heard(self, sounds: Sounds) -> Sounds:
        """Return the clips as far as answers are scored."""
        return sounds

    def held(self, sounds: Sounds, clips: np.ndarray) -> np.ndarray:
        """Return which of a fold's held-out clip numbers answers are wanted for."""
        return clips

    def names(self, labels: np.ndarray) -> np.ndarray:
        """Return what answers are made of, sorted: classes or symbols of the (clip,) labels."""
        return np.unique(labels)

    def counts(self, labels: np.ndarray, names: np.ndarray) -> dict[str, int]:
        """Return the number of clips of each name, for the page."""
        return {str(name): int((labels == name).sum()) for name in names}

    # --- the answers

    def answer(self, model: Any, part: Part, names: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Return a fitted model's answers (clip, ...) to the held-out clips of a `Part`, and facts as plain values."""
        raise NotImplementedError(f"{type(self).__name__} must define answer")  # an abstract method

    def statistics(self, labels: np.ndarray, answers: np.ndarray, names: np.ndarray) -> np.ndarray:
        """Return (clip, k) float64 what each clip adds to the totals of the metric."""
        raise NotImplementedError(f"{type(self).__name__} must define statistics")  # an abstract method

    def floor(self, labels: np.ndarray, names: np.ndarray) -> float:
        """Return the score of the best constant answer."""
        raise NotImplementedError(f"{type(self).__name__} must define floor")  # an abstract method

    def scores(self, labels: np.ndarray, answers: np.ndarray, names: np.ndarray) -> dict[str, float]:
        """Return every figure that answers have beside the metric, by name."""
        return {}

    def use(self, model: Any, clip: Any) -> object:
        """Do once what a user asks of a model, for its cost."""
        return model.predict([clip])

    # --- the results and the page

    def adjusted(self, found: Gathered, labels: np.ndarray, names: np.ndarray) -> Gathered:
        """Return the answers as they are scored: calibrated, where a task calibrates."""
        return found

    def rows(self, found: Gathered, labels: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return what a family's entry of the document says beside the core, as plain values."""
        return {}

    def recorded(self, document: dict[str, Any], family: dict[str, Any]) -> list[Any]:
        """Return the answers that `rows` wrote, as `statistics` takes them; None where no fold answered."""
        raise NotImplementedError(f"{type(self).__name__} must define recorded")  # an abstract method

    def caption(self, document: dict[str, Any], family: dict[str, Any], clip: int) -> str:
        """Return what a clip is called where it is shown with the answer that a family gave."""
        return str(document["items"][clip]["file"])

    def of_kept(self, found: Gathered, labels: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return what the document says of the kept family's answers beside the core, as plain values."""
        return {}

    def finish(self, model: Any, document: dict[str, Any]) -> None:
        """Give the kept model what was learned from held-out answers, before it is written."""

    def worth_hearing(self, document: dict[str, Any], family: dict[str, Any], most: int) -> list[int]:
        """Return the numbers of at most so many clips and made sounds, most worth hearing first."""
        return list(range(min(most, len(document["items"]))))
