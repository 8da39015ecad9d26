"""Scores against closed forms, intervals by their coverage, tests by their rate of false alarms."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics

from mynah.judging import statistics as s
from mynah.tasks import by_name

METRIC = by_name("classify").metric


def counted(true, right):
    """Return the statistics of classes and right answers."""
    one_hot = np.eye(int(true.max()) + 1)[true]
    return np.hstack([one_hot, one_hot * np.asarray(right)[:, None]])


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
        low, high = s.bootstrap_interval(METRIC, counted(true, said == true), np.arange(120), samples=300, seed=trial)
        hits += low <= 0.8 <= high
    assert 0.88 <= hits / 150 <= 0.99


def test_interval_is_wider_when_clips_come_in_groups():
    rng = np.random.default_rng(2)
    groups = np.repeat(np.arange(20), 10)
    true = np.tile([0, 1], 100)
    said = np.where(np.repeat(rng.random(20) < 0.7, 10), true, 1 - true)
    apart = s.bootstrap_interval(METRIC, counted(true, said == true), np.arange(200))
    together = s.bootstrap_interval(METRIC, counted(true, said == true), groups)
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


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
    low, high = s.bootstrap_interval(METRIC, counted(true, np.ones(50, bool)), np.arange(50))
    assert low == pytest.approx(stats.binomtest(50, 50).proportion_ci(method="exact").low)
    assert high == 1.0
    none_right = s.bootstrap_interval(METRIC, counted(true, np.zeros(50, bool)), np.arange(50))
    assert none_right == pytest.approx((0.0, 1 - low))
