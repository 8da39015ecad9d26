"""What a task is: plain functions that say what serves it, what an answer is and what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mynah.data.splits import split

if TYPE_CHECKING:
    from mynah.data import Fold, Sounds, Splits
    from mynah.representations import Frames, Representation


@dataclass(frozen=True)
class Stakes:
    """What clips are worth, so that every score is a mean over strata of what was gained in them.

    Attributes:
        stratum: (clip,) numbers from zero; each stratum counts the same.
        weight: (clip,) most that a clip can gain.
    """

    stratum: np.ndarray
    weight: np.ndarray

    @classmethod
    def alike(cls, stratum: np.ndarray) -> Stakes:
        """Return the stakes of clips that can each gain one."""
        return cls(stratum, np.ones(len(stratum)))

    def __getitem__(self, clips: Any) -> Stakes:
        return Stakes(self.stratum[clips], self.weight[clips])

    def __len__(self) -> int:
        return len(self.weight)

    def score(self, gain: np.ndarray) -> float:
        """Return the mean over the strata that occur of the share that was gained."""
        most = np.bincount(self.stratum, weights=self.weight)
        gained = np.bincount(self.stratum, weights=gain, minlength=len(most))
        return float((gained[most > 0] / most[most > 0]).mean())


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
class Task:
    """A task.

    Attributes:
        name: what a card's `tasks` call it, and ``--task``.
        answers: what they are: rows of class probabilities, which can be calibrated ("classes"), "texts" or "sounds".
        metric, metric_title: what families are ranked by, a key of `scores`, and its words.
        lowest: family of the constant answer, never kept while another is there.
        check: returns the sounds as this task sees them, and warnings; raises where they cannot serve it. Given
            sounds, and whether too few are accepted.
        strata: returns (clip,) labels that folds should hold alike.
        names: returns what answers are made of, sorted: classes or symbols; given the (clip,) labels. All that
            follow are given it last.
        answer: returns what a fitted model says of the held-out clips of a `Part`, as an array whose first axis is
            these clips, and facts of it for the page as plain values.
        said: returns (clip,) labels, texts or gains of answers.
        stakes: returns what clips are worth; given their labels.
        gain: returns what was gained of it; given the labels and what was said.
        scores: returns all metrics that answers without probabilities have; given the labels and what was said.
        baseline: returns the score of the best constant answer; given the labels.
        counts: returns the number of clips of each name, for the page; given the labels.
        use: does once what a user asks of a model, for its cost; given the model and a clip.
        judged_by: representations that answers are judged by, of the clips that `heard` returns.
        heard: returns the clips as far as answers are judged.
        held: returns which of a fold's held-out clips answers are asked for; given the sounds and the clip numbers.
        least_held: clips that a fold must hold out.
        folds: returns how many of the folds are trained and judged, the first; given the folds.
    """

    name: str
    answers: str
    metric: str
    metric_title: str
    lowest: str
    check: Callable[[Sounds, bool], tuple[Sounds, list[str]]]
    strata: Callable[[Sounds], Sounds]
    names: Callable[[np.ndarray], np.ndarray]
    answer: Callable[[Any, Part, np.ndarray], tuple[np.ndarray, dict[str, Any]]]
    said: Callable[[np.ndarray, np.ndarray], np.ndarray]
    stakes: Callable[[np.ndarray, np.ndarray], Stakes]
    gain: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    scores: Callable[[np.ndarray, np.ndarray, np.ndarray], dict[str, float]]
    baseline: Callable[[np.ndarray, np.ndarray], float]
    counts: Callable[[np.ndarray, np.ndarray], dict[str, int]]
    use: Callable[[Any, Any], object] = lambda model, clip: model.predict([clip])
    judged_by: tuple[Representation, ...] = ()
    heard: Callable[[Sounds], Sounds] = lambda sounds: sounds
    held: Callable[[Sounds, np.ndarray], np.ndarray] = lambda sounds, clips: clips
    least_held: int = 1
    folds: Callable[[Sequence[Fold]], int] = len

    def split(self, sounds: Sounds, *, folds: int, seed: int = 0) -> Splits:
        """Return the folds of checked sounds, see `mynah.data.split`: all made, of which `folds` judge."""
        most = max(2, len(sounds) // self.least_held)
        return split(self.strata(sounds), folds=min(folds, most), seed=seed)
