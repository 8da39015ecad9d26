"""Scores, their uncertainty, and who can be told apart: plain functions of labels and probabilities.

Class numbers are integers from 0; probabilities are (clip, class).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import t as student

#: Two families differ when the corrected p is below this.
LEVEL = 0.05
#: Share of known sounds that the threshold of "none of these" may turn away.
TURNED_AWAY = 0.05
RESAMPLES = 2000


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
    true: np.ndarray, predicted: Sequence[np.ndarray], groups: np.ndarray, *, samples: int = RESAMPLES, seed: int = 0
) -> np.ndarray:
    """Balanced accuracies under resampling of whole groups: (answer, sample).

    All answers share the resamples, so that their differences are paired. A resample keeps each class's share of
    groups as it falls; classes that do not occur in one are left out of its mean.
    """
    classes = int(true.max()) + 1
    _, codes = np.unique(groups, return_inverse=True)
    count = int(codes.max()) + 1
    seen = np.zeros((count, classes))
    np.add.at(seen, (codes, true), 1)
    right = np.zeros((len(predicted), count, classes))
    for answer, said in zip(right, predicted, strict=True):
        np.add.at(answer, (codes[said == true], true[said == true]), 1)
    rng = np.random.Generator(np.random.Philox(seed))
    out = np.empty((len(predicted), samples))
    for number in range(samples):
        weight = np.bincount(rng.integers(0, count, count), minlength=count)
        total = weight @ seen
        present = total > 0
        out[:, number] = ((weight @ right)[:, present] / total[present]).mean(axis=1)
    return out


def bootstrap_interval(
    true: np.ndarray, predicted: np.ndarray, groups: np.ndarray, *, samples: int = RESAMPLES, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile interval of balanced accuracy over groups (Efron & Tibshirani 1993, ch. 13)."""
    values = bootstrap_scores(true, [predicted], groups, samples=samples, seed=seed)[0]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def corrected_t_test(differences: Sequence[float] | np.ndarray, train_size: float, test_size: float) -> float:
    """Return the two-sided p of the corrected resampled t-test (Nadeau & Bengio 2003, section 3).

    The variance of the mean over J folds is (1/J + test/train) times the sample variance, since training sets
    overlap.

    Args:
        differences: scores of A minus B, one a fold, at least two.
        train_size, test_size: mean sizes of the folds' parts.
    """
    values = np.asarray(differences, dtype=float)
    if len(values) < 2:
        raise ValueError("the corrected t-test needs at least two folds")
    variance = values.var(ddof=1) * (1 / len(values) + test_size / train_size)
    if variance <= 1e-18:
        return 1.0 if abs(values.mean()) < 1e-9 else 0.0
    return float(2 * student.sf(abs(values.mean()) / np.sqrt(variance), len(values) - 1))


def paired_bootstrap_test(
    true: np.ndarray, a: np.ndarray, b: np.ndarray, groups: np.ndarray, *, seed: int = 0
) -> float:
    """Return a two-sided p that A and B score alike, from one test set: resampled groups, differences paired."""
    one, other = bootstrap_scores(true, [a, b], groups, seed=seed)
    tie = float((np.abs(one - other) < 1e-12).mean())
    below = float((one < other - 1e-12).mean()) + tie / 2
    return float(min(1.0, 2 * min(below, 1 - below) + 1 / len(one)))


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
    """Return the temperature of least log loss on held-out answers (Guo et al. 2017, arXiv:1706.04599, eq. 9)."""
    rows = np.arange(len(true))

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


# --- verdict


@dataclass(frozen=True)
class Contender:
    """A family in the comparison: its score, its score on each fold, its (clip,) answers, what it costs."""

    score: float
    fold_scores: Sequence[float]
    predicted: np.ndarray
    cost: float


@dataclass(frozen=True)
class Verdict:
    """A family against the best score: "best", "cannot be told apart" or "worse", and the adjusted p."""

    words: str
    p: float | None


@dataclass(frozen=True)
class Choice:
    """Who scored best, who is kept (the cheapest that cannot be told apart from it), and a sentence."""

    best: str
    kept: str
    verdicts: dict[str, Verdict]
    sentence: str


def choose(
    contenders: Mapping[str, Contender],
    true: np.ndarray,
    groups: np.ndarray,
    *,
    train_size: float,
    test_size: float,
    baseline: str | None = None,
    seed: int = 0,
) -> Choice:
    """Compare every family with the best score and keep the cheapest of those that cannot be told apart.

    Few folds tell little apart, so a family is only kept if its score also lies within the 95 % interval of the
    best's. With several folds the test is Nadeau and Bengio's, with one it is the paired bootstrap over groups;
    p-values are adjusted by Holm's method. Cost is the size of the model file: unlike a time it is the same at every
    repetition, so that the choice is too.

    Args:
        contenders: families that finished every fold.
        true, groups: of the clips that all of them answered.
        train_size, test_size: mean sizes of the folds' parts.
        baseline: a family that is never kept while another is there.
    """
    best = max(contenders, key=lambda name: (contenders[name].score, -contenders[name].cost))
    others = [name for name in contenders if name != best]
    p_values = holm(
        [_against(contenders[best], contenders[name], true, groups, train_size, test_size, seed) for name in others]
    )
    verdicts = {best: Verdict("best", None)}
    for name, p in zip(others, p_values, strict=True):
        verdicts[name] = Verdict("worse" if p < LEVEL else "cannot be told apart", p)
    low = bootstrap_interval(true, contenders[best].predicted, groups, seed=seed)[0]
    alike = [name for name in contenders if verdicts[name].words != "worse"]
    near = [name for name in alike if name == best or contenders[name].score >= low]
    kept = min(near, key=lambda name: (name == baseline, contenders[name].cost))
    return Choice(best, kept, verdicts, _sentence(best, kept, alike, contenders, verdicts, len(true)))


def _against(
    best: Contender, other: Contender, true: np.ndarray, groups: np.ndarray, train: float, test: float, seed: int
) -> float:
    if len(best.fold_scores) < 2:
        return paired_bootstrap_test(true, best.predicted, other.predicted, groups, seed=seed)
    return corrected_t_test(np.subtract(best.fold_scores, other.fold_scores), train, test)


def _sentence(
    best: str,
    kept: str,
    alike: Sequence[str],
    contenders: Mapping[str, Contender],
    verdicts: Mapping[str, Verdict],
    clips: int,
) -> str:
    score = f"{100 * contenders[best].score:.1f} %"
    if len(contenders) == 1:
        return f"{best} scores {score} on {clips} clips; it is the only family that was tried."
    if len(alike) == 1:
        return f"{best} scores {score} on {clips} clips and every other family is worse; kept {best}."
    rest = [name for name in alike if name != best]
    named = " and ".join(rest) if len(rest) < 3 else f"{len(rest)} others ({', '.join(rest)})"
    if kept == best:
        return (
            f"{best} scores best ({score}) but cannot be told apart from {named} on {clips} clips; "
            f"kept {best}, the smallest of those within its interval."
        )
    gap = 100 * (contenders[best].score - contenders[kept].score)
    return (
        f"{best} scores best ({score}) but cannot be told apart from {named} on {clips} clips; kept {kept}, the "
        f"smallest of those within its interval ({gap:.1f} points less, p = {verdicts[kept].p:.2f})."
    )
