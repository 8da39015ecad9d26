"""The task of naming clips: which sounds serve, what the answers are scored by."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from mynah.data import Sounds, check_enough
from mynah.tasks.task import Part, Stakes, Task


def check(sounds: Sounds, anyway: bool) -> tuple[Sounds, list[str]]:
    """Return the sounds and what is too few in them; `NotEnoughData` where that is not accepted."""
    return sounds, check_enough(sounds, anyway=anyway)


def answer(model: Any, part: Part, names: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Return (clip, class) probabilities; answers that are none must not be left out of the score in silence.

    Raises:
        ValueError: they are none.
    """
    found = model.predict_proba(part.frames.take(part.test))
    if not np.isfinite(found).all() or not np.allclose(found.sum(axis=1), 1, atol=1e-3):
        raise ValueError("its answers are not probabilities")
    probabilities = np.zeros((len(found), len(names)), dtype=np.float32)
    probabilities[:, np.searchsorted(names, model.classes_)] = found
    return probabilities, {}


def said(probabilities: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return the likeliest label of each clip."""
    return names[probabilities.argmax(axis=1)]


def stakes(labels: np.ndarray, names: np.ndarray) -> Stakes:
    """Make each class count the same: balanced accuracy."""
    return Stakes.alike(np.unique(labels, return_inverse=True)[1])


def gain(labels: np.ndarray, said: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Return one for each clip that is named right."""
    return (labels == said).astype(float)


def chance(labels: np.ndarray, names: np.ndarray) -> float:
    """Balanced accuracy of any constant answer: one over the number of classes."""
    return 1.0 / len(names)


def counts(labels: np.ndarray, names: np.ndarray) -> dict[str, int]:
    """Return the clips of each class."""
    return dict(sorted(Counter(map(str, labels)).items()))


TASK = Task(
    name="classify",
    answers="classes",
    metric="balanced_accuracy",
    metric_title="balanced accuracy",
    lowest="chance",
    check=check,
    strata=lambda sounds: sounds,
    names=np.unique,
    answer=answer,
    said=said,
    stakes=stakes,
    gain=gain,
    scores=lambda labels, said, names: {"balanced_accuracy": stakes(labels, names).score(gain(labels, said, names))},
    baseline=chance,
    counts=counts,
)
