"""Every representation: the battery, equality with librosa, and the way back where there is one."""

import librosa
import numpy as np
import pytest
import torch

from mynah.errors import IncompatibleFile
from mynah.representations import KINDS, MFCC, STFT, LogMel, Waveform, by_name
from mynah.testing import check_representation

RATES = (8000, 16000, 44100)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("rate", [8000, 44100])
def test_battery(kind, rate):
    check_representation(kind(), rate)


def signals(rate):
    """Noise, a loud tone over quiet noise, a click, and silence with a little at the end."""
    rng = np.random.default_rng(0)
    time = np.arange(rate // 2) / rate
    noise = rng.normal(0, 0.1, len(time))
    tone = 0.9 * np.sin(2 * np.pi * 997 * time) + 1e-5 * noise
    click = np.zeros(len(time))
    click[len(time) // 3] = 1.0
    late = np.concatenate([np.zeros(len(time) - 500), 1e-3 * noise[:500]])
    return [x.astype(np.float32) for x in (noise, tone, click, late)]


def oracle(wave, rate, module, settings):
    """librosa's log-mel of the wave in float64: (time, band) dB."""
    stft = module.stft
    power = librosa.feature.melspectrogram(
        y=wave.astype(np.float64),
        sr=rate,
        n_fft=stft.size,
        hop_length=stft.hop,
        win_length=stft.width,
        n_mels=settings.bands,
        fmin=settings.low_hz,
        fmax=settings.high_hz or rate / 2,
    )
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("settings", [LogMel(), LogMel(40, 0.025, 0.01, 50.0, 3800.0)], ids=["default", "other"])
def test_log_mel_equals_librosa(rate, settings):
    module = settings.build(rate)
    for wave in signals(rate):
        ours = module(torch.from_numpy(wave)[None, None])[0].numpy()
        assert np.abs(ours - oracle(wave, rate, module, settings)).max() < 1e-4


def test_log_mel_equals_librosa_on_recordings(shared_data):
    import soundfile

    module = LogMel().build(16000)
    for path in sorted((shared_data / "esc10" / "audio").rglob("*.flac"))[::40]:
        wave, rate = soundfile.read(path, dtype="float32")
        ours = module(torch.from_numpy(wave)[None, None])[0].numpy()
        assert np.abs(ours - oracle(wave, rate, module, LogMel())).max() < 1e-4, path.name


@pytest.mark.parametrize("rate", RATES)
def test_mfcc_equals_librosa(rate):
    module = MFCC().build(rate)
    for wave in signals(rate):
        decibels = oracle(wave, rate, module.mel, MFCC()).T
        wanted = librosa.feature.mfcc(S=decibels, n_mfcc=20, norm="ortho").T
        ours = module(torch.from_numpy(wave)[None, None])[0].numpy()
        assert np.abs(ours - wanted).max() < 2e-4  # a sum over 64 bands of values within 1e-4 dB


@pytest.mark.parametrize("rate", RATES)
def test_stft_equals_librosa_and_inverts(rate):
    module = STFT().build(rate)
    for wave in signals(rate):
        wanted = librosa.stft(
            wave.astype(np.float64), n_fft=module.size, hop_length=module.hop, win_length=module.width
        ).T
        frames = module(torch.from_numpy(wave)[None, None])
        ours = frames[0].numpy()
        assert np.abs(ours[:, : module.bins] + 1j * ours[:, module.bins :] - wanted).max() < 1e-4
        back = module.inverse(frames, len(wave))[0, 0].numpy()
        assert np.abs(back - wave).max() < 1e-5


def test_waveform_inverts():
    wave = torch.randn(2, 3, 1001)
    module = Waveform(0.001).build(16000)
    assert torch.equal(module.inverse(module(wave), 1001), wave)


def test_unknown_representations_are_refused():
    for document in ({"name": "nonsense"}, {"name": "log_mel", "colour": 3}, {}):
        with pytest.raises(IncompatibleFile, match="unknown representation"):
            by_name(document)
