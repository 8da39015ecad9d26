"""Is A truly better than B, and how sure is that? A mixed model over recordings and folds, read as a probability.

What a family answered is (item, k) float64: what each item adds to the totals that a score is a function of. For
accuracy k = 2 (right, one); for balanced accuracy k = 2 classes; for RMSE k = 2 (squared error, one).

The gap of two families on held-out items has two sources of error, and both count: other recordings, and other
training sets. In fold f, with F folds and G recordings,

    gap = truth + mean over f of t_f + error of recordings
    var(recordings) = s^2,   var(t_f) = psi s^2,   corr(t_f, t_f') = rho = max(1 / F, 1 / 4)

Training sets of different folds overlap, hence rho, which no data can tell (Bengio & Grandvalet 2004). Nadeau & Bengio
(2003, section 3) take the share of items that judge, 1 / F; with ten folds that is too little, see docs/design. They
inflate the whole variance by it and have F - 1 degrees of freedom; recordings of different folds are independent, so
here only the part of training is inflated, and s^2 has G degrees of freedom. What F folds cannot tell of psi is left
open: the answer is a mean over what psi may be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

Array = npt.NDArray[np.float64]
Score = Callable[[Array], Array]

#: With fewer recordings than this there is no answer: one recording says nothing of others.
LEAST_GROUPS = 5
#: A family is called worse from here on: a two-sided 5 %, of all families together.
SURE = 0.975
#: Mean of the exponential prior of psi: of 1, 2 and 3 the least that held wrong claims to about 5 %, see benchmarks.
TRAINING_VARIANCE = 2.0
#: Least correlation of the training effects of two folds.
LEAST_OVERLAP = 0.25
#: Share by which a recording's weight is changed for its influence.
STEP = 1e-4
#: Values of psi that stand for the prior, each as likely.
GRID = 64


@dataclass(frozen=True)
class Comparison:
    """How much better A is than B.

    Attributes:
        gap: in units of the score, positive where A is better, whatever the direction of the score.
        low, high: its 95 % interval, for new recordings and newly trained models.
        probability: that A is better than B, 0 to 1.
    """

    gap: float
    low: float
    high: float
    probability: float


@dataclass(frozen=True)
class Layout:
    """Which recording and fold each item is of: the cells in which both are the same.

    Attributes:
        item_cell: (item,) number of the item's cell.
        group, fold: (cell,) numbers from zero.
        share: (cell,) of all items.
    """

    item_cell: npt.NDArray[np.intp]
    group: npt.NDArray[np.intp]
    fold: npt.NDArray[np.intp]
    share: Array

    @classmethod
    def of(cls, groups: npt.NDArray[np.generic], folds: npt.NDArray[np.generic]) -> Layout:
        """Return the cells of these (item,) recordings and folds."""
        group = np.unique(groups, return_inverse=True)[1]
        fold = np.unique(folds, return_inverse=True)[1]
        count = int(fold.max()) + 1
        cells, item_cell = np.unique(group * count + fold, return_inverse=True)
        return cls(item_cell, cells // count, cells % count, np.bincount(item_cell) / len(item_cell))

    @property
    def groups(self) -> int:
        """Number of recordings."""
        return int(self.group.max()) + 1

    @property
    def folds(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1


def influence(statistics: Array, layout: Layout, score: Score) -> Array:
    """Return (cell,) what each cell adds to the score, to first order: the infinitesimal jackknife (Efron 1982, ch. 6).

    It is the slope of the score in the weight of the cell, so that it holds for any smooth function of totals, and a
    class that only one recording has is no trouble. The sum is zero for means and ratios.

    Args:
        statistics: (item, k).
        layout: of the items.
        score: maps (..., k) totals to (...) scores.
    """
    cells = np.zeros((len(layout.share), statistics.shape[1]))
    np.add.at(cells, layout.item_cell, statistics)
    total = cells.sum(axis=0)
    slope: Array = (score(total + STEP * cells) - score(total - STEP * cells)) / (2 * STEP)
    return slope


@dataclass(frozen=True)
class Evidence:
    """What the items tell of one gap: sums of squares, each with s^2 times the chi-squared distribution.

    Attributes:
        gap: positive where A is better.
        within: G sum of squares of recordings about their fold's mean, G - F degrees of freedom.
        between: sum over folds of (its part of the gap)^2 / (its share of items), F - 1 degrees of freedom, and
            1 + psi (1 - rho) / F times as large.
        groups, folds: G and F.
    """

    gap: float
    within: float
    between: float
    groups: int
    folds: int

    @classmethod
    def of(cls, gap: float, slope: Array, layout: Layout) -> Evidence:
        """Return the evidence of a gap, given the (cell,) influences on it."""
        share = np.bincount(layout.fold, weights=layout.share)
        part = np.bincount(layout.fold, weights=slope)
        part = part - share * part.sum()
        rest = slope - layout.share * (np.bincount(layout.fold, weights=slope) / share)[layout.fold]
        recording = np.bincount(layout.group, weights=rest)
        within = layout.groups * float(recording @ recording)
        return cls(gap, within, float((part**2 / share).sum()), layout.groups, layout.folds)

    def probability_above(self, gap: float = 0.0) -> float:
        """Return the probability that the true gap is above `gap`, averaged over what psi may be.

        The variance of the recordings is taken about no gap, as in a test of exchanged answers (Good 2005, ch. 3): it
        then stays honest where few recordings differ or all differ alike, and no z exceeds the root of G.
        """
        weight, deviation = self._posterior()
        error = self.gap - gap
        if error == 0:
            return 0.5
        return float(weight @ ndtr(error / deviation))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the central interval of the true gap."""
        weight, deviation = self._posterior()
        if not deviation.max() > 0:
            return self.gap, self.gap
        far = deviation.max() * float(ndtri((1 + level) / 2))
        half = float(brentq(lambda x: weight @ ndtr(x / deviation) - (1 + level) / 2, 0.0, far))
        return self.gap - half, self.gap + half

    def _posterior(self) -> tuple[Array, Array]:
        """Return (psi,) the weight of each psi and the standard deviation of the gap with it."""
        rho = max(LEAST_OVERLAP, 1 / self.folds) if self.folds > 1 else 0.0
        psi = -TRAINING_VARIANCE * np.log1p(-(np.arange(GRID) + 0.5) / GRID)
        fold = 1 + psi * (1 - rho) / self.folds
        whole = 1 + psi * (rho + (1 - rho) / self.folds)
        squares = self.within + self.between / fold
        likelihood = np.zeros(GRID)
        if squares.min() > 0:  # s^2 integrated over its scale prior
            likelihood = -0.5 * ((self.folds - 1) * np.log(fold) + (self.groups - 1) * np.log(squares))
        weight = np.exp(likelihood - likelihood.max())
        return weight / weight.sum(), np.sqrt((squares * whole + self.gap**2) / self.groups)


def range_tail(gaps: npt.ArrayLike, families: int) -> Array:
    """Return the probability that among this many equal families two lie as far apart (Tukey 1953).

    It is the tail of the range of independent standard normal variables divided by the root of 2; correlated and
    unequal ones are told apart more rarely (Hayter 1984).

    Args:
        gaps: in standard errors of a difference, not negative.
        families: two or more; of two the answer is the two-sided p of a normal variable.
    """
    reach = np.sqrt(2) * np.asarray(gaps, dtype=np.float64)[..., None]
    lowest = np.linspace(-9.0, 9.0, 721)
    density = np.exp(-(lowest**2) / 2) / np.sqrt(2 * np.pi)
    # one is the lowest, the others lie within reach above it
    inside = families * density * (ndtr(lowest + reach) - ndtr(lowest)) ** (families - 1)
    tail: Array = np.clip(1 - inside.sum(axis=-1) * (lowest[1] - lowest[0]), 0.0, 1.0)
    return tail


def allow_for_choice(probabilities: Sequence[float]) -> list[float]:
    """Return probabilities that the best score is truly better than each other, the best having been chosen by score.

    The best of many equal families looks better than it is. A pair's probability becomes 1 - p / 2, where p is that
    of as wide a range among equal families: all of them for the clearest gap, one fewer for each gap that was
    clearer (step-down, in the order of the gaps; never more sure than of a clearer one).

    Args:
        probabilities: of the best against each other, from `compare`: a half or more, since it scores best.
    """
    order = np.argsort(probabilities)[::-1]
    adjusted = np.empty(len(order))
    least = 1.0
    for clearer, index in enumerate(order):
        standard = max(0.0, float(ndtri(min(probabilities[index], 1 - 1e-16))))
        least = min(least, 1 - float(range_tail(standard, len(order) + 1 - clearer)) / 2)
        adjusted[index] = least
    return [float(p) for p in adjusted]


def compare(
    a: Array,
    b: Array,
    groups: npt.NDArray[np.generic],
    folds: npt.NDArray[np.generic],
    score: Score,
    *,
    higher_is_better: bool,
) -> Comparison | None:
    """Return how much better A is than B and how sure that is; None with fewer than `LEAST_GROUPS` recordings.

    Where the pair was not fixed in advance but A scored best, pass the probabilities through `allow_for_choice`.

    Args:
        a, b: (item, k) what each item adds to the totals.
        groups: (item,) recordings.
        folds: (item,) folds; all alike for one official split.
        score: maps (..., k) totals to (...) scores.
        higher_is_better: the direction of the score.
    """
    layout = Layout.of(groups, folds)
    if layout.groups < LEAST_GROUPS:
        return None
    sign = 1.0 if higher_is_better else -1.0
    gap = sign * float(score(a.sum(axis=0)) - score(b.sum(axis=0)))
    evidence = Evidence.of(gap, sign * (influence(a, layout, score) - influence(b, layout, score)), layout)
    return Comparison(gap, *evidence.interval(), evidence.probability_above())
