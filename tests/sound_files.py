"""Small sound files and folders for the tests of this room."""

import zlib

import numpy as np
import soundfile

from mynah.sounds import scan

RATE = 8000


def tone(seconds=0.3, hertz=440.0, level=0.5, rate=RATE, seed=""):
    time = np.arange(int(seconds * rate)) / rate
    rng = np.random.default_rng(zlib.crc32(f"{seconds} {hertz} {seed}".encode()))
    return (level * np.sin(2 * np.pi * hertz * time) + 0.01 * rng.normal(size=len(time))).astype(np.float32)


def put(path, wave=None, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(seed=str(path)) if wave is None else wave, rate, **options)
    return path


def look(folder, **options):
    return scan(folder, cache=folder.parent / "cache.json", workers=1, **options)


def only(sounds, kind):
    found = [problem for problem in sounds.problems if problem.kind == kind]
    assert len(found) == 1, f"{kind}: {sounds.problems}"
    return found[0]
