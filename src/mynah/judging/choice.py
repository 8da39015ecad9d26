"""Who scores best, who is as good, who is worse, and which model is kept: the outcome of a comparison in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mynah.judging.comparison import LEAST_GROUPS, SURE, Array, Comparison, allow_for_choice, compare
from mynah.judging.metric import Metric, how_sure

#: A family is as good while a pair's probability is below this: the gap is less than its standard error.
STANDARD_ERROR = 0.841
BEST, AS_GOOD, UNCLEAR, WORSE, UNTESTED = "best", "as good", "unclear", "worse", "not tested"
#: More families than this are counted, not named.
MOST_NAMES = 3


@dataclass(frozen=True)
class Contender:
    """A family in the comparison.

    Attributes:
        statistics: (item, k) what each item adds to the totals of the metric; all families have the same items.
        megabytes: size of its model file, what it costs.
    """

    statistics: Array
    megabytes: float


@dataclass(frozen=True)
class Verdict:
    """A family against the best score.

    Attributes:
        kind: "best"; "worse" (97.5 % sure or more); "as good" (neither that, nor is the gap larger than its standard
            error); "unclear" (between these); "not tested" (too few groups).
        probability_best_is_better: with allowance for the best having been chosen among all; None for the best and
            where there is no test.
        gap: how much better the best scores, in the metric's unit, not negative.
        interval: 95 % interval of this gap taken alone, or None.
    """

    kind: str
    probability_best_is_better: float | None
    gap: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Choice:
    """Who scores best, who is kept, a verdict of each family, and a sentence."""

    best: str
    kept: str
    verdicts: dict[str, Verdict]
    sentence: str


def choose(
    contenders: Mapping[str, Contender],
    metric: Metric,
    groups: npt.NDArray[np.generic],
    folds: npt.NDArray[np.generic],
    *,
    baseline: str | None = None,
    items: str = "clips",
    group: str = "recording",
) -> Choice:
    """Compare every family with the best score, and keep the smallest model that is as good.

    The rule, for anyone to repeat: of the best and the families whose gap to it is at most its standard error (the
    one-standard-error rule, Breiman et al. 1984, section 3.4.3), keep that with the smallest model file; never the
    baseline while one of these is another. Nothing is drawn at random and a size is the same on every machine, so
    that the choice is too. Families of equal score rank by size, then by name.

    Args:
        contenders: families that finished every fold, at least one.
        metric: what they are ranked by.
        groups, folds: (item,) what items come from (recordings, tunes, ...) and their folds.
        baseline: the constant answer.
        items, group: what these are called in the sentence.
    """
    scores = {name: float(metric.score(family.statistics.sum(axis=0))) for name, family in contenders.items()}
    sign = -1 if metric.higher_is_better else 1
    ranked = sorted(contenders, key=lambda name: (sign * scores[name], contenders[name].megabytes, name))
    best, others = ranked[0], ranked[1:]
    found = [
        compare(
            contenders[best].statistics,
            contenders[name].statistics,
            groups,
            folds,
            metric.score,
            higher_is_better=metric.higher_is_better,
        )
        for name in others
    ]
    sure = allow_for_choice([pair.probability for pair in found if pair is not None])
    verdicts = {best: Verdict(BEST, None, 0.0, None)}
    for number, (name, pair) in enumerate(zip(others, found, strict=True)):
        if pair is None:
            verdicts[name] = Verdict(UNTESTED, None, abs(scores[best] - scores[name]), None)
        else:
            verdicts[name] = Verdict(_kind(pair, sure[number]), sure[number], pair.gap, (pair.low, pair.high))
    near = [name for name in ranked if verdicts[name].kind in (BEST, AS_GOOD)]
    kept = min(near, key=lambda name: (name == baseline, contenders[name].megabytes))
    words = [f"{best} scores best: {metric.show(scores[best])} on {len(groups)} {items}"]
    if others and found[0] is None:
        count = len(np.unique(groups))
        few = f"{count} {group}{'s' * (count > 1)}"
        words.append(f"how sure that is takes {LEAST_GROUPS} {group}s or more, and these are of {few}")
    words += _compared(verdicts, metric)
    words.append(_kept(best, kept, near, contenders, verdicts, metric))
    return Choice(best, kept, verdicts, "; ".join(word for word in words if word) + ".")


def _kind(pair: Comparison, sure: float) -> str:
    if sure >= SURE:
        return WORSE
    return AS_GOOD if pair.probability < STANDARD_ERROR else UNCLEAR


def _compared(verdicts: Mapping[str, Verdict], metric: Metric) -> list[str]:
    """Return what is said of the families that are as good, unclear and worse; `verdicts` are in rank order."""
    close, unclear, worse = ([n for n, v in verdicts.items() if v.kind == kind] for kind in (AS_GOOD, UNCLEAR, WORSE))
    words = []
    if close:
        words.append(f"{_listed(close)} {_verb(close, 'is', 'are')} as good ({_gaps(close, verdicts, metric)} behind)")
    if unclear:
        words.append(
            f"{_listed(unclear)} may be worse ({_gaps(unclear, verdicts, metric)} behind, {_sure(unclear, verdicts)})"
        )
    if worse:
        everyone = len(worse) > MOST_NAMES and not close and not unclear
        names, verb = ("every other family", "is") if everyone else (_listed(worse), _verb(worse, "is", "are"))
        words.append(f"{names} {verb} worse by {_gaps(worse, verdicts, metric)} ({_sure(worse, verdicts)})")
    return words


def _kept(
    best: str,
    kept: str,
    near: Sequence[str],
    contenders: Mapping[str, Contender],
    verdicts: Mapping[str, Verdict],
    metric: Metric,
) -> str:
    if len(contenders) == 1:
        return "no other family was tried"
    if kept != best:
        return f"kept {kept}, the smallest of these ({_gaps([kept], verdicts, metric)} behind)"
    smallest = min(near, key=lambda name: contenders[name].megabytes)
    if smallest != kept and contenders[smallest].megabytes < contenders[kept].megabytes:
        return f"kept {kept}, since {smallest} is the baseline"
    return f"kept {kept}" + (", the smallest of these" if len(near) > 1 else "")


def _listed(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMES:
        return f"{len(names)} others"
    return " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), names[-1]])


def _verb(names: Sequence[str], one: str, many: str) -> str:
    return many if len(names) > 1 else one


def _gaps(names: Sequence[str], verdicts: Mapping[str, Verdict], metric: Metric) -> str:
    """Return the span of these gaps: "4.0 points", "4.0 to 9.5 points"."""
    gaps = [verdicts[name].gap for name in names]
    least, most = metric.show_gap(min(gaps)), metric.show_gap(max(gaps))
    if least == most:
        return most
    number, _, unit = least.partition(" ")
    return f"{number if most.endswith(f' {unit}') else least} to {most}"


def _sure(names: Sequence[str], verdicts: Mapping[str, Verdict]) -> str:
    """Return how sure the least sure of these is: "98 % sure", "at least 98 % sure", "over 99 % sure"."""
    least = min(verdicts[name].probability_best_is_better or 0.0 for name in names)
    words = how_sure(least)
    return words if words.startswith("over") or len(names) == 1 else f"at least {words}"
