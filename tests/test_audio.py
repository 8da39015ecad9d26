"""Reading, writing and resampling: shapes, seams, formats, and what a file that is no sound says."""

import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mynah import audio
from mynah.ground.errors import BadInput, Stopped, UsageError


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

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", full)
    with pytest.raises(Stopped, match="No space left"):
        audio.write(path, wave, 16000)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_blocks_make_the_file_that_the_whole_makes(tmp_path, wave, suffix):
    audio.write(tmp_path / f"whole{suffix}", wave, 16000)
    pieces = np.split(wave, [1, 700, 700, 9000], axis=1)
    assert audio.write_blocks(tmp_path / f"blocks{suffix}", iter(pieces), 16000, channels=2) == 16000
    assert (tmp_path / f"blocks{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


@pytest.mark.parametrize("error", [RuntimeError, OSError, ValueError, KeyboardInterrupt])
def test_what_the_blocks_raise_is_passed_on_and_nothing_is_left(tmp_path, wave, error):
    def blocks():
        yield wave
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
        raise error("of the maker")

    with pytest.raises(error, match="of the maker"):
        audio.write_blocks(tmp_path / "a.wav", blocks(), 16000, channels=2)
    assert list(tmp_path.iterdir()) == []


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


def test_mp3_of_many_channels_is_mixed_down(tmp_path):
    (tmp_path / "a.mp3").write_bytes(audio.mp3_bytes(np.full((8, 4000), 0.1, np.float32), 96000))
    assert audio.info(tmp_path / "a.mp3").channels == 1


@pytest.mark.parametrize(
    ("name", "channels", "rate", "subtype"),
    [("a.mp3", 1, 44111, None), ("a.opus", 1, 44100, None), ("a.mp3", 8, 44100, None), ("a.wav", 1, 44100, "VORBIS")],
)
def test_what_a_format_cannot_hold_is_a_usage_error(tmp_path, name, channels, rate, subtype):
    with pytest.raises(UsageError, match=f"cannot hold this.*{rate} Hz, {channels} channels"):
        audio.write(tmp_path / name, np.zeros((channels, 100), np.float32), rate, subtype=subtype)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="limits on file sizes are POSIX")
@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_full_disk_leaves_the_old_file(tmp_path, wave, suffix):
    path = tmp_path / f"a{suffix}"
    audio.write(path, wave, 16000)
    before = path.read_bytes()
    program = (
        "import resource, signal, sys, numpy as np\n"
        "from mynah import audio\n"
        "from mynah.ground.errors import Stopped\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000))\n"
        "try:\n"
        "    audio.write(sys.argv[1], np.random.default_rng(0).normal(0, 0.1, (2, 90000)), 16000)\n"
        "except Stopped as error:\n"
        "    print(error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout == "75\n"
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_long_name_is_written(tmp_path, wave):
    path = tmp_path / ("n" * 251 + ".wav")
    audio.write(path, wave, 16000)
    assert audio.info(path).frames == 16000


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Files of 70 s that pass from a tone to noise and back, so that packed formats change their bit rate."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.1, 560000) * np.repeat(rng.uniform(0, 1, 70) ** 4, 8000)
    sweep = 0.5 * np.sin(np.cumsum(np.linspace(0.1, 1.5, 560000)))
    wave = (noise + sweep).clip(-1, 1).astype(np.float32)[None]
    folder = tmp_path_factory.mktemp("packed")
    for suffix, rate in ((".ogg", 8000), (".opus", 8000), (".flac", 8000)):
        audio.write(folder / f"a{suffix}", wave, rate)
    soundfile.write(folder / "a.mp3", wave.T, 8000, bitrate_mode="VARIABLE")
    return folder


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".opus", ".flac"])
def test_parts_and_blocks_of_packed_files_are_exact(packed, suffix):
    path = packed / f"a{suffix}"
    whole, rate = soundfile.read(path, dtype="float32", always_2d=True)
    whole = whole.T
    joined = np.concatenate(list(audio.blocks(path, seconds=0.7)), axis=1)
    assert joined.shape == whole.shape
    assert np.abs(joined - whole).max() < 1e-6
    for start in (0.7, 68.2, 66.1, 69.9, 0.1, 33.3):  # on, back a little, on, and back to the beginning
        part, _ = audio.read(path, start=start, end=start + 0.5)
        first = round(start * rate)
        assert np.abs(part - whole[:, first : first + round(0.5 * rate)]).max() < 1e-3


def test_a_changed_mp3_is_not_read_from_the_tape(tmp_path):
    tones = [0.5 * np.sin(np.arange(8000 * 70) * step).astype(np.float32)[None] for step in (0.1, 0.3)]
    path = tmp_path / "a.mp3"
    for tone in tones:
        audio.write(path, tone, 8000)
        assert np.abs(audio.read(path, start=65, end=66)[0] - tone[:, 65 * 8000 : 66 * 8000]).max() < 0.1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 3000), st.sampled_from([4000, 7350, 8000, 22050]), st.floats(0.001, 0.5), st.booleans())
def test_blocks_of_any_size_join_to_the_whole(tmp_path, frames, rate, seconds, mono):
    noise = np.random.default_rng(frames).normal(0, 0.1, (2, frames)).astype(np.float32)
    path = tmp_path / "a.wav"
    audio.write(path, noise, 8000, subtype="FLOAT")
    pieces = list(audio.blocks(path, seconds=seconds, rate=rate, mono=mono))
    whole, _ = audio.read(path, rate=rate, mono=mono)
    joined = np.concatenate(pieces, axis=1) if pieces else np.zeros_like(whole)
    assert joined.shape == whole.shape
    assert joined.dtype == np.float32
    assert np.abs(joined - whole).max(initial=0) < 1e-3


def test_blocks_of_many_channels_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "_MOST_SAMPLES", 800)
    audio.write(tmp_path / "a.wav", np.zeros((8, 1000), np.float32), 8000)
    assert [piece.shape for piece in audio.blocks(tmp_path / "a.wav")] == [(8, 100)] * 10


def test_a_damaged_file_says_so_wherever_it_breaks(tmp_path, wave):
    path = tmp_path / "a.flac"
    audio.write(path, wave, 16000)
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(BadInput, match=r"a\.flac: the sound data are damaged or cut off \(20000 bytes"):
        audio.read(path)
    with pytest.raises(BadInput, match="damaged or cut off"):
        list(audio.blocks(path, seconds=0.01))
