"""Clip statistics: what they say of a sound, and what they must not depend on."""

import numpy as np
import pytest
import torch

from mynah.representations import ClipStatistics
from mynah.representations.statistics import ClipStatisticsModule

RATE = 8000


def describe(wave, **settings):
    """Return the statistics as (name of the block -> array)."""
    settings = ClipStatistics(**settings)
    vector = settings.build(RATE)(torch.from_numpy(np.asarray(wave, np.float32))[None, None])[0, 0].numpy()
    width = settings.coefficients + 1
    rows = vector[:-2].reshape(-1, width)
    assert len(rows) == 3 + 2 * settings.parts
    means, deviations = np.split(rows[3:], 2)
    names = ("mean", "deviation", "slope", "parts", "within", "whole", "length")
    return dict(zip(names, (*rows[:3], means, deviations, *vector[-2:]), strict=True))


def glide(seconds=0.5, low=300.0, high=2000.0):
    """A tone that rises evenly in Hz."""
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.5 * np.sin(2 * np.pi * (low * time + (high - low) * time**2 / (2 * seconds)))


def test_silence_around_a_sound_changes_little():
    sound = glide() * np.hanning(4000)
    alone = describe(sound)
    padded = describe(np.concatenate([np.zeros(8000), sound, np.zeros(16_000)]))
    assert abs(alone["length"] - padded["length"]) < 0.02
    assert np.abs(alone["mean"] - padded["mean"]).max() < 2.0
    assert np.abs(describe(sound, trim_db=1e3)["mean"] - describe(np.pad(sound, 8000), trim_db=1e3)["mean"]).max() > 20


def test_level_moves_the_zeroth_mean_alone():
    loud, quiet = describe(glide()), describe(0.01 * glide())
    moved = loud["mean"] - quiet["mean"]
    assert moved[0] == pytest.approx(40 * 8, abs=0.1)  # 40 dB in each of 64 bands, times 1 / sqrt(64)
    assert np.abs(moved[1:]).max() < 0.05
    for name in ("deviation", "slope", "parts", "within", "length"):
        assert np.abs(loud[name] - quiet[name]).max() < 0.05, name


def test_parts_tell_the_course():
    up, down = describe(glide()), describe(glide()[::-1])
    assert np.abs(up["mean"] - down["mean"]).max() < 3.0
    assert np.abs(up["parts"] - down["parts"][::-1]).max() < 10.0
    assert up["parts"][0, -1] < -0.05 < 0.05 < up["parts"][-1, -1]  # crossings rise with the tone


def test_parts_of_a_steady_sound_are_alike():
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    steady = describe(tone, trim_db=3.0)  # without the frames that hang over the ends
    assert np.abs(steady["parts"]).max() < 0.2 * np.abs(describe(glide())["parts"]).max()


def test_crossings_are_twice_the_frequency():
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE + 0.1)
    assert describe(tone)["mean"][-1] == pytest.approx(2 * 440 / RATE, rel=0.05)


def test_length_is_that_of_the_sound():
    wave = np.concatenate([np.zeros(4000), glide(0.5), np.zeros(4000)])
    assert 10 ** describe(wave)["length"] == pytest.approx(0.5, rel=0.1)
    assert 10 ** describe(wave)["whole"] == pytest.approx(1.5, rel=0.02)


def test_slopes_tell_fast_from_slow():
    slow, fast = describe(glide(2.0)), describe(np.tile(glide(0.25), 8))
    assert fast["slope"][1] / fast["deviation"][1] > 1.5 * slow["slope"][1] / slow["deviation"][1]


def test_deviations_of_parts_tell_where_it_moves():
    still = 0.5 * np.sin(2 * np.pi * 300 * np.arange(4000) / RATE)
    within = describe(np.concatenate([still, glide()]), parts=2)["within"]
    assert within[1, 1:].mean() > 1.5 * within[0, 1:].mean()


@pytest.mark.parametrize("samples", [110, 1100, 11_000, 11_025])
def test_windows_of_an_odd_number_of_samples(samples):
    module = ClipStatistics().build(11_025)
    assert module.mel.stft.width % 2 == 1
    wave = torch.randn(1, 1, samples, generator=torch.Generator().manual_seed(0))
    assert module._crossings(wave).shape[1] == module.mel(wave).shape[1]


@pytest.mark.parametrize("samples", [1, 2, 79, 80, 400])
def test_every_part_of_a_very_short_sound_has_a_frame(samples):
    found = describe(np.random.default_rng(0).normal(0, 0.1, samples), parts=7)
    assert all(np.isfinite(value).all() for value in found.values())


@pytest.mark.parametrize("wave", [np.zeros(4000), np.full(4000, 0.5), np.eye(1, 4000)[0], np.full(4000, 1e-30)])
def test_silence_direct_current_and_a_click_have_finite_statistics(wave):
    assert all(np.isfinite(value).all() for value in describe(wave).values())


def test_long_sounds_are_described(monkeypatch):
    """More frames than `torch.quantile` and its like take at once."""
    module = ClipStatistics().build(RATE)
    frames = torch.zeros(200_000, 64)
    vector = ClipStatisticsModule._describe(module, frames, torch.zeros(200_000, 1))
    assert vector[-1] == pytest.approx(np.log10(2000.0))


@pytest.mark.parametrize("wave", [np.full(4000, np.nan), [0.1, np.nan] * 2000, np.full(10, np.inf)])
def test_nan_goes_in_and_comes_out(wave):
    found = describe(wave)
    assert np.isnan(found["mean"]).any()
    assert np.isfinite(found["whole"])
