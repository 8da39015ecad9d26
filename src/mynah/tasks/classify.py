"""The task of naming clips: which sounds serve, and how answers are scored."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from mynah.contracts.classifier import ClassifierModel
from mynah.data import Sounds, Splits, check_enough, split
from mynah.judging import statistics
from mynah.judging.metric import Metric, share
from mynah.tasks.task import Gathered, Part, Task, recorded_rows


def mean_recall(totals: np.ndarray) -> np.ndarray:
    """Return balanced accuracy (...) of totals (..., 2 classes): clips of each class, then those that are right.

    Classes that do not occur are left out of the mean.
    """
    count, right = np.split(totals, 2, axis=-1)
    present = count > 0
    recall = np.divide(right, count, out=np.zeros_like(right), where=present)
    return recall.sum(axis=-1) / np.maximum(present.sum(axis=-1), 1)


class Classify(Task):
    """Answers are (clip, class) probabilities."""

    name = "classify"
    baseline = "chance"
    of_scored = ("per_class", "confusion")
    metric: ClassVar[Metric] = share(
        "balanced_accuracy",
        "balanced accuracy",
        meaning="the mean over the classes of the share of a class's clips that were given its name, so that large "
        "classes count no more than small ones",
        function=mean_recall,
    )

    def check(self, corpus: Sounds, anyway: bool) -> tuple[Sounds, list[str]]:
        """Return the sounds and what is too few in them; `NotEnoughData` where that is not accepted."""
        return corpus, check_enough(corpus, anyway=anyway)

    def split(self, corpus: Sounds, *, folds: int, seed: int = 0) -> Splits:
        """Return folds that hold the classes alike."""
        return split(corpus, folds=folds, seed=seed)

    def counts(self, targets: np.ndarray) -> dict[str, int]:
        """Return the classes, sorted, with the clips of each."""
        return dict(sorted(Counter(targets.tolist()).items()))

    def answer(self, model: Any, part: Part, names: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Return (clip, class) probabilities; answers that are none must not be left out of the score in silence.

        Raises:
            ValueError: they are none.
        """
        found = model.predict_proba(part.inputs.take(part.test))
        if not np.isfinite(found).all() or not np.allclose(found.sum(axis=1), 1, atol=1e-3):
            raise ValueError("its answers are not probabilities")
        probabilities = np.zeros((len(found), len(names)), dtype=np.float32)
        probabilities[:, np.searchsorted(names, model.classes_)] = found
        return probabilities, {}

    def statistics(self, targets: np.ndarray, answers: np.ndarray, names: np.ndarray) -> np.ndarray:
        """Return (clip, 2 classes): one in the column of the label, and again, further on, where the answer is right.

        Args:
            targets: (clip,).
            answers: (clip, class) probabilities, or (clip,) class numbers.
            names: (class,) sorted.
        """
        codes, rows = np.searchsorted(names, targets), np.arange(len(targets))
        predicted = answers.argmax(axis=1) if answers.ndim == 2 else answers.astype(int)
        found = np.zeros((len(targets), 2 * len(names)))
        found[rows, codes] = 1
        found[rows, len(names) + codes] = predicted == codes
        return found

    def floor(self, targets: np.ndarray, names: np.ndarray) -> float:
        """Return the balanced accuracy of any constant answer: one over the number of classes."""
        return 1.0 / len(names)

    def scores(self, targets: np.ndarray, answers: np.ndarray, names: np.ndarray) -> dict[str, float]:
        """Return accuracy, balanced accuracy, macro F1, log loss and calibration error."""
        return statistics.scores(np.searchsorted(names, targets), answers, len(names))

    def adjusted(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> Gathered:
        """Return calibrated probabilities, each fold's by the temperature of the other folds' answers.

        So a score of the calibration is of answers that did not choose it. With one fold there are no others.
        """
        raw, codes = found.answers.astype(np.float64), np.searchsorted(names, targets)
        folds = np.unique(found.fold[found.answered])
        probabilities = raw.copy()
        for fold in folds:
            here, others = found.fold == fold, found.answered & (found.fold != fold if len(folds) > 1 else True)
            temperature = statistics.temperature(raw[others], codes[others])
            probabilities[here] = statistics.temper(raw[here], temperature)
        of_all = statistics.temperature(raw[found.answered], codes[found.answered])
        return replace(found, answers=probabilities, adjustment=of_all)

    def rows(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return the predicted class of each clip, and the table of classes against answers."""
        seen = found.answered
        if not seen.any():
            return {"predicted": [None] * len(targets), "per_class": [], "confusion": []}
        predicted = found.answers.argmax(axis=1)
        matrix = statistics.confusion(np.searchsorted(names, targets[seen]), predicted[seen], len(names))
        return {
            "predicted": [int(code) if ok else None for code, ok in zip(predicted, seen, strict=True)],
            "per_class": _per_class(matrix, [str(name) for name in names]),
            "confusion": matrix.tolist(),
        }

    def recorded(self, document: dict[str, Any], family: dict[str, Any]) -> list[Any]:
        """Return the (clip, 2 classes) statistics of the class numbers."""
        return recorded_rows(self, document, family["predicted"])

    def caption(self, document: dict[str, Any], family: dict[str, Any], clip: int) -> str:
        """Return label, prediction and file."""
        item, code = document["items"][clip], family["predicted"][clip]
        return f"{item['label']} predicted as {document['classes'][code]}/{item['file']}"

    def of_kept(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return the calibration of the kept family, and each clip's three likeliest classes."""
        codes, seen = np.searchsorted(names, targets), found.answered
        probabilities, true = found.answers[seen], codes[seen]
        threshold = statistics.reject_threshold(probabilities, true)
        return {
            "calibration": {
                "temperature": float(found.adjustment),
                "threshold": float(threshold),
                "reject_rate": float((probabilities.max(axis=1) < threshold).mean()),
                "bins": statistics.calibration_bins(probabilities, true),
            },
            "top": [_three(row) if known else None for row, known in zip(found.answers, seen, strict=True)],
        }

    def finish(self, model: Any, document: dict[str, Any]) -> None:
        """Calibrate the kept model."""
        if isinstance(model, ClassifierModel):
            model.temperature_ = document["calibration"]["temperature"]
            model.threshold_ = document["calibration"]["threshold"]

    def worth_hearing(self, document: dict[str, Any], family: dict[str, Any], most: int) -> list[int]:
        """Return mistakes, the most confident first, then right ones taken from each class in turn."""
        code = {label: number for number, label in enumerate(document["classes"])}
        labels = [code.get(item["label"]) for item in document["items"]]
        mistakes: list[tuple[float, int]] = []
        right: dict[int, list[int]] = {number: [] for number in code.values()}
        for clip, (label, predicted) in enumerate(zip(labels, family["predicted"], strict=True)):
            if label is None or predicted is None:
                continue
            if predicted == label:
                right[label].append(clip)
            else:
                top = document["top"][clip]
                mistakes.append((-(top[0][1] if top else 0.0), clip))
        turns = [clip for turn in itertools.zip_longest(*right.values()) for clip in turn if clip is not None]
        room = max(most - len(turns), most * 3 // 4)
        first = [clip for _, clip in sorted(mistakes)[:room]]
        return (first + turns)[:most]


def _three(row: np.ndarray) -> list[list[float]]:
    best = np.argsort(-row, kind="stable")[:3]
    return [[int(i), round(float(row[i]), 5)] for i in best]


def _per_class(matrix: np.ndarray, labels: list[str]) -> list[dict[str, Any]]:
    right, true, named = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    recall, precision = right / np.maximum(true, 1), right / np.maximum(named, 1)
    f1 = 2 * right / np.maximum(true + named, 1)
    return [
        {"label": str(label), "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
        for label, p, r, f, n in zip(labels, precision, recall, f1, true, strict=True)
    ]


TASK = Classify()
