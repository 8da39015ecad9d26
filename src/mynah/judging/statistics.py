"""Scores, their uncertainty, and tests of differences: plain functions of what was at stake and what was gained.

Class numbers are integers from 0; probabilities are (clip, class).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import t as student

from mynah.tasks.task import Stakes

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
    stakes: Stakes, gains: Sequence[np.ndarray], groups: np.ndarray, *, samples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Scores under resampling of whole groups: (answer, sample).

    All answers share the resamples, so that their differences are paired. A resample keeps each stratum's share of
    groups as it falls; strata that do not occur in one are left out of its mean.
    """
    strata = int(stakes.stratum.max()) + 1
    _, codes = np.unique(groups, return_inverse=True)
    count = int(codes.max()) + 1
    most = np.zeros((count, strata))
    np.add.at(most, (codes, stakes.stratum), stakes.weight)
    gained = np.zeros((len(gains), count, strata))
    for answer, gain in zip(gained, gains, strict=True):
        np.add.at(answer, (codes, stakes.stratum), gain)
    rng = np.random.Generator(np.random.Philox(seed))
    out = np.empty((len(gains), samples))
    for number in range(samples):
        weight = np.bincount(rng.integers(0, count, count), minlength=count)
        total = weight @ most
        present = total > 0
        out[:, number] = ((weight @ gained)[:, present] / total[present]).mean(axis=1)
    return out


def bootstrap_interval(
    stakes: Stakes, gain: np.ndarray, groups: np.ndarray, *, samples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a score over groups (Efron & Tibshirani 1993, ch. 13).

    Resamples of answers that are all right are all right too, which says nothing of the next clip: then the lower end
    is that of the exact binomial interval over groups (Clopper & Pearson 1934), and the upper end of all wrong.
    None with fewer than `LEAST_GROUPS` groups.
    """
    count = len(np.unique(groups))
    if count < LEAST_GROUPS:
        return None
    whole = bool((gain == stakes.weight).all())
    if whole or not gain.any():
        end = 0.025 ** (1 / count)
        return (end, 1.0) if whole else (0.0, 1 - end)
    values = bootstrap_scores(stakes, [gain], groups, samples=samples, seed=seed)[0]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def corrected_t_test(differences: Sequence[float] | np.ndarray, train_size: float, test_size: float) -> float:
    """Return the two-sided p of the corrected resampled t-test (Nadeau & Bengio 2003, section 3).

    The variance of the mean over J folds is (1/J + test/train) times the sample variance, since training sets
    overlap. Equal differences that are not zero have no variance to judge by: the answer is then NaN.

    Args:
        differences: scores of A minus B, one a fold, at least two.
        train_size, test_size: mean sizes of the folds' parts.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        raise ValueError("the corrected t-test needs at least two folds")
    variance = values.var(ddof=1) * (1 / len(values) + test_size / train_size)
    if np.ptp(values) < 1e-12:
        return 1.0 if abs(values.mean()) < 1e-12 else float("nan")
    return float(2 * student.sf(abs(values.mean()) / np.sqrt(variance), len(values) - 1))


def paired_permutation_test(
    stakes: Stakes, a: np.ndarray, b: np.ndarray, groups: np.ndarray, *, samples: int = 10_000, seed: int = 0
) -> float:
    """Return a two-sided p that A and B score alike, from one test set (Good 2005, ch. 3).

    If they were alike, exchanging their answers on any group would change nothing: the difference in score is
    compared with those after random exchanges. Exact for any number of groups, unlike a bootstrap.

    Args:
        stakes: of the clips.
        a, b: what each gained.
        groups: of the clips.
    """
    share = 1.0 / np.bincount(stakes.stratum, weights=stakes.weight)[stakes.stratum]
    _, codes = np.unique(groups, return_inverse=True)
    gains = np.bincount(codes, weights=share * (a.astype(float) - b))
    gains = gains[np.abs(gains) > 1e-12]
    if not len(gains):
        return 1.0
    rng = np.random.Generator(np.random.Philox(seed))
    sums = np.empty(samples)
    for first in range(0, samples, 500):
        signs = rng.integers(0, 2, (min(500, samples - first), len(gains))) * 2 - 1
        sums[first : first + 500] = signs @ gains
    extreme = (np.abs(sums) >= abs(gains.sum()) - 1e-12).sum()
    return float((1 + extreme) / (1 + samples))


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for making all these tests at once (Holm 1979)."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(order))
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[index]))
        adjusted[index] = highest
    return [float(p) for p in adjusted]


# --- calibration


def temper(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return softmax(log p / temperature), row by row."""
    logits = np.log(np.maximum(probabilities, 1e-12)) / temperature
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


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
