"""Scores against closed forms, intervals by their coverage, tests by their rate of false alarms."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from mynah.judging import statistics as s
from mynah.tasks.task import Stakes


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 4, 300)
    probabilities = rng.dirichlet(np.ones(4), 300) + 0.5 * np.eye(4)[true]
    return true, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_scores_equal_scikit_learns(answers):
    true, probabilities = answers
    said = probabilities.argmax(axis=1)
    ours = s.scores(true, probabilities, 4)
    assert ours["accuracy"] == pytest.approx(metrics.accuracy_score(true, said))
    assert ours["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(true, said))
    assert ours["macro_f1"] == pytest.approx(metrics.f1_score(true, said, average="macro"))
    assert ours["log_loss"] == pytest.approx(metrics.log_loss(true, probabilities))
    assert np.array_equal(s.confusion(true, said, 4), metrics.confusion_matrix(true, said))


def test_interval_covers_at_its_rate():
    rng = np.random.default_rng(1)
    hits = 0
    for trial in range(150):
        true = np.repeat([0, 1], 60)
        said = np.where(rng.random(120) < 0.8, true, 1 - true)
        low, high = s.bootstrap_interval(Stakes.alike(true), said == true, np.arange(120), samples=300, seed=trial)
        hits += low <= 0.8 <= high
    assert 0.88 <= hits / 150 <= 0.99


def test_interval_is_wider_when_clips_come_in_groups():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(20), 10)
    true = np.tile([0, 1], 100)
    said = np.where(np.repeat(rng.random(20) < 0.7, 10), true, 1 - true)
    apart = s.bootstrap_interval(Stakes.alike(true), said == true, np.arange(200))
    together = s.bootstrap_interval(Stakes.alike(true), said == true, groups)
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


def test_corrected_t_test_by_hand():
    differences = [0.02, 0.05, 0.01, 0.04, 0.03]
    mean, variance = np.mean(differences), np.var(differences, ddof=1)
    t = mean / np.sqrt((1 / 5 + 20 / 80) * variance)
    assert s.corrected_t_test(differences, 80, 20) == pytest.approx(2 * stats.t.sf(t, 4))
    naive = stats.ttest_1samp(differences, 0).pvalue
    assert s.corrected_t_test(differences, 80, 20) > naive
    assert s.corrected_t_test([0.0] * 5, 80, 20) == 1.0
    assert np.isnan(s.corrected_t_test([0.1] * 5, 80, 20))  # no variance, no test
    with pytest.raises(ValueError, match="two folds"):
        s.corrected_t_test([0.1], 80, 20)


def test_holm_by_hand():
    assert s.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert s.holm([0.9, 0.8]) == [1.0, 1.0]
    assert s.holm([]) == []


@pytest.mark.parametrize("clips", [20, 200])
def test_paired_permutation_tells_and_does_not_cry_wolf(clips):
    rng = np.random.default_rng(3)
    true, groups = np.tile([0, 1], clips // 2), np.arange(clips)
    stakes, right = Stakes.alike(true), np.ones(clips, bool)
    noisy = [np.where(rng.random(clips) < 0.8, true, 1 - true) for _ in range(400)]
    alarms = [
        s.paired_permutation_test(stakes, one == true, other == true, groups, samples=500) < 0.05
        for one, other in zip(noisy[::2], noisy[1::2], strict=True)
    ]
    assert np.mean(alarms) <= 0.09
    assert s.paired_permutation_test(stakes, right, ~right, groups) < 0.001
    assert s.paired_permutation_test(stakes, right, right, groups) == 1.0
    assert s.paired_permutation_test(stakes, right, ~right, groups // clips) > 0.5  # one recording proves nothing


def test_temperature_is_found():
    rng = np.random.default_rng(4)
    logits = rng.normal(0, 1.5, (4000, 3))
    odds = np.exp(logits)
    fair = odds / odds.sum(axis=1, keepdims=True)
    true = np.array([rng.choice(3, p=row) for row in fair])
    sharp = s.temper(fair, 0.4)
    assert s.temperature(sharp, true) == pytest.approx(2.5, rel=0.1)
    assert s.expected_calibration_error(sharp, true) > 3 * s.expected_calibration_error(s.temper(sharp, 2.5), true)


def test_threshold_turns_away_its_share(answers):
    true, probabilities = answers
    right = probabilities.max(axis=1)[probabilities.argmax(axis=1) == true]
    threshold = s.reject_threshold(probabilities, true)
    assert (right < threshold).mean() == pytest.approx(0.05, abs=0.01)


def test_a_class_never_trained_on_does_not_wreck_the_temperature():
    rng = np.random.default_rng(5)
    true = rng.integers(0, 3, 400)
    probabilities = np.full((400, 4), 0.05)
    probabilities[np.arange(400), np.where(rng.random(400) < 0.9, true, (true + 1) % 3)] = 0.85
    probabilities[:, 3] = 0.0
    known = s.temperature(probabilities, true)
    assert s.temperature(np.concatenate([probabilities, probabilities[:40]]),
                         np.concatenate([true, np.full(40, 3)])) == pytest.approx(known, rel=0.05)  # fmt: skip
    assert s.temperature(probabilities[:1], np.array([3])) == 1.0


def test_a_perfect_score_is_not_certain():
    true = np.tile([0, 1], 25)
    low, high = s.bootstrap_interval(Stakes.alike(true), np.ones(50, bool), np.arange(50))
    assert low == pytest.approx(stats.binomtest(50, 50).proportion_ci(method="exact").low)
    assert high == 1.0
    assert s.bootstrap_interval(Stakes.alike(true), np.zeros(50, bool), np.arange(50)) == pytest.approx((0.0, 1 - low))
