"""Judging made sounds without ears: plain functions of what was made, what was held out and what was learned from.

Vectors are (sound, feature) float64, standardised by the training clips; `real` were held out, `made` are of a model,
both in the same number. Each function says what its figure can show and what it cannot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Resamples of an interval.
RESAMPLES = 1000
#: Bands quieter than this below a sound's loudest are as silence, in dB: copies with noise 30 dB below them are then
#: all found, and with noise 20 dB below 98 of 100 of one-shot samples and 3 in 4 of synthesised sounds.
RANGE_DB = 40.0
#: What a band of silence has, in dB.
EMPTY_DB = -100.0
#: Sounds that are nearest by their statistics, among which the nearest by their course is looked for.
CANDIDATES = 32
#: A sound is a copy when it is nearer to a training clip than all but this share of training clips to another.
COPY_SHARE = 0.01
#: A sound nearer than this, in dB, is always a copy: of clips that are all alike, that share may be nearer still.
COPY_DB = 1.0


def standardised(train: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return `train` and `others` with zero mean and unit deviation a feature, by the statistics of `train`."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    scale = np.where(deviation > 1e-6 * np.maximum(1.0, np.abs(mean)), deviation, 1.0)
    return tuple((np.asarray(x, dtype=np.float64) - mean) / scale for x in (train, *others))


def squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (x, y) squared Euclidean distances."""
    inner = x @ y.T
    squared: np.ndarray = np.maximum((x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1)[None] - 2 * inner, 0.0)
    return squared


def usual_distance(x: np.ndarray) -> float:
    """Return the median distance between two of these: the width of the kernel (Gretton et al. 2012, section 8)."""
    pairs = squared_distances(x, x)[np.triu_indices(len(x), 1)]
    return float(np.sqrt(np.median(pairs))) or 1.0


def kernel(x: np.ndarray, y: np.ndarray, width: float) -> np.ndarray:
    """Return the Gaussian kernel exp(-|x - y|^2 / (2 width^2)), (x, y)."""
    return np.exp(-squared_distances(x, y) / (2 * width**2))


def mmd2(real: np.ndarray, made: np.ndarray, width: float) -> float:
    """Return the unbiased squared maximum mean discrepancy (Gretton et al. 2012, eq. 3).

    It is zero in the mean for two samples of one distribution, so small values may be negative. It shows that made
    sounds differ as a crowd from real ones in their statistics; it does not show that one of them sounds good, and
    copies of the training clips have a low one.
    """
    ones = np.ones(len(real)), np.ones(len(made))
    return _weighted(*_kernels(real, made, width), *ones)


def mmd2_interval(real: np.ndarray, made: np.ndarray, width: float, *, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of `mmd2`: both crowds are resampled, and no sound is paired with itself."""
    kernels = _kernels(real, made, width)
    rng = np.random.Generator(np.random.Philox(seed))
    drawn = []
    for _ in range(RESAMPLES):
        weights = [np.bincount(rng.integers(0, n, n), minlength=n).astype(float) for n in (len(real), len(made))]
        if all((w > 0).sum() > 1 for w in weights):
            drawn.append(_weighted(*kernels, *weights))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _kernels(real: np.ndarray, made: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the kernels within both crowds, without the diagonal, and between them."""
    within = [kernel(x, x, width) for x in (real, made)]
    for each in within:
        np.fill_diagonal(each, 0.0)
    return within[0], within[1], kernel(real, made, width)


def _weighted(
    of_real: np.ndarray, of_made: np.ndarray, between: np.ndarray, real: np.ndarray, made: np.ndarray
) -> float:
    """Return the discrepancy of crowds in which each sound counts as often as its weight says."""
    within = [w @ k @ w / (w.sum() ** 2 - (w**2).sum()) for k, w in ((of_real, real), (of_made, made))]
    return float(sum(within) - 2 * real @ between @ made / (real.sum() * made.sum()))


def likeness(real: np.ndarray, made: np.ndarray, width: float, far: float) -> np.ndarray:
    """Return what each pair of a real and a made sound adds to the likeness of the two crowds, their mean.

        likeness = 1 - MMD^2(real, made) / far

    It is 1 in the mean for two samples of one distribution and 0 for made sounds as far off as `far`, whatever the
    family, which is what families are ranked by; it can be negative. A pair's part is its influence on the likeness,
    so that intervals and tests over pairs are right to first order.

    Args:
        real, made: (sound, feature), as many of both, at least two.
        far: a discrepancy to compare with, such as that of white noise.
    """
    of_real, of_made, between = _kernels(real, made, width)
    count = len(real)
    parts = (of_real + of_made).sum(axis=1) / (count - 1) - between.mean(axis=0) - between.mean(axis=1)
    influence: np.ndarray = 1 - (2 * parts - parts.mean()) / far
    return influence


def diversity(real: np.ndarray, made: np.ndarray) -> float:
    """Return the mean distance between two made sounds over that between two real ones.

    Near 1 they vary as real ones do; near 0 they are all the same. It says nothing of how they sound: noise of many
    kinds is diverse.
    """
    means = [float(np.sqrt(squared_distances(x, x)[np.triu_indices(len(x), 1)]).mean()) for x in (real, made)]
    return means[1] / means[0] if means[0] > 0 else 0.0


def named_right(train: np.ndarray, labels: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    """Return the label that a support vector machine of the training clips gives to each sound of `others`.

    Made sounds that are named as they were asked for have what tells the classes apart; they may lack all else, and
    a machine of few clips errs on real ones too, so its share on held-out clips belongs beside it.
    """
    from sklearn.svm import SVC

    machine = SVC(C=10.0, class_weight="balanced").fit(train, labels)
    return [machine.predict(x) for x in others]


# --- copies


def levelled(frames: np.ndarray) -> np.ndarray:
    """Return log-mel frames (..., time, band) in dB below their loudest, down to `RANGE_DB`: copies may be louder."""
    below: np.ndarray = np.maximum(frames - frames.max(axis=(-2, -1), keepdims=True), -RANGE_DB)
    return below.astype(np.float32)


def course_distance(sound: np.ndarray, known: np.ndarray, shift: int, edges: tuple[int, int] = (0, 0)) -> float:
    """Return how far a sound is from a known one, as far as the sound goes: the part of a clip is as near as the whole.

    It is the root mean square difference in dB, each levelled, over the cells in which either is louder than
    `RANGE_DB` below its loudest, at the best of shifts up to `shift` frames. What only the sound has counts as beside
    silence; so does what only the known one has within its first `shift` frames, since little is like much.

    Args:
        sound, known: log-mel frames (time, band).
        shift: the known one may begin so many frames earlier or later.
        edges: how many of the sound's first frames rise, and of its last fade: these do not count.
    """
    length = max(len(sound), min(len(known), shift))
    still = np.full((length, sound.shape[1]), EMPTY_DB, np.float32)
    still[: len(sound)] = sound
    moved = np.full((2 * shift + max(length, len(known)), sound.shape[1]), EMPTY_DB, np.float32)
    moved[shift : shift + len(known)] = known
    number = np.arange(len(moved)) - shift  # of the known one's frame; those next to its ends hear a part of it
    real = (number != -1) & (number != len(known))
    own = np.arange(length)
    last = max(1, len(sound) - edges[1])
    own = own[(own >= min(edges[0], last - 1)) & (own < last) | (own >= len(sound))]
    places = np.arange(2 * shift + 1)[:, None] + own
    one, other = levelled(still[own]), levelled(moved[places])
    counts = (np.maximum(one, other) > -RANGE_DB) & real[places][..., None]
    squares = (np.square(one - other) * counts).sum(axis=(1, 2)) / np.maximum(counts.sum(axis=(1, 2)), 1)
    return float(np.sqrt(squares.min()))


def nearest(
    sounds: Sequence[np.ndarray],
    vectors: np.ndarray,
    others: Sequence[np.ndarray],
    other_vectors: np.ndarray,
    shift: int,
    edges: tuple[int, int] = (0, 0),
    *,
    own: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of the nearest of `others` to each sound, and its `course_distance`.

    Args:
        sounds, others: log-mel frames.
        vectors, other_vectors: their statistics, by which the `CANDIDATES` are chosen.
        shift, edges: see `course_distance`.
        own: (sound,) number of each sound among the others, which does not count; None where they are none of them.
    """
    table = squared_distances(vectors, other_vectors)
    if own is not None:
        table[np.arange(len(own)), own] = np.inf
    found, distances = np.zeros(len(sounds), dtype=int), np.zeros(len(sounds))
    for number, sound in enumerate(sounds):
        chosen = np.argsort(table[number], kind="stable")[:CANDIDATES]
        chosen = chosen[np.isfinite(table[number, chosen])]
        course = [course_distance(sound, others[int(i)], shift, edges) for i in chosen]
        found[number], distances[number] = chosen[int(np.argmin(course))], min(course)
    return found, distances


def copy_threshold(distances: np.ndarray) -> float:
    """Return the distance below which a sound is a copy, from those of training clips to their nearest other one.

    It is their first percentile, and at least `COPY_DB`; clips that are there twice (distance zero) do not count. A
    sound beyond it is no copy in its course, which does not say that it owes nothing to one clip.
    """
    apart = distances[distances > 1e-3]
    return max(COPY_DB, float(np.quantile(apart, COPY_SHARE))) if len(apart) else COPY_DB
