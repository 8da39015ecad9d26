"""Which procedure may say that one family is worse than another: wrong claims and power, by simulation.

    python benchmarks/comparison.py [--quick] [--seed 0] [RUN ...]

A wrong claim is calling any of a board's families worse than the best score while all are truly equal. Power is the
share of families below the best by so many points that are called worse. With folders of finished runs, says what
each procedure makes of their held-out answers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

from mynah.judging.comparison import SURE, Evidence, Layout, allow_for_choice, influence, range_tail

CLASSES = 5
FAMILIES = 11
#: Half-width of the region of practical equivalence (Benavoli et al. 2017, section 4.1.2: one point).
ROPE = 0.01


@dataclass(frozen=True, eq=False)
class Board:
    """Families that answered the same items: right (family, item), and true class, recording and fold (item,)."""

    right: np.ndarray
    true: np.ndarray
    groups: np.ndarray
    folds: np.ndarray

    def statistics(self, family: int) -> np.ndarray:
        """Return (item, 2 classes): which class, and of which class and right."""
        one = np.eye(int(self.true.max()) + 1)[self.true]
        return np.concatenate([one, one * self.right[family][:, None]], axis=1)

    def scores(self, items: np.ndarray) -> np.ndarray:
        """Return (family,) balanced accuracy on some items."""
        count = np.bincount(self.true[items])
        seen = count > 0
        right = [np.bincount(self.true[items], weights=row[items], minlength=len(count)) for row in self.right]
        return (np.array(right)[:, seen] / count[seen]).mean(axis=1)


def balanced_accuracy(totals: np.ndarray) -> np.ndarray:
    """Return the mean recall of (..., 2 classes) totals."""
    count, right = np.split(totals, 2, axis=-1)
    seen = count > 0
    return np.where(seen, right / np.where(seen, count, 1), 0).sum(axis=-1) / seen.sum(axis=-1)


# --- procedures: (board, best) -> one p-like number a family, 0.05 and below is a claim; 1 for the best


def fold_differences(board: Board, best: int) -> np.ndarray:
    """Return (family, fold) scores of the best less those of each."""
    scores = np.array([board.scores(board.folds == fold) for fold in np.unique(board.folds)]).T
    return scores[best] - scores


def corrected_t(board: Board, best: int) -> np.ndarray:
    """Two-sided p of the corrected resampled t-test (Nadeau & Bengio 2003); of 1 or 2 folds the permutation's."""
    differences = fold_differences(board, best)
    folds = differences.shape[1]
    if folds < 3:
        return permutation(board, best)
    mean, spread = differences.mean(axis=1), differences.var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * student.sf(mean / np.sqrt(spread * (1 / folds + 1 / (folds - 1))), folds - 1)
    return np.where(mean > 0, np.minimum(p, 1), 1.0)


def bayesian_t(board: Board, best: int) -> np.ndarray:
    """Less the posterior that the best is better by more than the region of equivalence (Benavoli et al. 2017)."""
    differences = fold_differences(board, best)
    folds = differences.shape[1]
    if folds < 2:
        return np.ones(len(differences))
    mean, spread = differences.mean(axis=1), differences.var(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = student.sf((mean - ROPE) / np.sqrt(spread * (1 / folds + 1 / (folds - 1))), folds - 1)
    return np.where(mean > ROPE, p, 1.0)


@lru_cache(maxsize=4)
def exchanges(groups: int, samples: int = 2000) -> np.ndarray:
    """Return (sample, group) signs."""
    return np.random.Generator(np.random.Philox(0)).integers(0, 2, (samples, groups)) * 2.0 - 1


def permutation(board: Board, best: int) -> np.ndarray:
    """Two-sided p of exchanging the answers to whole recordings (Good 2005, ch. 3)."""
    count = np.bincount(board.true)
    share = 1 / (count * (count > 0).sum())[board.true]
    _, codes = np.unique(board.groups, return_inverse=True)
    gains = np.zeros((codes.max() + 1, len(board.right)))
    np.add.at(gains, codes, (share * (board.right[best] - board.right.astype(float))).T)
    signs = exchanges(len(gains))
    extreme = (np.abs(signs @ gains) >= np.abs(gains.sum(axis=0)) - 1e-12).sum(axis=0)
    return (1 + extreme) / (1 + len(signs))


@lru_cache(maxsize=1)
def evidence(board: Board, best: int) -> list[Evidence]:
    """Return what is known of the gap of the best to each."""
    layout = Layout.of(board.groups, board.folds)
    scores = board.scores(np.ones(len(board.true), dtype=bool))
    slopes = [influence(board.statistics(family), layout, balanced_accuracy) for family in range(len(scores))]
    return [Evidence.of(scores[best] - scores[f], slopes[best] - slopes[f], layout) for f in range(len(scores))]


def moments(board: Board, best: int) -> np.ndarray:
    """Two-sided p of the mixed model whose variances are those of the analysis of variance, as if they were known."""
    p = []
    for e in evidence(board, best):
        recordings = e.within / max(1, e.groups - e.folds)
        training = max(0.0, e.between / (e.folds - 1) - recordings) if e.folds > 1 else 0.0
        variance = recordings + training * (1 + e.folds / max(1, e.folds - 1))
        p.append(2 * ndtr(-e.gap / np.sqrt(variance)) if variance > 0 else 1.0)
    return np.minimum(p, 1)


def posterior(board: Board, best: int) -> np.ndarray:
    """Two-sided p of the mixed model of `mynah.judging.comparison`."""
    return np.array([min(1.0, 2 * (1 - e.probability_above())) for e in evidence(board, best)])


# --- how many families


def alone(p: np.ndarray) -> np.ndarray:
    """Each pair by itself."""
    return p


def holm(p: np.ndarray) -> np.ndarray:
    """Holm 1979."""
    order = np.argsort(p)
    adjusted = np.empty(len(p))
    adjusted[order] = np.maximum.accumulate(np.minimum(1, p[order] * np.arange(len(p), 0, -1)))
    return adjusted


def tukey(p: np.ndarray) -> np.ndarray:
    """The range of all families, in one step."""
    return range_tail(np.maximum(0, ndtri(np.minimum(1 - p / 2, 1 - 1e-16))), len(p) + 1)


def stepwise(p: np.ndarray) -> np.ndarray:
    """The range of the families that are left, as `mynah.judging.comparison` does."""
    return 2 * (1 - np.array(allow_for_choice(list(1 - p / 2))))


PROCEDURES: dict[str, tuple[Callable[[Board, int], np.ndarray], Callable[[np.ndarray], np.ndarray]]] = {
    "corrected t, Holm (before)": (corrected_t, holm),
    "permutation, Holm": (permutation, holm),
    "permutation, range": (permutation, stepwise),
    "Bayesian t, equivalence": (bayesian_t, alone),
    "mixed by moments, Holm": (moments, holm),
    "mixed, alone": (posterior, alone),
    "mixed, Holm": (posterior, holm),
    "mixed, range in one step": (posterior, tukey),
    "mixed, range (chosen)": (posterior, stepwise),
}


def claims(board: Board) -> tuple[int, dict[str, np.ndarray]]:
    """Return the best score's family and, a procedure, which others it calls worse (family,)."""
    scores = board.scores(np.ones(len(board.true), dtype=bool))
    best = int(scores.argmax())
    others = np.arange(len(scores)) != best
    tests = {test: test(board, best)[others] for test, _ in PROCEDURES.values()}
    out = {}
    for name, (test, allow) in PROCEDURES.items():
        called = np.zeros(len(scores), dtype=bool)
        called[others] = allow(tests[test]) <= 2 * (1 - SURE) + 1e-12
        out[name] = called
    return best, out


# --- simulated boards


def layout(rng: np.random.Generator, clips: int, folds: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return true classes, recordings of 1 to 3 clips, and folds that keep recordings whole (clip,)."""
    groups = np.repeat(np.arange(clips), rng.integers(1, 4, clips))[:clips]
    number = int(groups.max()) + 1
    true = rng.permutation(np.arange(number) % CLASSES)
    order = np.argsort(true, kind="stable")
    fold = np.empty(number, dtype=int)
    fold[order] = np.arange(number) % folds
    return true[groups], groups, fold[groups]


@dataclass(frozen=True)
class World:
    """How answers come about.

    Attributes:
        restless: deviation of the true accuracy over training sets, in points at 400 clips, of every second family;
            of the others a sixth of it. It grows as the root of 400 / clips.
        overlap: correlation of the training effects of two folds, as a function of the number of folds.
    """

    restless: float
    overlap: Callable[[int], float]


WORLDS = {
    "steady": World(0.0, lambda folds: 0.0),
    "usual": World(3.0, lambda folds: 1 / folds),
    "overlapping": World(3.0, lambda folds: 0.5 * (folds - 2) / (folds - 1) if folds > 1 else 0.0),
    "restless": World(6.0, lambda folds: 0.0),
}


def simulated(rng: np.random.Generator, clips: int, folds: int, truth: np.ndarray, world: World) -> Board:
    """Return answers right by a probit model: recording and clip are hard for all, or for one family; training sets.

    Args:
        truth: (family,) true accuracies, over recordings and training sets.
    """
    true, groups, fold = layout(rng, clips, folds)
    families = len(truth)
    hard = 0.7 * rng.standard_normal(groups.max() + 1)[groups] + 0.5 * rng.standard_normal(clips)
    own = 0.4 * rng.standard_normal((families, groups.max() + 1))[:, groups] + rng.standard_normal((families, clips))
    noise = np.sqrt(0.7**2 + 0.5**2 + 0.4**2 + 1)
    # a point of accuracy near 0.8 is 0.01 / 0.28 of the whole deviation
    points = world.restless * np.sqrt(400 / clips) * np.where(np.arange(families) % 2, 1 / 6, 1.0)
    training = noise * 0.01 / 0.28 * points
    rho = world.overlap(folds)
    effect = np.sqrt(rho) * rng.standard_normal((families, 1)) + np.sqrt(1 - rho) * rng.standard_normal(
        (families, folds)
    )
    level = ndtri(truth) * np.sqrt(noise**2 + training**2)
    right = level[:, None] + training[:, None] * effect[:, fold] + hard + own > 0
    return Board(right, true, groups, fold)


def learned(rng: np.random.Generator, clips: int, folds: int, families: int, kind: str) -> Board:
    """Return answers of real learners in real folds: equal families, since each sees six features of its own alike.

    Args:
        kind: "centroid" (steady), "neighbour" (the nearest training clip) or "projection" (the nearest after a random
            projection that each fit draws anew, as a network draws its weights).
    """
    true, groups, fold = layout(rng, clips, folds)
    centres = rng.standard_normal((CLASSES, 6))
    centres *= (0.9 if kind == "centroid" else 1.2) / np.sqrt((centres**2).mean())
    x = centres[true] + 0.5 * rng.standard_normal((families, groups.max() + 1, 6))[:, groups]
    x = x + rng.standard_normal((families, clips, 6)) + 0.4 * rng.standard_normal(clips)[:, None]
    right = np.zeros((families, clips), dtype=bool)
    parts = range(folds) if folds > 1 else [0]
    if folds == 1:  # one official split: the learners train on as many other clips
        more = layout(rng, clips, 1)
        x_more = centres[more[0]] + 0.5 * rng.standard_normal((families, more[1].max() + 1, 6))[:, more[1]]
        x_more = x_more + rng.standard_normal((families, clips, 6)) + 0.4 * rng.standard_normal(clips)[:, None]
    for part in parts:
        test = fold == part
        for family in range(families):
            known, answers = (x_more[family], more[0]) if folds == 1 else (x[family][~test], true[~test])
            asked = x[family][test]
            if kind == "projection":
                draw = rng.standard_normal((6, 3))
                known, asked = known @ draw, asked @ draw
            if kind == "centroid":
                known = np.array([known[answers == c].mean(axis=0) for c in range(CLASSES)])
                answers = np.arange(CLASSES)
            near = (known**2).sum(axis=1) - 2 * asked @ known.T
            right[family, test] = answers[near.argmin(axis=1)] == true[test]
    return Board(right, true, groups, fold)


# --- tables


def share_of_claims(boards: Callable[[np.random.Generator], Board], count: int, seed: int, wrong: bool) -> np.ndarray:
    """Return (procedure,): boards with any claim (`wrong`), or the share of families below the first called worse."""
    found = np.zeros(len(PROCEDURES))
    for number in range(count):
        rng = np.random.Generator(np.random.Philox(key=[seed, number]))
        best, called = claims(boards(rng))
        if wrong:
            found += [c.any() for c in called.values()]
        elif best == 0:
            found += [c[1:].mean() for c in called.values()]
    return found / count


def print_table(title: str, rows: dict[str, np.ndarray]) -> None:
    """Print a row a condition, a column a procedure, in percent."""
    print(f"\n{title}\n")
    print(f"{'':44}" + "".join(f"{f'({n})':>7}" for n in range(1, len(PROCEDURES) + 1)))
    for name, values in rows.items():
        print(f"{name:44}" + "".join(f"{100 * value:7.1f}" for value in values), flush=True)
    if len(rows) > 1:
        for name, values in (("mean", np.mean(list(rows.values()), 0)), ("most", np.max(list(rows.values()), 0))):
            print(f"{name:44}" + "".join(f"{100 * value:7.1f}" for value in values), flush=True)


def tables(quick: bool, seed: int) -> None:
    """Print all tables."""
    print("Shares in percent. Procedures:")
    for number, name in enumerate(PROCEDURES, 1):
        print(f"  ({number}) {name}")
    null, power = (60, 20) if quick else (NULL_BOARDS, POWER_BOARDS)
    sizes = [(100, 5)] if quick else [(clips, folds) for clips in (40, 100, 400) for folds in (1, 2, 5, 10)]
    for families in (FAMILIES, 2):
        rows = {}
        for world in WORLDS if families > 2 else ("usual", "overlapping"):
            for clips, folds in sizes:
                make = lambda rng, c=clips, f=folds, w=world, k=families: simulated(  # noqa: E731
                    rng, c, f, np.full(k, 0.8), WORLDS[w]
                )
                rows[f"{world}: {clips} clips, {folds} fold{'s' * (folds > 1)}"] = share_of_claims(
                    make, null, seed, True
                )
        print_table(f"Wrong claims: {families} equal families, simulated ({null} boards a row)", rows)
    rows = {}
    for kind in ("centroid", "neighbour", "projection"):
        for clips, folds in sizes:
            make = lambda rng, c=clips, f=folds, k=kind: learned(rng, c, f, FAMILIES, k)  # noqa: E731
            rows[f"{kind}: {clips} clips, {folds} fold{'s' * (folds > 1)}"] = share_of_claims(make, null, seed, True)
    print_table(f"Wrong claims: {FAMILIES} equal families, real learners ({null} boards a row)", rows)
    for families in (FAMILIES, 2):
        rows = {}
        for points in (2, 5, 10, 30):
            for clips, folds in sizes:
                truth = np.r_[0.85, np.full(families - 1, 0.85 - points / 100)]
                make = lambda rng, c=clips, f=folds, t=truth: simulated(rng, c, f, t, WORLDS["usual"])  # noqa: E731
                rows[f"{points} points: {clips} clips, {folds} fold{'s' * (folds > 1)}"] = share_of_claims(
                    make, power, seed, False
                )
        print_table(f"Power: one family above {families - 1} others, usual ({power} boards a row)", rows)


NULL_BOARDS, POWER_BOARDS = 200, 60


def recorded(folder: Path) -> tuple[list[str], Board]:
    """Return the families and held-out answers of a finished run of classification."""
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    items, classes = results["items"], results["classes"]
    true = np.array([classes.index(item["label"]) for item in items])
    done = [family for family in results["families"] if family["status"] == "ok"]
    right = np.array([np.array(family["details"]["predicted"]) == true for family in done])
    groups, folds = (np.array([item[key] or "" for item in items]) for key in ("group", "fold"))
    return [family["name"] for family in done], Board(right, true, groups, folds)


def print_run(folder: Path) -> None:
    """Print each procedure's p (the Bayesian test: less its posterior) of each family of a run."""
    names, board = recorded(folder)
    scores = board.scores(np.ones(len(board.true), dtype=bool))
    best = int(scores.argmax())
    others = np.flatnonzero(np.arange(len(names)) != best)
    columns = [allow(test(board, best)[others]) for test, allow in PROCEDURES.values()]
    print(f"\nRun {folder.name}: {names[best]} scores best, {100 * scores[best]:.1f} %; p of the others\n")
    print(f"{'':20}{'points':>8}" + "".join(f"{f'({n})':>9}" for n in range(1, len(columns) + 1)))
    for row, family in enumerate(others):
        line = "".join(f"{column[row]:9.4f}" for column in columns)
        print(f"{names[family]:20}{100 * (scores[family] - scores[best]):8.1f}{line}")


def main() -> None:
    """Print the tables, then the runs."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("runs", nargs="*", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tables(arguments.quick, arguments.seed)
    for folder in arguments.runs:
        print_run(folder)


if __name__ == "__main__":
    main()
