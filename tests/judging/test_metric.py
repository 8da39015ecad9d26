"""Metrics: how scores are written, ranked and read back."""

import numpy as np
import pytest

from mynah.judging.metric import NONE, Metric, share
from mynah.tasks import by_name

DB = Metric("esr", "error", "dB", higher_is_better=False, function=lambda t: 10 * np.log10(t[..., 0] / t[..., 1]))


def test_shares_are_written_in_percent_rounded_half_up():
    accuracy = share("accuracy", "accuracy")
    assert accuracy.show(347 / 400) == "86.8 %"
    assert accuracy.show(0.5, 0) == "50 %"
    assert accuracy.show(-0.0001) == "0.0 %"
    assert accuracy.show_gap(0.041) == "4.1 points"
    assert accuracy.show_interval([0.819, 0.889]) == "81.9 to 88.9 %"
    assert accuracy.show_interval([None, None]) == ""
    assert accuracy.show(None) == accuracy.show(float("nan")) == NONE


def test_a_lower_score_is_better_where_the_metric_says_so():
    assert DB.show(-12.34) == "-12.3 dB"
    assert DB.better(-20.0, -12.0)
    assert not DB.better(-12.0, -20.0)
    assert sorted([None, -12.0, -20.0], key=DB.rank) == [-20.0, -12.0, None]
    assert share("a", "a").rank(0.9) < share("a", "a").rank(0.2) < share("a", "a").rank(None)


def test_a_metric_of_a_document_writes_the_same_but_cannot_score():
    read = Metric.from_json(DB.to_json())
    assert read.show(3.14) == DB.show(3.14)
    with pytest.raises(ValueError, match="no function"):
        read.score(np.ones(2))


def test_balanced_accuracy_equals_its_definition_whatever_classes_occur():
    task, names = by_name("classify"), np.array(["a", "b", "c"])
    labels = np.array(["a", "a", "a", "b"])
    found = task.statistics(labels, np.eye(3)[[0, 0, 1, 1]], names)
    assert task.metric.score(found.sum(axis=0)) == pytest.approx((2 / 3 + 1) / 2)
    assert np.array_equal(found, task.statistics(labels, np.array([0, 0, 1, 1]), names))
    assert task.metric.score(np.stack([found.sum(axis=0)] * 2)).shape == (2,)
