"""The phase vocoder: what its numbers mean, the way back, and a second of sound from one frame."""

import numpy as np
import pytest
import torch

from mynah.ground.errors import UsageError
from mynah.representations import PhaseVocoder
from mynah.representations.phase_vocoder import Resynthesis, nearest_peaks

RATES = (8000, 22_050, 44_100)


def note(f0, rate, seconds=1.3):
    """A stationary note: harmonics that fall by 2.6 dB each, with phases of their own."""
    rng, time = np.random.default_rng(int(f0)), np.arange(int(seconds * rate)) / rate
    count = min(15, int(0.48 * rate / f0))
    wave = sum(0.74**n * np.sin(2 * np.pi * n * f0 * time + rng.uniform(0, 6.28)) for n in range(1, count + 1))
    return (0.2 * wave).astype(np.float32)


def snr_db(wanted, got):
    return 10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2))


def frames_of(module, wave):
    return module(torch.from_numpy(wave)[None, None])[0]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("f0", [110.0, 233.1, 440.0])
def test_the_first_frame_holds_the_phases_so_the_way_back_is_exact(rate, f0):
    module, wave = PhaseVocoder().build(rate), note(f0, rate)
    back = module.inverse(frames_of(module, wave)[None], len(wave))[0, 0].numpy()
    assert snr_db(wave, back) > 90  # the floor of 25 dB is for frames that a model made, see below


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("f0", [110.0, 150.3, 233.1, 440.0])
def test_a_second_of_a_note_from_one_frame(rate, f0):
    """Phases are given up to one frame; from there on frequencies alone make them. An error of 0.01 Hz is too much."""
    module, wave = PhaseVocoder().build(rate), note(f0, rate)
    frames, at = frames_of(module, wave), 20
    sound = Resynthesis(module, locked=False)
    _, sound.turns = module.spectrum(frames[:at])
    made = torch.cat([sound.push(frames[at, None].expand(102, -1)), sound.end()]).numpy()
    assert len(made) >= rate
    assert snr_db(wave[at * module.hop :][: len(made)], made) >= 25


@pytest.mark.parametrize(("hertz", "amplitude"), [(440.0, 1.0), (1003.7, 0.1)])
def test_level_and_frequency_of_a_sine(hertz, amplitude):
    module = PhaseVocoder().build(16_000)
    wave = (amplitude * np.cos(2 * np.pi * hertz * np.arange(16_000) / 16_000)).astype(np.float32)
    level, beside = frames_of(module, wave)[50].chunk(2)
    top = int(level.argmax())
    assert abs(float(level[top]) - 20 * np.log10(amplitude)) < 1.5  # the sine lies beside the bin's centre
    for bin_number in (top - 1, top, top + 1):
        assert abs(bin_number * 16_000 / module.stft.size + float(beside[bin_number]) - hertz) < 0.01


@pytest.mark.parametrize("pieces", [[130], [1] * 130, [3, 90, 37]])
@pytest.mark.parametrize("locked", [False, True])
def test_pieces_are_the_whole(pieces, locked):
    module, wave = PhaseVocoder().build(8000), note(220.0, 8000)[:10_320]
    frames = frames_of(module, wave)
    sound = Resynthesis(module, locked=locked)
    made = torch.cat([sound.push(part) for part in frames.split(pieces)] + [sound.end()])
    assert len(made) == 129 * module.hop
    if locked:
        whole = Resynthesis(module, locked=True)
        wanted = torch.cat([whole.push(frames), whole.end()])
    else:
        wanted = module.inverse(frames[None], len(made))[0, 0]
    assert torch.allclose(made, wanted, atol=1e-6)


def test_locked_phases_withstand_frequencies_that_differ_within_a_peak():
    module, wave = PhaseVocoder().build(8000), note(220.0, 8000)
    frames = frames_of(module, wave).clone()
    beside = frames[:, module.bins :]
    beside += 2.0 * torch.randn(module.bins, generator=torch.Generator().manual_seed(0))  # each bin is off for good
    loud = {}
    for locked in (False, True):
        sound = Resynthesis(module, locked=locked)
        loud[locked] = float(sound.push(frames)[4000:].square().mean())
    power = np.mean(wave[4000:] ** 2)
    assert 0.8 < loud[True] / power < 1.25
    assert loud[False] / power < 0.75


def test_bins_belong_to_the_nearest_peak():
    level = torch.tensor([[0.0, 1, 5, 1, 0, 0, 2, 9, 2, 1]])
    assert nearest_peaks(level).tolist() == [[2, 2, 2, 2, 2, 7, 7, 7, 7, 7]]


def test_a_hop_that_is_too_long_is_refused():
    with pytest.raises(ValueError, match=r"at most 0\.25 windows.*hop 120, window 368"):
        PhaseVocoder(hop_seconds=0.015).build(8000)
    with pytest.raises(UsageError):
        PhaseVocoder(window_seconds=0.04, hop_seconds=0.02).build(44_100)
