import numpy as np
import pytest

from mynah.data import fetched, packing
from mynah.data.packed import store_at
from sound_files import put, tone


@pytest.fixture
def folder(tmp_path):
    """Two labels of six good clips each."""
    for label in ("high", "low"):
        for name in ("ant", "bee", "cat", "dog", "eel", "fox"):
            put(tmp_path / "in" / label / f"{name}.wav")
    return tmp_path / "in"


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache that no other test has filled."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(fetched, "_fetched", float("inf"))
    store_at.cache_clear()


@pytest.fixture
def small_shards(monkeypatch):
    """Shards of 20 kB, so that a few clips fill several."""
    parts = packing._parts
    monkeypatch.setattr(packing, "_parts", lambda files, stamps, most: parts(files, stamps, 20_000))


@pytest.fixture
def odd(folder):
    """The folder with all that inspection finds: bad files, duplicates, other formats, other files."""
    nan = tone(seed="nan")
    nan[5] = np.nan
    put(folder / "high" / "nan.wav", nan, subtype="FLOAT")
    put(folder / "low" / "stereo.flac", np.stack([tone(seed="l"), tone(seed="r")], axis=1), rate=22050)
    put(folder / "low" / "dc.wav", tone(seed="dc") * 0.5 + 0.3)
    put(folder / "low" / "silent.wav", np.zeros(900, np.float32))
    put(folder / "low" / "Copy of ant.WAV", tone(seed="copy"))
    put(folder / "high" / "copy.wav", tone(seed="copy"))
    put(folder / "high" / "söng.ogg", tone(1.0, seed="ogg"))
    put(folder / "high" / "speech.mp3", tone(1.0, seed="mp3", rate=16000), rate=16000)
    put(folder / "loose.wav")
    (folder / "high" / "broken.wav").write_bytes(b"RIFF1234WAVE")
    (folder / "high" / "cut.wav").write_bytes((folder / "high" / "ant.wav").read_bytes()[:3000])
    (folder / "high" / "phone.m4a").write_bytes(b"0000ftyp")
    (folder / "notes.txt").write_text("hello")
    (folder / ".DS_Store").write_text("")
    return folder
