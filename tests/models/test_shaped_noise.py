"""Shaped noise against what it claims: spectrum, envelope, density and seams."""

import numpy as np
import pytest
from scipy.signal import lfilter

from mynah.models.shaped_noise import ShapedNoise
from mynah.testing.models import RATE, ToyClip


def clips(count=12, seed=0):
    """Noise low-passed to fall with frequency, decaying to a hundredth of its power in half a second."""
    rng = np.random.default_rng(seed)
    decay = 10 ** (-np.arange(RATE // 2) / (RATE // 2))
    waves = [lfilter([0.1], [1, -0.9], rng.standard_normal(RATE // 2)) * decay for _ in range(count)]
    return [ToyClip(wave.astype(np.float32)[None]) for wave in waves]


def made(model, count=12, **arguments):
    return np.stack([np.concatenate(list(sound)) for sound in model.generate(count, seconds=0.5, **arguments)])


def test_made_sounds_have_spectrum_and_envelope_of_the_clips():
    model = ShapedNoise().fit(clips(60))
    waves, real = made(model, 60), np.stack([c.wave[0] for c in clips(60, seed=1)])
    for low, high in ((0, 200), (200, 800), (800, 4000)):
        powers = []
        for each in (real, waves):
            spectrum = np.abs(np.fft.rfft(each)) ** 2
            hertz = np.fft.rfftfreq(each.shape[1], 1 / RATE)
            powers.append(spectrum[:, (hertz >= low) & (hertz < high)].sum())
        assert powers[1] == pytest.approx(powers[0], rel=0.25), (low, high)
    parts = [np.square(each).reshape(60, 5, -1).sum(axis=(0, 2)) for each in (real, waves)]
    assert parts[1][:4] == pytest.approx(parts[0][:4], rel=0.3)


def test_the_surprise_is_that_of_the_density():
    """Of white noise of known deviation, the mean of log(pi v) + |X|^2 / v is log(pi v) + 1."""
    rng = np.random.default_rng(0)
    white = [ToyClip((0.1 * rng.standard_normal((1, RATE))).astype(np.float32)) for _ in range(20)]
    model = ShapedNoise().fit(white[:10])
    assert model.prediction_error(white[10:]).mean() == pytest.approx(np.log(np.pi * 0.01) + 1, abs=0.05)


def test_a_stationary_sound_has_no_seams():
    """The power of noise without an envelope is the same at the edges of blocks as inside them."""
    rng = np.random.default_rng(0)
    white = [ToyClip((0.1 * rng.standard_normal((1, 4 * RATE))).astype(np.float32)) for _ in range(4)]
    model = ShapedNoise().fit(white)
    wave = np.concatenate(list(next(model.generate(seconds=60.0))))
    powers = np.square(wave[: 59 * RATE]).reshape(-1, RATE).mean(axis=1)
    assert powers.mean() == pytest.approx(0.01, rel=0.05)
    assert powers.std() / powers.mean() < 0.1


def test_temperature_is_the_deviation():
    model = ShapedNoise().fit(clips())
    one, half = made(model, 2, seed=3), made(model, 2, seed=3, temperature=0.5)
    assert half == pytest.approx(0.5 * one, abs=1e-6)
    assert not made(model, 1, temperature=0).any()


def test_what_was_heard_before_moves_the_envelope_on():
    model = ShapedNoise().fit(clips())
    late = made(model, 12, like=np.zeros(RATE // 2, np.float32))
    assert np.square(late[:, : RATE // 8]).mean() < 0.3 * np.square(made(model, 12)[:, : RATE // 8]).mean()


def test_a_shorter_spectrum_is_refused(tmp_path):
    model = ShapedNoise().fit(clips())
    other = ShapedNoise()
    other.rate_, other.representation_, other.n_features_in_ = model.rate_, model.representation_, 1
    other.take_facts(model.facts())
    with pytest.raises(ValueError, match="bins"):
        other.restore(model.tensors() | {"spectrum": model.tensors()["spectrum"][:, :-1]})
    for samples in ([[3, 2, *range(9)]], [[0] * 11], [[1.5] * 11], [[1, 2]]):
        with pytest.raises(ValueError, match="lengths"):
            other.take_facts(model.facts() | {"samples": samples})
