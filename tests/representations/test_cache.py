"""The cache of frames: computed once, whole or not there, cheap to send to a worker."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from mynah.errors import Stopped
from mynah.representations import Frames, LogMel, cache, compute


@dataclass(frozen=True)
class Noise:
    number: int
    samples: int
    repair: bool = False

    @property
    def content(self):
        return f"{self.number}-{self.samples}"

    def read(self, rate):
        return np.random.default_rng(self.number).normal(0, 0.1, (1, self.samples)).astype(np.float32)


CLIPS = [Noise(i, 800 + 160 * i) for i in range(7)]


def test_frames_are_those_of_each_clip(tmp_path):
    frames = compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    assert len(frames) == 7
    assert list(frames.lengths) == [1 + (800 + 160 * i) // 160 for i in range(7)]
    for clip, found in zip(CLIPS, frames, strict=True):
        assert np.array_equal(found, cache.represent([clip], LogMel(), 8000)[0])
    assert np.array_equal(frames.take([5, 2])[1], frames[2])
    assert np.array_equal(frames[-1], frames[6])


def test_second_time_nothing_is_computed(tmp_path, monkeypatch):
    first = compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    monkeypatch.setattr(cache, "represent", lambda *_: pytest.fail("computed again"))
    again = compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    assert np.array_equal(again[3], first[3])


@pytest.mark.parametrize("harm", ["cut data", "cut facts", "no facts"])
def test_a_damaged_cache_is_computed_again(tmp_path, harm):
    first = compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    wanted = np.array(first[6])
    data, facts = next(tmp_path.glob("*.f32")), next(tmp_path.glob("*.json"))
    if harm == "cut data":
        data.write_bytes(data.read_bytes()[:-4])
    elif harm == "cut facts":
        facts.write_text(facts.read_text()[:-10])
    else:
        facts.unlink()
    assert np.array_equal(compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)[6], wanted)


def test_settings_rate_and_clips_are_all_in_the_key(tmp_path):
    compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    compute(CLIPS, LogMel(bands=32), 8000, tmp_path, workers=1)
    compute(CLIPS, LogMel(), 16000, tmp_path, workers=1)
    compute(CLIPS[::-1], LogMel(), 8000, tmp_path, workers=1)
    assert len(list(tmp_path.glob("*.f32"))) == 4


def test_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(Stopped, match="No space left"):
        compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_pickle_carries_no_frames(tmp_path):
    frames = compute([Noise(0, 800_000)], LogMel(), 8000, tmp_path, workers=1)
    assert frames[0].nbytes > 1_000_000
    packed = pickle.dumps(frames)
    assert len(packed) < 10_000
    assert np.array_equal(pickle.loads(packed)[0], frames[0])


def test_frames_in_memory():
    arrays = [np.ones((2, 3), np.float32), np.zeros((1, 3), np.float32)]
    frames = Frames.from_arrays(arrays)
    assert (len(frames), frames.feature_count, list(frames.lengths)) == (2, 3, [2, 1])
    assert len(Frames.from_arrays([])) == 0
