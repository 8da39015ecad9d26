"""Who is best, who can be told apart from it, and who is kept: the verdict of a comparison, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mynah.judging.statistics import LEAST_GROUPS, bootstrap_interval, corrected_t_test, holm, paired_permutation_test
from mynah.tasks.task import Stakes

#: Two families differ when the adjusted p is below this.
LEVEL = 0.05
#: Folds that the corrected t-test needs; with fewer, answers are exchanged.
LEAST_FOLDS = 3
BEST, CLOSE, LOWER, WORSE, UNTESTED = "best", "cannot be told apart", "lower, not proven", "worse", "not tested"


@dataclass(frozen=True)
class Contender:
    """A family in the comparison: its score, its score on each fold, what it gained on each clip, what it costs."""

    score: float
    fold_scores: Sequence[float]
    gain: np.ndarray
    cost: float


@dataclass(frozen=True)
class Verdict:
    """A family against the best score.

    Attributes:
        words: "best"; "cannot be told apart" (no test parts them, and it scores within the best's interval); "lower,
            not proven" (it scores below that interval, but the folds are too few for the test); "worse"; or "not
            tested" (too few recordings judge).
        p: adjusted for all tests made, or None.
    """

    words: str
    p: float | None


@dataclass(frozen=True)
class Choice:
    """Who scored best, who is kept (the smallest that cannot be told apart from it), and a sentence."""

    best: str
    kept: str
    verdicts: dict[str, Verdict]
    sentence: str


def choose(
    contenders: Mapping[str, Contender],
    stakes: Stakes,
    groups: np.ndarray,
    *,
    train_size: float,
    test_size: float,
    baseline: str | None = None,
    seed: int = 0,
) -> Choice:
    """Compare every family with the best score and keep the smallest of those that cannot be told apart.

    With three folds or more the test is Nadeau and Bengio's, with fewer, or with folds that all differ alike, it is
    a paired permutation test over groups; p-values are adjusted by Holm's method. Few folds tell little apart, so a
    family is only kept if its score also lies within the 95 % interval of the best's. Cost is the size of the model
    file: unlike a time it is the same at every repetition, so that the choice is too.

    Args:
        contenders: families that finished every fold.
        stakes, groups: of the clips that all of them answered.
        train_size, test_size: mean sizes of the folds' parts.
        baseline: a family that is never kept while another is there.
    """
    best = max(contenders, key=lambda name: (contenders[name].score, -contenders[name].cost))
    interval = bootstrap_interval(stakes, contenders[best].gain, groups, seed=seed)
    verdicts = {best: Verdict(BEST, None)}
    others = [name for name in contenders if name != best]
    if interval is None:
        verdicts |= {name: Verdict(UNTESTED, None) for name in others}
    else:
        field = (contenders[best], stakes, groups, train_size, test_size, seed)
        p_values = holm([_against(contenders[name], *field) for name in others])
        for name, p in zip(others, p_values, strict=True):
            within = contenders[name].score >= interval[0]
            verdicts[name] = Verdict(WORSE if p < LEVEL else CLOSE if within else LOWER, p)
    near = [name for name in contenders if verdicts[name].words in (BEST, CLOSE)]
    kept = min(near, key=lambda name: (name == baseline, contenders[name].cost))
    return Choice(
        best, kept, verdicts, _sentence(best, kept, contenders, verdicts, len(stakes), np.unique(groups).size)
    )


def _against(
    other: Contender, best: Contender, stakes: Stakes, groups: np.ndarray, train: float, test: float, seed: int
) -> float:
    """Return the two-sided p that `other` scores as the best does."""
    differences = np.subtract(best.fold_scores, other.fold_scores)
    if len(differences) >= LEAST_FOLDS:
        p = corrected_t_test(differences, train, test)
        if not np.isnan(p):  # folds that favour the other are no sign that it is worse
            return p if differences.mean() > 0 else 1.0
    return paired_permutation_test(stakes, best.gain, other.gain, groups, seed=seed)


def _sentence(
    best: str,
    kept: str,
    contenders: Mapping[str, Contender],
    verdicts: Mapping[str, Verdict],
    clips: int,
    recordings: int,
) -> str:
    words = f"{best} scores best, {100 * contenders[best].score:.1f} % on {clips} clips"
    if len(contenders) == 1:
        return (
            f"{best} scores {100 * contenders[best].score:.1f} % on {clips} clips; it is the only one that was tried."
        )
    ranked = sorted(contenders, key=lambda name: -contenders[name].score)
    close, lower, worse, untested = (
        [name for name in ranked if verdicts[name].words == word] for word in (CLOSE, LOWER, WORSE, UNTESTED)
    )
    if untested:
        many = f"{recordings} recording{'s' * (recordings > 1)}"
        return f"{words} of {many}; at least {LEAST_GROUPS} are needed to say how sure that is; kept {kept}."
    if close:
        words += f"; {_listed(close)} cannot be told apart from it"
    if lower:
        folds = len(contenders[best].fold_scores)
        few = f"{folds} folds do" if folds >= LEAST_FOLDS else "these clips do"
        words += f"; {_listed(lower)} {_gap(contenders, best, lower)} lower, which {few} not prove"
    if worse and not close and not lower:
        words += "; every other family is worse"
    if kept == best:
        smallest = min([best, *close], key=lambda name: contenders[name].cost)
        if smallest != kept:  # it is the constant answer, which is never kept
            return f"{words}; kept {best}, since {smallest} is there only to be beaten."
        return f"{words}; kept {best}{', the smallest of these' if close else ''}."
    return f"{words}; kept {kept}, the smallest of these ({_gap(contenders, best, [kept], verb='')} less)."


def _listed(names: Sequence[str]) -> str:
    if len(names) > 3:
        return f"{len(names)} others"
    return " and ".join([*([", ".join(names[:-1])] if len(names) > 1 else []), names[-1]])


def _gap(contenders: Mapping[str, Contender], best: str, names: Sequence[str], verb: str | None = None) -> str:
    """Say how many points these score less than the best: "scores 4.0 points", "score 4.0 to 9.5 points"."""
    gaps = [100 * (contenders[best].score - contenders[name].score) for name in names]
    span = f"{min(gaps):.1f}" + (f" to {max(gaps):.1f}" if max(gaps) - min(gaps) >= 0.05 else "")
    verb = ("score" if len(names) > 1 else "scores") if verb is None else verb
    return f"{verb} {span} points".strip()
