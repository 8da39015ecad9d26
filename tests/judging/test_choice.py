"""Who is called best, who is kept, and when nothing can be said."""

import numpy as np
import pytest

from mynah.judging import choice as v
from mynah.judging.choice import Contender
from mynah.judging.statistics import balanced_accuracy, bootstrap_interval
from mynah.tasks.task import Stakes


def contender(accuracies, cost, rng, true):
    said = np.where(rng.random(len(true)) < np.mean(accuracies), true, 1 - true)
    return Contender(balanced_accuracy(true, said), accuracies, said == true, cost)


def choose(contenders, true, **options):
    return v.choose(contenders, Stakes.alike(true), np.arange(len(true)), train_size=80, test_size=20, **options)


def test_choice_prefers_the_cheap_only_among_equals():
    rng = np.random.default_rng(5)
    true = np.tile([0, 1], 200)
    field = {
        "dear": contender([0.9, 0.92, 0.91, 0.9, 0.93], 5.0, rng, true),
        "cheap": contender([0.91, 0.9, 0.92, 0.89, 0.93], 1.0, rng, true),
        "poor": contender([0.6, 0.62, 0.6, 0.61, 0.6], 0.1, rng, true),
    }
    choice = choose(field, true)
    assert choice.kept == "cheap"
    assert choice.verdicts["poor"].words == "worse"
    assert "cannot be told apart" in choice.sentence or choice.best == "cheap"


def test_choice_never_keeps_a_far_worse_family_for_want_of_power():
    """Folds so noisy that no test tells: what lies below the best's interval is still not kept."""
    rng = np.random.default_rng(6)
    true = np.tile([0, 1], 200)
    field = {
        "best": contender([0.99, 0.6, 0.99, 0.6, 0.99], 5.0, rng, true),
        "small": contender([0.6, 0.62, 0.6, 0.61, 0.6], 0.1, rng, true),
    }
    choice = choose(field, true)
    assert choice.verdicts["small"].words == "lower, not proven"
    assert choice.kept == "best"
    assert "best" in choice.sentence


def test_one_family_and_the_baseline():
    rng = np.random.default_rng(7)
    true = np.tile([0, 1], 50)
    alone = {"only": contender([0.8] * 5, 1.0, rng, true)}
    assert choose(alone, true).kept == "only"
    field = {"chance": Contender(0.5, [0.5] * 5, true == 0, 0.0),
             "knn": Contender(0.5, [0.5] * 5, true == 1, 1.0)}  # fmt: skip
    assert choose(field, true, baseline="chance").kept == "knn"
    field["knn"] = Contender(0.5, [0.5] * 5, true == 1, -1.0)  # the best of equals is the smaller
    assert "kept knn, the smallest of these" in choose(field, true, baseline="chance").sentence
    gain = true == 1
    gain[:4] = True
    field["knn"] = Contender(0.52, [0.52] * 5, gain, 1.0)
    assert "kept knn, since chance is there only to be beaten" in choose(field, true, baseline="chance").sentence


def test_two_folds_that_differ_alike_prove_nothing():
    """Two equal classifiers on two small folds: a t-test on differences of no variance would cry wolf."""
    rng = np.random.default_rng(8)
    true, fold = np.tile([0, 1], 10), np.repeat([0, 1], 10)
    wolves = 0
    for _ in range(40):
        field = {}
        for name in ("one", "other"):
            said = np.where(rng.random(20) < 0.8, true, 1 - true)
            scores = [balanced_accuracy(true[fold == n], said[fold == n]) for n in (0, 1)]
            field[name] = Contender(balanced_accuracy(true, said), scores, said == true, 1.0)
        words = [
            x.words
            for x in v.choose(field, Stakes.alike(true), np.arange(20), train_size=10, test_size=10).verdicts.values()
        ]
        wolves += "worse" in words
    assert wolves <= 5


def test_folds_that_favour_the_other_do_not_make_it_worse():
    true = np.tile([0, 1], 50)
    field = {
        "pooled": Contender(0.81, [0.60, 0.61, 0.60, 0.61, 0.60], np.arange(100) < 81, 1.0),
        "folds": Contender(0.80, [0.70, 0.71, 0.71, 0.70, 0.70], np.arange(100) < 80, 2.0),
    }
    assert choose(field, true).verdicts["folds"].words == "cannot be told apart"


@pytest.mark.parametrize("recordings", [1, 2, 4])
def test_few_recordings_give_no_interval_and_no_test(recordings):
    rng = np.random.default_rng(9)
    true, groups = np.tile([0, 1], 50), np.arange(100) % recordings
    field = {name: contender([p], 1.0, rng, true) for name, p in (("a", 0.95), ("b", 0.6))}
    choice = v.choose(field, Stakes.alike(true), groups, train_size=80, test_size=20)
    assert bootstrap_interval(Stakes.alike(true), field["a"].gain, groups) is None
    assert choice.verdicts["b"] == v.Verdict("not tested", None)
    assert f"{recordings} recording" in choice.sentence
