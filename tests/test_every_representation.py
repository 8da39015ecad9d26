"""Every representation: the battery, equality with librosa, and the way back where there is one."""

import warnings

import librosa
import numpy as np
import pytest
import torch

from mynah.ground.errors import IncompatibleFile, UsageError
from mynah.representations import KINDS, MFCC, STFT, ClipStatistics, LogMel, PhaseVocoder, Waveform, by_name, stft
from mynah.testing.models import check_representation

RATES = (8000, 16000, 44100)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("rate", [8000, 44100])
def test_battery(kind, rate):
    check_representation(kind(), rate)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_waves_of_another_shape_are_refused(kind):
    for wrong in (torch.zeros(2, 5), torch.zeros(1, 1, 0)):
        with pytest.raises(ValueError, match=r"waves must be \(batch, channel, time\)"):
            kind().build(8000)(wrong)


def signals(rate):
    """Noise, a loud tone over quiet noise, a click, silence with a little at the end, and all near the floor."""
    rng = np.random.default_rng(0)
    time = np.arange(rate // 2) / rate
    noise = rng.normal(0, 0.1, len(time))
    tone = 0.9 * np.sin(2 * np.pi * 997 * time) + 1e-5 * noise
    click = np.zeros(len(time))
    click[len(time) // 3] = 1.0
    late = np.concatenate([np.zeros(len(time) - 500), 1e-3 * noise[:500]])
    return [x.astype(np.float32) for x in (noise, tone, click, late, 3e-6 * noise, 1e-5 * tone)]


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


@pytest.mark.parametrize("samples", [1, 2, 7, 159, 160, 161, 319, 320, 511, 513])
def test_very_short_waves_equal_librosa(samples):
    wave = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    module = LogMel().build(8000)
    ours = module(torch.from_numpy(wave)[None, None])[0].numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # librosa's, of a window longer than the wave
        wanted = oracle(wave, 8000, module, LogMel())
    assert ours.shape == wanted.shape
    assert np.abs(ours - wanted).max() < 1e-4


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_channels_lie_side_by_side(kind):
    module = kind().build(8000)
    wave = torch.randn(2, 3, 1600, generator=torch.Generator().manual_seed(0))
    each = [module(wave[:, [channel]]) for channel in range(3)]
    assert torch.allclose(module(wave), torch.cat(each, dim=2), atol=1e-4)


@pytest.mark.parametrize("kind", [STFT, PhaseVocoder, LogMel, MFCC])
def test_settings_in_seconds_give_the_same_frames_a_second(kind):
    for rate in (8000, 22_050, 96_000):
        module = kind(hop_seconds=0.01).build(rate)
        assert module.frame_count(3 * rate) in (300, 301, 302)


def test_blocks_leave_no_seam(monkeypatch):
    wave = torch.randn(1, 1, 40_000, generator=torch.Generator().manual_seed(0))
    cut = LogMel().build(8000)(wave)
    monkeypatch.setattr(stft, "BLOCK_FRAMES", 10**9)
    assert cut.shape[1] > 3 * 64
    assert torch.allclose(LogMel().build(8000)(wave), cut, atol=1e-5)


def test_bands_end_at_half_the_rate():
    wave = torch.randn(1, 1, 4000, generator=torch.Generator().manual_seed(0))
    wanted = LogMel(high_hz=4000.0).build(8000)(wave)
    assert torch.equal(LogMel().build(8000)(wave), wanted)
    assert torch.equal(LogMel(high_hz=20_000.0).build(8000)(wave), wanted)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_gradients_reach_the_wave(kind):
    wave = torch.randn(1, 1, 2000, generator=torch.Generator().manual_seed(0)).requires_grad_()
    kind().build(8000)(wave).square().sum().backward()
    assert torch.isfinite(wave.grad).all()
    assert wave.grad.abs().max() > 0


def test_inverse_exists_exactly_where_there_is_one():
    assert [name for name, kind in KINDS.items() if hasattr(kind().build(8000), "inverse")] == [
        "waveform",
        "mulaw",
        "stft",
        "phase_vocoder",
    ]


@pytest.mark.parametrize("hop", [0.004, 0.01, 0.016])
@pytest.mark.parametrize("samples", [1, 100, 1599, 1600, 1601])
def test_stft_inverts_to_the_last_sample(hop, samples):
    module = STFT(0.04, hop).build(8000)
    wave = torch.randn(2, 2, samples, generator=torch.Generator().manual_seed(0))
    assert (module.inverse(module(wave), samples) - wave).abs().max() < 1e-5


def test_stft_refuses_what_it_cannot_invert():
    module = STFT(0.04, 0.02).build(8000)
    with pytest.raises(UsageError, match=r"at most 0\.4 windows"):
        module.inverse(module(torch.randn(1, 1, 800)), 800)
    module = STFT().build(8000)
    with pytest.raises(ValueError, match="11 frames, got 10"):
        module.inverse(torch.zeros(1, 10, 2 * module.bins), 800)


@pytest.mark.parametrize(
    "settings",
    [
        LogMel(bands=0),
        LogMel(bands=10**9),
        LogMel(window_seconds=0.0),
        LogMel(window_seconds=1e9),
        LogMel(hop_seconds=-1.0),
        LogMel(hop_seconds=float("nan")),
        LogMel(low_hz=5000.0),
        LogMel(low_hz=-1.0),
        MFCC(coefficients=65),
        MFCC(coefficients=0),
        ClipStatistics(parts=0),
        ClipStatistics(coefficients=65),
        Waveform(frame_seconds=0.0),
        PhaseVocoder(hop_seconds=0.0116),
        PhaseVocoder(window_seconds=0.0),
    ],
    ids=repr,
)
def test_settings_that_cannot_be_meant_are_refused(settings):
    with pytest.raises(UsageError):
        settings.build(8000)


@pytest.mark.parametrize(
    ("setting", "value"), [("bands", 64.5), ("bands", "64"), ("bands", True), ("low_hz", None), ("low_hz", [1])]
)
def test_settings_of_another_type_are_refused(setting, value):
    with pytest.raises(IncompatibleFile, match=f"wrong setting.*{setting}="):
        by_name({"name": "log_mel", setting: value})


def test_whole_numbers_may_stand_for_hertz_and_seconds():
    assert by_name({"name": "log_mel", "low_hz": 20, "high_hz": None}) == LogMel()


def test_unknown_representations_are_refused():
    for document in ({"name": "nonsense"}, {"name": "log_mel", "colour": 3}, {"name": ["log_mel"]}, {}):
        with pytest.raises(IncompatibleFile, match="unknown representation"):
            by_name(document)
