"""Reading, writing and resampling: shapes, seams, formats, and what a file that is no sound says."""

import numpy as np
import pytest
import soundfile

from mynah import audio
from mynah.errors import BadInput, Stopped, UsageError


@pytest.fixture
def wave():
    rng = np.random.default_rng(0)
    return (0.3 * rng.normal(size=(2, 16000))).clip(-1, 1).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".aiff", ".caf", ".WAV"])
def test_lossless_formats_come_back(tmp_path, wave, suffix):
    path = tmp_path / f"a{suffix}"
    soundfile.write(path, wave.T, 16000, format=suffix[1:].upper(), subtype="PCM_24")
    back, rate = audio.read(path)
    assert (back.dtype, back.shape, rate) == (np.float32, (2, 16000), 16000)
    assert np.abs(back - wave).max() < 2e-7


@pytest.mark.parametrize(("suffix", "rate"), [(".mp3", 44100), (".ogg", 44100), (".opus", 48000)])
def test_lossy_formats_keep_level_and_length(tmp_path, suffix, rate):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate, dtype=np.float32)[None]
    path = tmp_path / f"a{suffix}"
    audio.write(path, tone, rate)
    back, got = audio.read(path)
    assert got == rate
    assert abs(back.shape[1] - rate) <= 2400
    assert np.std(back) == pytest.approx(np.std(tone), rel=0.05)
    assert suffix in audio.EXTENSIONS


def test_parts_are_parts_of_the_whole(tmp_path, wave):
    path = tmp_path / "a.wav"
    audio.write(path, wave, 16000, subtype="FLOAT")
    part, _ = audio.read(path, start=0.25, end=0.5)
    assert np.array_equal(part, wave[:, 4000:8000])
    assert audio.read(path, start=5)[0].shape == (2, 0)
    assert np.allclose(audio.read(path, mono=True)[0], wave.mean(axis=0, keepdims=True))


@pytest.mark.parametrize("rate", [None, 16000, 11025, 44100])
def test_blocks_join_to_the_whole(tmp_path, wave, rate):
    path = tmp_path / "a.wav"
    audio.write(path, wave, 16000, subtype="FLOAT")
    joined = np.concatenate(list(audio.blocks(path, seconds=0.13, rate=rate)), axis=1)
    whole, _ = audio.read(path, rate=rate)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).max() < 1e-3


def test_resampled_tone_keeps_pitch_and_level():
    tone = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100, dtype=np.float32)[None]
    out = audio.resample(tone, 44100, 16000)
    assert out.shape == (1, 16000)
    spectrum = np.abs(np.fft.rfft(out[0] * np.hanning(16000)))
    assert spectrum.argmax() == 1000
    assert np.std(out[0, 500:-500]) == pytest.approx(np.sqrt(0.5), rel=1e-3)


def test_a_failed_write_leaves_the_old_file(tmp_path, wave, monkeypatch):
    path = tmp_path / "a.wav"
    audio.write(path, wave, 16000)
    before = path.read_bytes()

    def full(name, *_, **__):
        with open(name, "wb") as file:
            file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(Stopped, match="No space left"):
        audio.write(path, wave, 16000)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_unknown_suffix_and_missing_file(tmp_path, wave):
    with pytest.raises(UsageError, match="no such sound format"):
        audio.write(tmp_path / "a.xyz", wave, 16000)
    with pytest.raises(BadInput, match="no such file"):
        audio.read(tmp_path / "nothing.wav")
    with pytest.raises(BadInput, match="folder"):
        audio.info(tmp_path)


def test_mp3_in_memory(tmp_path):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(9000) / 9000, dtype=np.float32)[None]
    (tmp_path / "a.mp3").write_bytes(audio.mp3_bytes(tone, 9000))
    back, rate = audio.read(tmp_path / "a.mp3")
    assert rate == 11025
    assert np.std(back) == pytest.approx(np.std(tone), rel=0.1)
