"""Scores of classes, intervals and calibration: plain functions.

Class numbers are integers from 0; probabilities are (clip, class).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from mynah.judging.metric import Metric

#: Share of known sounds that the threshold of "none of these" may turn away.
TURNED_AWAY = 0.05
RESAMPLES = 2000
#: With fewer groups than this there is no interval: resampling one recording says nothing of others.
LEAST_GROUPS = 5


# --- scores


def confusion(true: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Return counts, (true class, predicted class)."""
    return np.bincount(true * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def balanced_accuracy(true: np.ndarray, predicted: np.ndarray) -> float:
    """Mean over the classes that occur of the share of their clips that are named right."""
    seen = np.bincount(true)
    right = np.bincount(true[true == predicted], minlength=len(seen))
    return float((right[seen > 0] / seen[seen > 0]).mean())


def scores(true: np.ndarray, probabilities: np.ndarray, classes: int) -> dict[str, float]:
    """Return accuracy, balanced accuracy, macro F1, log loss (nats) and expected calibration error."""
    predicted = probabilities.argmax(axis=1)
    matrix = confusion(true, predicted, classes)
    counts = matrix.sum(axis=0) + matrix.sum(axis=1)
    f1 = 2 * matrix.diagonal()[counts > 0] / counts[counts > 0]
    likelihood = probabilities[np.arange(len(true)), true]
    return {
        "accuracy": float((predicted == true).mean()),
        "balanced_accuracy": balanced_accuracy(true, predicted),
        "macro_f1": float(f1.mean()),
        "log_loss": float(-np.log(np.maximum(likelihood, 1e-12)).mean()),
        "ece": expected_calibration_error(probabilities, true),
    }


# --- uncertainty


def bootstrap_scores(
    metric: Metric, statistics: Sequence[np.ndarray], groups: np.ndarray, *, samples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Scores under resampling of whole groups: (answer, sample).

    All answers share the resamples, so that their differences are paired.

    Args:
        metric: see `Metric`.
        statistics: of each answer, (item, k) what each item adds to the totals.
        groups: (item,).
    """
    _, codes = np.unique(groups, return_inverse=True)
    count = int(codes.max()) + 1
    totals = np.zeros((len(statistics), count, statistics[0].shape[1]))
    for total, of_answer in zip(totals, statistics, strict=True):
        np.add.at(total, codes, of_answer)
    rng = np.random.Generator(np.random.Philox(seed))
    weights = np.stack([np.bincount(rng.integers(0, count, count), minlength=count) for _ in range(samples)])
    return np.stack([metric.score(weights @ total) for total in totals])


def bootstrap_interval(
    metric: Metric, statistics: np.ndarray, groups: np.ndarray, *, samples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a score over groups (Efron & Tibshirani 1993, ch. 13).

    Resamples of answers that are all right are all right too, which says nothing of the next item: at a bound of the
    metric the other end is that of the exact binomial interval over groups (Clopper & Pearson 1934).
    None with fewer than `LEAST_GROUPS` groups.
    """
    count = len(np.unique(groups))
    if count < LEAST_GROUPS:
        return None
    values = bootstrap_scores(metric, [statistics], groups, samples=samples, seed=seed)[0]
    low, high = (float(end) for end in np.nanquantile(values, [0.025, 0.975]))
    if low == high and metric.low is not None and metric.high is not None and high in (metric.low, metric.high):
        reach = (metric.high - metric.low) * 0.025 ** (1 / count)
        return (metric.low + reach, high) if high == metric.high else (low, metric.high - reach)
    return low, high


# --- calibration


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log p / temperature), row by row."""
    logits = np.log(np.maximum(probabilities, 1e-12)) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    tempered: np.ndarray = odds / odds.sum(axis=1, keepdims=True)
    return tempered


def temperature(probabilities: np.ndarray, true: np.ndarray) -> float:
    """Return the temperature of least log loss on held-out answers (Guo et al. 2017, arXiv:1706.04599, eq. 9).

    Clips of a class that was not trained on (probability zero) say nothing of temperature, and are left out.
    """
    known = probabilities[np.arange(len(true)), true] > 0
    probabilities, true = probabilities[known], true[known]
    rows = np.arange(len(true))
    if not len(rows):
        return 1.0

    def loss(log_temperature: float) -> float:
        warm = temper(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(warm[rows, true], 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded").x))


def reject_threshold(probabilities: np.ndarray, true: np.ndarray, turned_away: float = TURNED_AWAY) -> float:
    """Return the probability below which an answer becomes "none of these".

    It turns away the share `turned_away` of the held-out clips that were named right: what known sounds cost.
    """
    best = probabilities.max(axis=1)[probabilities.argmax(axis=1) == true]
    return float(np.quantile(best, turned_away)) if len(best) else 0.0


def calibration_bins(probabilities: np.ndarray, true: np.ndarray, bins: int = 10) -> list[dict[str, float]]:
    """Return mean confidence, accuracy and count of the answers in each tenth of confidence that has any."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == true
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    return [
        {
            "confidence": float(confidence[place == b].mean()),
            "accuracy": float(right[place == b].mean()),
            "count": int((place == b).sum()),
        }
        for b in range(bins)
        if (place == b).any()
    ]


def expected_calibration_error(probabilities: np.ndarray, true: np.ndarray, bins: int = 10) -> float:
    """Return the mean gap between confidence and accuracy over the bins, weighted by count (Guo et al. 2017, eq. 3)."""
    rows = calibration_bins(probabilities, true, bins)
    return float(sum(abs(row["confidence"] - row["accuracy"]) * row["count"] for row in rows) / max(1, len(true)))
