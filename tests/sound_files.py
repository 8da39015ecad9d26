"""Small sound files and folders for the tests of this room."""

import zlib

import numpy as np
import soundfile

from mynah.data import scan

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


def facts(sounds):
    """All that `scan` says, but where the files lie."""
    clips = [{n: getattr(c, n) for n in c.__dataclass_fields__ if n != "path"} for c in sounds]
    rest = (sounds.name, sounds.problems, sounds.ignored, sounds.duplicates, sounds.leaks)
    return clips, rest, (sounds.grouped_by, sounds.official, sounds.fingerprint)


def same(folder, place, **options):
    ours, theirs = scan(folder, workers=1, **options), scan(place, **options)
    assert facts(ours) == facts(theirs)
    return ours, theirs


def asked_of(monkeypatch, kind):
    """Return a list that grows by (name, start, length) of each range that such stores are asked for."""
    asked, real = [], kind.get_range
    monkeypatch.setattr(kind, "get_range", lambda self, *wanted: asked.append(wanted) or real(self, *wanted))
    return asked
