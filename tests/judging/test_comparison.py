"""How sure a gap is: known answers, what must not matter, and how often equal families are told apart."""

import numpy as np
import pytest
from scipy.stats import binom, studentized_range

from mynah.judging import comparison as c

CLIPS = 200


def accuracy(totals):
    return totals[..., 0] / totals[..., 1]


def balanced_accuracy(totals):
    count, right = np.split(totals, 2, axis=-1)
    return (np.where(count > 0, right / np.maximum(count, 1), 0)).sum(axis=-1) / (count > 0).sum(axis=-1)


def rmse(totals):
    return np.sqrt(totals[..., 0] / totals[..., 1])


def answers(right):
    return np.stack([right, np.ones(len(right))], axis=1).astype(float)


def drawn(seed, *rates, clips=CLIPS):
    rng = np.random.default_rng(seed)
    return [answers(rng.random(clips) < rate) for rate in rates]


def compare(a, b, groups=None, folds=None, score=accuracy, higher=True):
    groups = np.arange(len(a)) if groups is None else groups
    folds = np.arange(len(a)) % 5 if folds is None else folds
    return c.compare(a, b, groups, folds, score, higher_is_better=higher)


def test_influence_of_a_mean_is_each_cells_deviation():
    (a,) = drawn(0, 0.7, clips=40)
    layout = c.Layout.of(np.arange(40) // 2, np.arange(40) // 20)
    expected = (a[:, 0] - a[:, 0].mean()).reshape(20, 2).sum(axis=1) / 40
    np.testing.assert_allclose(c.influence(a, layout, accuracy), expected, atol=1e-9)


def test_without_training_variance_the_interval_is_that_of_paired_means(monkeypatch):
    monkeypatch.setattr(c, "TRAINING_VARIANCE", 1e-12)
    a, b = drawn(1, 0.8, 0.75, clips=4000)
    found = compare(a, b, folds=np.zeros(4000))
    difference = a[:, 0] - b[:, 0]
    error = 1.96 * difference.std() / np.sqrt(4000)
    assert found.gap == pytest.approx(difference.mean())
    assert found.high - found.gap == pytest.approx(error, rel=0.01)


def test_few_recordings_that_differ_are_as_in_the_sign_test(monkeypatch):
    """Of 100 recordings 8 differ, all for A: without training variance, near the exact one-sided 1/2^8."""
    monkeypatch.setattr(c, "TRAINING_VARIANCE", 1e-12)
    a, b = answers(np.ones(100)), answers(np.arange(100) >= 8)
    unsure = 1 - compare(a, b, folds=np.zeros(100)).probability
    assert 0.5 * binom.pmf(8, 8, 0.5) < unsure < 2 * binom.pmf(8, 8, 0.5)


def test_identical_answers_are_even():
    (a,) = drawn(2, 0.8)
    assert compare(a, a) == c.Comparison(0.0, 0.0, 0.0, 0.5)


def test_all_right_against_all_wrong_is_sure_and_has_an_interval():
    found = compare(answers(np.ones(100)), answers(np.zeros(100)))
    assert found.probability > 0.999
    assert 0.5 < found.low < found.gap == 1.0


@pytest.mark.parametrize("folds", [1, 2, 3, 10])
def test_thirty_points_are_sure_with_any_number_of_folds(folds):
    a, b = drawn(3, 0.88, 0.58, clips=400)
    found = compare(a, b, folds=np.arange(400) % folds)
    assert found.probability > 0.99
    assert found.low > 0


@pytest.mark.parametrize("count", [1, 4])
def test_few_recordings_have_no_answer(count):
    a, b = drawn(4, 0.9, 0.1)
    assert compare(a, b, groups=np.arange(CLIPS) % count) is None
    assert compare(a, b, groups=np.arange(CLIPS) % 5) is not None


def test_order_of_items_and_names_do_not_matter():
    a, b = drawn(5, 0.8, 0.7)
    groups, folds = np.arange(CLIPS) // 2, np.arange(CLIPS) // 40
    found = compare(a, b, groups, folds)
    order = np.random.default_rng(0).permutation(CLIPS)
    other = compare(a[order], b[order], np.array([f"g{g}" for g in groups[order]]), 10 - folds[order])
    assert (other.gap, other.low, other.probability) == pytest.approx((found.gap, found.low, found.probability))


def test_swapped_families_have_the_opposite_answer():
    a, b = drawn(6, 0.8, 0.7)
    one, other = compare(a, b), compare(b, a)
    assert one.probability > 0.8
    assert other.probability == pytest.approx(1 - one.probability)
    assert (other.gap, other.low, other.high) == pytest.approx((-one.gap, -one.high, -one.low))


def test_scale_and_direction_do_not_matter():
    """Errors in units a thousand times as large, and a score of which less is better."""
    rng = np.random.default_rng(7)
    errors = rng.chisquare(1, (2, CLIPS)) * np.array([[1.0], [2.0]])
    a, b = (np.stack([e, np.ones(CLIPS)], axis=1) for e in errors)
    found = compare(a, b, score=rmse, higher=False)
    assert found.gap > 0
    assert found.probability > 0.9
    scaled = compare(a, b, score=lambda totals: 1000 * rmse(totals), higher=False)
    negative = compare(a, b, score=lambda totals: -rmse(totals))
    assert scaled.probability == pytest.approx(found.probability, rel=1e-6)
    assert scaled.high == pytest.approx(1000 * found.high, rel=1e-6)
    assert (negative.gap, negative.probability) == pytest.approx((found.gap, found.probability))


def test_smooth_change_of_score_hardly_matters():
    """Decibels of the same squared error rank and part families as their root does."""
    rng = np.random.default_rng(8)
    a, b = (np.stack([rng.chisquare(1, 400) * s, np.ones(400)], axis=1) for s in (1.0, 1.15))
    decibels = compare(a, b, score=lambda t: 10 * np.log10(t[..., 0] / t[..., 1]), higher=False)
    assert decibels.probability == pytest.approx(compare(a, b, score=rmse, higher=False).probability, abs=0.01)


def test_a_class_of_one_recording_and_no_item_wrong_are_no_trouble():
    true = np.r_[np.arange(99) % 3, 3]
    one = np.eye(4)[true]
    right = np.arange(100) % 4 > 0
    a, b = (np.concatenate([one, one * r[:, None]], axis=1) for r in (np.ones(100), right))
    found = compare(a, b, score=balanced_accuracy)
    assert np.isfinite([found.low, found.high]).all()
    perfect = np.stack([np.zeros(100), np.ones(100)], axis=1)
    assert compare(perfect, perfect + np.array([0.5, 0]), score=rmse, higher=False).probability > 0.99


def test_clips_of_one_recording_are_not_many_recordings():
    a, b = (np.repeat(x, 10, axis=0) for x in drawn(9, 0.85, 0.6, clips=20))
    recordings = np.repeat(np.arange(20), 10)
    folds = recordings % 5
    by_recording, by_clip = compare(a, b, recordings, folds), compare(a, b, np.arange(200), folds)
    assert by_recording.high - by_recording.low > 1.5 * (by_clip.high - by_clip.low)


def test_folds_that_disagree_are_tell_less():
    a, b = answers(np.ones(100)), answers(np.arange(100) % 5 > 0)
    even, uneven = np.arange(100) // 5 % 5, np.where(np.arange(100) % 5 == 0, 0, 1 + np.arange(100) % 4)
    wide, narrow = compare(a, b, folds=uneven), compare(a, b, folds=even)
    assert wide.high - wide.low > 1.05 * (narrow.high - narrow.low)
    assert wide.probability < narrow.probability


def test_each_fold_one_recording():
    """One speaker left out at a time: recordings and training sets cannot be told apart, and both count."""
    rates = np.repeat([0.9, 0.5, 0.9, 0.8, 0.7, 0.9], 30)
    rng = np.random.default_rng(10)
    a, b = answers(rng.random(180) < rates), answers(rng.random(180) < rates[::-1] - 0.1)
    speakers = np.repeat(np.arange(6), 30)
    found = compare(a, b, speakers, speakers)
    assert 0.05 < found.probability < 0.99


@pytest.mark.parametrize("families", [2, 5, 11])
def test_range_tail_is_tukeys(families):
    gaps = np.array([0.5, 1.0, 2.0, 3.2])
    expected = studentized_range.sf(np.sqrt(2) * gaps, families, np.inf)
    np.testing.assert_allclose(c.range_tail(gaps, families), expected, atol=1e-6)


def test_allowance_for_the_choice():
    assert c.allow_for_choice([]) == []
    assert c.allow_for_choice([0.93]) == pytest.approx([0.93], abs=1e-6)
    many = c.allow_for_choice([0.98] * 10)
    assert max(many) < 0.9  # the best of eleven looks better than it is
    stepped = c.allow_for_choice([0.98, 1.0, 1.0, 1.0])  # those clearly worse leave the field
    assert stepped[0] == pytest.approx(0.98, abs=1e-6)
    mixed = c.allow_for_choice([0.6, 0.999, 0.9])
    assert mixed[1] > mixed[2] >= mixed[0] >= 0.5
    assert c.allow_for_choice([1.0]) == [1.0]


def boards(families, count, folds, training):
    """Yield equal families on 100 clips with a training effect a fold, a fifth of it common to all folds."""
    for seed in range(count):
        rng = np.random.default_rng(seed)
        fold = np.arange(100) % folds
        effect = np.sqrt(0.2) * rng.standard_normal((families, 1)) + np.sqrt(0.8) * rng.standard_normal(
            (families, folds)
        )
        hard = rng.standard_normal(100)
        right = 1.2 + hard + rng.standard_normal((families, 100)) + training * effect[:, fold] > 0
        yield fold, sorted((answers(r) for r in right), key=lambda a: -a[:, 0].sum())


def wrong_claims(**options):
    wrong = 0
    for fold, (best, *others) in boards(**options):
        found = [compare(best, other, folds=fold).probability for other in others]
        wrong += max(c.allow_for_choice(found)) >= c.SURE
    return wrong


@pytest.mark.parametrize(("families", "folds"), [(2, 5), (8, 5), (2, 1)])
def test_equal_families_are_seldom_told_apart(families, folds):
    """Of 120 boards 5 % are 6; the range of all families, the recordings and the folds each matter here."""
    assert wrong_claims(families=families, count=120, folds=folds, training=0.15) <= 9


def test_pairs_are_not_called_equal_too_often():
    """Calibration: of equal pairs 20 % should be 90 % sure of either; with room for the prior of training."""
    sure = [
        compare(best, other, folds=fold).probability
        for fold, (best, other) in boards(families=2, count=200, folds=5, training=0.15)
    ]
    assert 0.10 < np.mean(np.array(sure) > 0.9) < 0.26
