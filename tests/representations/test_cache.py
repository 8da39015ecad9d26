"""The cache of frames: computed once, whole or not there, cheap to send to a worker."""

import os
import pickle
import signal
import subprocess
import sys
import time
import weakref
from dataclasses import dataclass

import numpy as np
import pytest

from mynah.ground.errors import BadInput, Stopped
from mynah.representations import Frames, LogMel, Waveform, cache, compute


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


@pytest.mark.parametrize("harm", ["cut data", "changed data", "cut facts", "no facts", "no data", "other version"])
def test_a_damaged_cache_is_computed_again(tmp_path, harm):
    first = compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    wanted = np.array(first[6])
    data, facts = next(tmp_path.glob("*.f32")), next(tmp_path.glob("*.json"))
    if harm == "cut data":
        data.write_bytes(data.read_bytes()[:-4])
    elif harm == "cut facts":
        facts.write_text(facts.read_text()[:-10])
    elif harm == "changed data":
        content = bytearray(data.read_bytes())
        content[-1000] ^= 1
        data.write_bytes(content)
    elif harm == "other version":
        facts.write_text(facts.read_text().replace(f'"version": {cache.VERSION}', '"version": 0'))
    else:
        (facts if harm == "no facts" else data).unlink()
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
    assert pickle.loads(pickle.dumps(frames)).lengths.tolist() == [2, 1]


def test_processes_give_the_bytes_of_one(tmp_path):
    clips = [Noise(i, 400) for i in range(3 * cache.CLIPS_A_TASK)]
    alone = compute(clips, LogMel(), 8000, tmp_path / "one", workers=1)
    told = []
    together = compute(
        clips, LogMel(), 8000, tmp_path / "two", workers=2, progress=lambda *event: told.append(event[1:3])
    )
    assert (tmp_path / "one").joinpath(alone._data.name).read_bytes() == together._data.read_bytes()
    assert told[0] == (0, len(clips))
    assert told[-1] == (len(clips), len(clips))


@dataclass(frozen=True)
class Bare:
    """A clip that brings no hash of its sound."""

    value: float
    seconds: float = 0.1
    file: str = "a folder/bare.wav"

    def read(self, rate):
        return np.full((1, 800), self.value, np.float32)


def test_clips_without_a_hash_are_known_by_their_samples(tmp_path):
    first = compute([Bare(0.1)], Waveform(), 8000, tmp_path, workers=1)
    second = compute([Bare(0.2)], Waveform(), 8000, tmp_path, workers=1)
    assert first[0][0, 0] == np.float32(0.1)
    assert second[0][0, 0] == np.float32(0.2)
    compute([Bare(0.1)], Waveform(), 8000, tmp_path, workers=1)
    assert len(list(tmp_path.glob("*.f32"))) == 2


def test_repaired_clips_have_their_own_frames(tmp_path):
    compute([Noise(0, 800)], LogMel(), 8000, tmp_path, workers=1)
    compute([Noise(0, 800, repair=True)], LogMel(), 8000, tmp_path, workers=1)
    assert len(list(tmp_path.glob("*.f32"))) == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_frames_that_are_not_finite_name_the_file(tmp_path, value):
    with pytest.raises(BadInput, match=r"a folder/bare\.wav: has no finite frames"):
        compute([Bare(value)], LogMel(), 8000, tmp_path, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_gone_is_not_taken_for_a_full_disk(tmp_path):
    class Gone(Bare):
        content = "known"

        def read(self, rate):
            raise FileNotFoundError(2, "No such file or directory")

    with pytest.raises(BadInput, match="can no longer be read"):
        compute([Gone(0.0)], LogMel(), 8000, tmp_path, workers=1)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_stops(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Stopped, match="could not be written"):
        compute(CLIPS, LogMel(), 8000, tmp_path / "file" / "cache", workers=1)


def test_a_full_disk_in_the_middle_leaves_nothing(tmp_path):
    """A real limit on the size of files, in a process of its own."""
    program = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
from pathlib import Path
from test_cache import CLIPS, LogMel, Stopped, compute
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    compute(CLIPS, LogMel(), 8000, Path(sys.argv[1]), workers=1)
except Stopped as stopped:
    sys.exit(stopped.exit_code)
"""
    command, environment = _child(program, tmp_path)
    assert subprocess.run(command, env=environment, check=False).returncode == 75
    assert list(tmp_path.iterdir()) == []


def _child(program, folder):
    here = os.path.dirname(__file__)
    paths = os.pathsep.join([here, *sys.path])
    return [sys.executable, "-c", program, str(folder)], {**os.environ, "PYTHONPATH": paths}


def test_a_killed_writer_leaves_nothing_that_counts(tmp_path):
    program = """
import sys, time
from pathlib import Path
from test_cache import LogMel, Noise, compute
class Slow(Noise):
    def read(self, rate):
        time.sleep(0.02)
        return super().read(rate)
compute([Slow(i, 8000) for i in range(5000)], LogMel(), 8000, Path(sys.argv[1]), workers=1)
"""
    command, environment = _child(program, tmp_path)
    writer = subprocess.Popen(command, env=environment)
    deadline = time.monotonic() + 60
    while not any(part.stat().st_size for part in tmp_path.glob(".*.part")) and time.monotonic() < deadline:
        time.sleep(0.02)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    left = list(tmp_path.iterdir())
    assert [path.suffix for path in left] == [".part"]
    old = time.time() - 2 * cache.STALE_SECONDS
    compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    assert left[0].exists(), "a writer may still be at work"
    os.utime(left[0], (old, old))
    compute(CLIPS, LogMel(bands=32), 8000, tmp_path, workers=1)
    assert not left[0].exists()


def test_tasks_are_short_in_clips_and_in_seconds():
    short = [Bare(0.0, seconds=0.1)] * 70
    assert [len(task) for task in cache._tasks(short)] == [32, 32, 6]
    long = [Bare(0.0, seconds=seconds) for seconds in (50.0, 50.0, 50.0, 600.0, 1.0)]
    assert [len(task) for task in cache._tasks(long)] == [2, 1, 1, 1]
    assert list(cache._tasks([])) == []


@dataclass(frozen=True)
class Watched(Noise):
    """A clip that notes which process reads it."""

    seconds: float = 1.0
    notes: str = ""

    def read(self, rate):
        with open(self.notes, "a") as file:
            file.write(f"{self.number} {os.getpid()}\n")
        return super().read(rate)


def test_long_clips_are_made_one_at_a_time_and_in_their_places(tmp_path):
    long = {1: 601.0, 2: 3600.0, 5: 700.0}
    notes = tmp_path / "notes"
    clips = [Watched(i, 800, seconds=long.get(i, 100.0), notes=str(notes)) for i in range(7)]
    frames = compute(clips, LogMel(), 8000, tmp_path / "cache", workers=2)
    here = {int(line.split()[0]) for line in notes.read_text().splitlines() if line.split()[1] == str(os.getpid())}
    assert here == set(long)
    for clip, found in zip(clips, frames, strict=True):
        assert np.array_equal(found, cache.represent([clip], LogMel(), 8000)[0])


def test_frames_that_are_written_are_let_go(tmp_path, monkeypatch):
    made, alive, real = [], [], cache.represent

    def watched(*given):
        alive.append(sum(reference() is not None for reference in made))
        arrays = [array.copy() for array in real(*given)]
        made.extend(map(weakref.ref, arrays))
        return arrays

    monkeypatch.setattr(cache, "represent", watched)
    compute([Bare(i / 10, seconds=700.0) for i in range(4)], LogMel(), 8000, tmp_path, workers=1)
    assert alive == [0, 0, 0, 0]


def test_no_clips_have_no_frames(tmp_path):
    for _ in range(2):
        frames = compute([], LogMel(), 8000, tmp_path, workers=1)
        assert (len(frames), list(frames)) == (0, [])


def test_frames_on_disk_cannot_be_changed(tmp_path):
    frames = compute(CLIPS, LogMel(), 8000, tmp_path, workers=1)
    with pytest.raises(ValueError, match="read-only"):
        frames[0][0, 0] = 1.0
