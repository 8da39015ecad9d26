"""What judges made sounds, against values computed by hand or by another way."""

import numpy as np
import pytest

from mynah.judging import likeness

RNG = np.random.default_rng(0)


def test_mmd2_by_hand():
    """Two points each on a line, width 1: k(0,1) = e^-1/2, k(3,5) = e^-2; between: 3, 5, 2, 4 apart."""
    real, made = np.array([[0.0], [1.0]]), np.array([[3.0], [5.0]])
    between = np.exp([-9 / 2, -25 / 2, -4 / 2, -16 / 2]).mean()
    assert likeness.mmd2(real, made, 1.0) == pytest.approx(np.exp(-0.5) + np.exp(-2.0) - 2 * between)


def test_mmd2_is_unbiased_and_grows():
    """Of one distribution the mean over many draws is zero; of another it is above; a biased one would be too."""
    draws = [likeness.mmd2(RNG.normal(size=(12, 3)), RNG.normal(size=(12, 3)), 1.5) for _ in range(400)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / np.sqrt(len(draws))
    assert min(draws) < 0
    far = [likeness.mmd2(RNG.normal(size=(12, 3)), RNG.normal(1, 1, size=(12, 3)), 1.5) for _ in range(50)]
    assert np.mean(far) > 0.15


def test_interval_covers_the_true_discrepancy():
    """About 95 of 100 intervals hold the value that a sample of thousands has."""
    true = likeness.mmd2(RNG.normal(size=(3000, 2)), RNG.normal(1, 1, size=(3000, 2)), 1.5)
    inside = 0
    for seed in range(60):
        real, made = RNG.normal(size=(40, 2)), RNG.normal(1, 1, size=(40, 2))
        low, high = likeness.mmd2_interval(real, made, 1.5, seed=seed)
        inside += low <= true <= high
    assert 50 <= inside <= 60


def test_likeness_is_one_less_the_discrepancy():
    real, made = RNG.normal(size=(9, 2)), RNG.normal(0.7, 1, size=(9, 2))
    parts = likeness.likeness(real, made, 1.2, far=0.3)
    assert parts.mean() == pytest.approx(1 - likeness.mmd2(real, made, 1.2) / 0.3)
    assert likeness.likeness(real, made, 1.2, far=likeness.mmd2(real, made, 1.2)).mean() == pytest.approx(0)


def test_a_part_is_the_influence_of_its_pair():
    """Leaving a pair out moves the likeness by its part's distance from the mean, over the pairs that are left."""
    real, made = RNG.normal(size=(60, 2)), RNG.normal(0.7, 1, size=(60, 2))
    parts = likeness.likeness(real, made, 1.2, far=0.3)
    for pair in (0, 17, 59):
        others = np.arange(60) != pair
        moved = parts.mean() - likeness.likeness(real[others], made[others], 1.2, far=0.3).mean()
        assert moved == pytest.approx((parts[pair] - parts.mean()) / 59, abs=3e-3)


def test_the_spread_of_likeness_is_that_of_its_parts():
    """The deviation over independent draws is what the parts of one draw say."""
    drawn, said = [], []
    for _ in range(200):
        parts = likeness.likeness(RNG.normal(size=(40, 2)), RNG.normal(1, 1, size=(40, 2)), 1.5, far=0.5)
        drawn.append(parts.mean())
        said.append(parts.std() / np.sqrt(40))
    assert np.mean(said) == pytest.approx(np.std(drawn), rel=0.2)


def test_diversity_by_hand():
    """Distances 2, 4, 2 (mean 8/3) against 1, 2, 1 (mean 4/3)."""
    real, made = np.array([[0.0], [2.0], [4.0]]), np.array([[7.0], [8.0], [9.0]])
    assert likeness.diversity(real, made) == pytest.approx(0.5)
    assert likeness.diversity(real, np.ones((3, 1))) == 0
    assert likeness.diversity(np.ones((3, 1)), real) == 0


def test_standardised_by_the_training_clips_alone():
    train, other = np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[4.0, 6.0]])
    first, second = likeness.standardised(train, other)
    assert first.tolist() == [[-1, 0], [1, 0]]
    assert second.tolist() == [[2, 1]]


def test_named_right():
    train = np.concatenate([RNG.normal(-2, 0.5, (20, 2)), RNG.normal(2, 0.5, (20, 2))])
    labels = np.repeat(["low", "high"], 20)
    real, made = likeness.named_right(train, labels, np.array([[-2.0, -2.0]]), np.array([[2.0, 2.0], [-2.0, -2.0]]))
    assert real.tolist() == ["low"]
    assert made.tolist() == ["high", "low"]


def sounds(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.uniform(-50, 0, (int(rng.integers(20, 30)), 6)) for _ in range(count)]


def test_course_distance_by_hand():
    """Levelled by 3 dB, bands differ by 0 and 6 dB; the third is as silence in both and does not count."""
    one, other = np.array([[0.0, -10.0, -70.0]], np.float32), np.array([[-3.0, -19.0, -50.0]], np.float32)
    assert likeness.course_distance(one, other, 0) == pytest.approx(np.sqrt((0**2 + 6**2) / 2))
    longer = np.array([[0.0, -10.0, -70.0], [-90, -90, -90], [-20.0, -40.0, -40.0]], np.float32)
    assert likeness.course_distance(longer, one, 0) == pytest.approx(np.sqrt(20**2 / 3))  # it has what the other lacks
    assert likeness.course_distance(one, longer, 0) == 0  # it is the beginning of the other


def test_a_part_is_as_near_as_the_whole_but_for_a_very_short_one():
    known, other = sounds(2)
    assert likeness.course_distance(known[:9], known, 5) == 0
    assert likeness.course_distance(known[8:], known[5:], 5) == 0  # begun later
    assert likeness.course_distance(known[:5], other, 5) > 5
    for frames in (1, 2, 4):  # beyond its end the known one's first five count as beside silence
        assert likeness.course_distance(known[:frames], known, 5) > 5
        assert likeness.course_distance(known[:frames], known[:frames], 5) == 0


def test_a_fade_does_not_count():
    (known,) = sounds(1)
    faded = known[:12] - np.array([0.0] * 10 + [9.0, 30.0])[:, None]
    assert likeness.course_distance(faded, known, 5) > 1
    assert likeness.course_distance(faded, known, 5, edges=(0, 2)) == 0


@pytest.mark.parametrize("end", [False, True])
def test_the_frame_beyond_an_end_hears_a_part_of_it(end):
    (known,) = sounds(1)
    beside = [known, known[-1:] - 6, np.full((4, 6), likeness.EMPTY_DB)]
    sound = np.concatenate(beside if end else [known[:1] - 6, known])
    assert likeness.course_distance(sound, known, 5) == 0


@pytest.mark.parametrize("late", [0, 3, 5])
def test_a_shifted_and_quieter_copy_is_found(late):
    known = sounds(12)
    vectors = np.stack([s.mean(axis=0) for s in known])
    copy = np.concatenate([np.full((late, 6), likeness.EMPTY_DB), known[7]]) - 12.0
    found, distance = likeness.nearest([copy], vectors[7:8], known, vectors, 5)
    assert found.tolist() == [7]
    assert distance[0] < 1e-3
    _, apart = likeness.nearest(known, vectors, known, vectors, 5, own=np.arange(12))
    assert distance[0] < likeness.copy_threshold(apart) < apart.max()


def test_a_copy_beyond_the_shift_is_not_taken_for_one():
    known = sounds(2)
    late = np.concatenate([np.full((6, 6), likeness.EMPTY_DB), known[0]])
    assert likeness.course_distance(late, known[0], 5) > 5
    assert likeness.course_distance(late, known[0], 6) == 0


def test_own_clips_and_twins_do_not_count():
    known = sounds(4)
    vectors = np.stack([s.mean(axis=0) for s in known])
    found, apart = likeness.nearest(known, vectors, known, vectors, 2, own=np.arange(4))
    assert (found != np.arange(4)).all()
    assert likeness.copy_threshold(np.concatenate([apart, [0.0, 0.0]])) == likeness.copy_threshold(apart) > 0
    assert likeness.copy_threshold(np.zeros(3)) == likeness.COPY_DB
    assert likeness.copy_threshold(np.full(9, 0.14)) == likeness.COPY_DB
    assert likeness.copy_threshold(np.full(9, 2.5)) == 2.5
