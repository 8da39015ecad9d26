"""Who is best, as good, unclear or worse; who is kept; and the sentence."""

from dataclasses import dataclass

import numpy as np
import pytest

from mynah.judging.choice import Contender, choose


@dataclass(frozen=True)
class Accuracy:
    higher_is_better = True

    def score(self, totals):
        return totals[..., 0] / totals[..., 1]

    def show(self, value):
        return f"{100 * value:.1f} %"

    def show_gap(self, difference):
        return f"{100 * difference:.1f} points"


@dataclass(frozen=True)
class Decibels(Accuracy):
    higher_is_better = False

    def score(self, totals):
        return 10 * np.log10(totals[..., 0] / totals[..., 1])

    def show(self, value):
        return f"{value:.1f} dB"

    def show_gap(self, difference):
        return f"{difference:.1f} dB"


def right(share, megabytes, clips=400, seed=0):
    """Return a family that is right on this share of the clips, exactly, in an order of its own."""
    order = np.random.default_rng(seed).permutation(clips)
    return Contender(np.stack([order < round(share * clips), np.ones(clips)], axis=1).astype(float), megabytes)


def chosen(metric=None, clips=400, groups=None, **contenders):
    groups = np.arange(clips) if groups is None else groups
    return choose(contenders, metric or Accuracy(), groups, np.arange(clips) % 5, baseline="chance")


def test_a_family_far_below_is_worse_and_the_smallest_as_good_is_kept():
    choice = chosen(
        resnet=right(0.895, 5.0, seed=1),
        forest=right(0.885, 1.0, seed=2),
        logistic=right(0.84, 0.1, seed=3),
        knn=right(0.585, 0.2, seed=4),
    )
    assert (choice.best, choice.kept) == ("resnet", "forest")
    kinds = {name: verdict.kind for name, verdict in choice.verdicts.items()}
    assert kinds == {"resnet": "best", "forest": "as good", "logistic": "unclear", "knn": "worse"}
    assert choice.verdicts["resnet"].probability_best_is_better is None
    assert choice.verdicts["knn"].probability_best_is_better > 0.999
    assert 0.5 < choice.verdicts["forest"].probability_best_is_better < 0.84
    assert choice.verdicts["knn"].gap == pytest.approx(0.31)
    low, high = choice.verdicts["knn"].interval
    assert 0.2 < low < 0.31 < high < 0.42
    sure = choice.verdicts["logistic"].probability_best_is_better
    assert choice.sentence == (
        "resnet scores best: 89.5 % on 400 clips; forest is as good (1.0 points behind); logistic may be worse "
        f"(5.5 points behind, {100 * sure:.0f} % sure); knn is worse by 31.0 points (over 99 % sure); "
        "kept forest, the smallest of these (1.0 points behind)."
    )


def test_many_families_are_counted():
    field = {f"f{n}": right(0.3 + n / 100, 1.0, seed=n) for n in range(4)}
    choice = chosen(top=right(0.9, 9.0, seed=9), **field)
    assert choice.kept == "top"
    assert "every other family is worse by 57.0 to 60.0 points (over 99 % sure); kept top." in choice.sentence
    choice = chosen(top=right(0.9, 9.0, seed=9), near=right(0.9, 10.0, seed=10), **field)
    assert "4 others are worse by" in choice.sentence
    assert "near is as good (0.0 points behind)" in choice.sentence
    assert "kept top, the smallest of these" in choice.sentence


def test_the_best_of_many_equals_must_be_clearer():
    """A gap that is sure of two families is unclear where ten score as low."""
    pair = chosen(a=right(0.90, 1.0, seed=1), b=right(0.80, 1.0, seed=2))
    many = chosen(a=right(0.90, 1.0, seed=1), **{f"b{n}": right(0.80, 1.0, seed=n) for n in range(2, 12)})
    assert pair.verdicts["b"].kind == "worse"
    assert many.verdicts["b2"].kind == "unclear"
    assert many.verdicts["b2"].gap == pair.verdicts["b"].gap


def test_decibels_of_which_less_is_better():
    rng = np.random.default_rng(3)
    quiet, loud = (Contender(np.stack([rng.chisquare(9, 400) * s, np.ones(400)], axis=1), 1.0) for s in (1.0, 1.6))
    choice = chosen(Decibels(), quiet=quiet, loud=loud)
    assert choice.best == choice.kept == "quiet"
    assert choice.verdicts["loud"].kind == "worse"
    assert choice.verdicts["loud"].gap == pytest.approx(10 * np.log10(1.6), abs=0.3)
    assert "quiet scores best: 9." in choice.sentence
    assert " dB (over 99 % sure); kept quiet." in choice.sentence


def test_the_baseline_is_not_kept_while_another_is_as_good():
    same = right(0.5, 1.0, seed=1)
    choice = chosen(chance=Contender(same.statistics, 0.0), knn=same)
    assert (choice.best, choice.kept) == ("chance", "knn")
    choice = chosen(chance=right(0.5, 0.0, seed=1), knn=right(0.51, 1.0, seed=2))
    assert choice.kept == "knn"
    assert choice.sentence.endswith("kept knn, since chance is the baseline.")
    assert chosen(chance=right(0.5, 0.0, seed=1), knn=right(0.2, 1.0, seed=2)).kept == "chance"


def test_equals_rank_by_size_then_by_name():
    same = right(0.8, 2.0)
    field = {"c": same, "b": same, "a": Contender(same.statistics, 3.0)}
    assert chosen(**field).best == chosen(**dict(reversed(field.items()))).best == "b"
    verdict = chosen(**field).verdicts["a"]
    assert (verdict.kind, verdict.probability_best_is_better, verdict.gap) == ("as good", 0.5, 0.0)


def test_one_family_alone():
    choice = chosen(only=right(0.8, 1.0))
    assert (choice.best, choice.kept) == ("only", "only")
    assert choice.sentence == "only scores best: 80.0 % on 400 clips; no other family was tried."


@pytest.mark.parametrize("recordings", [1, 4])
def test_few_recordings_test_nothing(recordings):
    choice = chosen(a=right(0.9, 2.0, seed=1), b=right(0.3, 1.0, seed=2), groups=np.arange(400) % recordings)
    assert choice.kept == "a"
    assert choice.verdicts["b"].kind == "not tested"
    assert choice.verdicts["b"].probability_best_is_better is choice.verdicts["b"].interval is None
    assert f"takes 5 recordings or more, and these are of {recordings} recording" in choice.sentence
