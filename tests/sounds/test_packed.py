"""Packed sounds are the folder's sounds, byte for byte and clip for clip, or a clear line says why not."""

import hashlib
import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import time

import numpy as np
import pytest

from mynah.errors import BadInput, IncompatibleFile, Stopped, UsageError
from mynah.sounds import fetched, packed, packing, scan
from mynah.sounds.index import FORMAT, INDEX
from mynah.sounds.packed import Remote, store_at
from mynah.stores import BucketStore, FolderStore, Store
from s3_server import s3
from sound_files import RATE, put, tone


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
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


def table(folder, name="meta.csv"):
    """Label files in several ways, one of them in two parts."""
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.wav"))
    lines = [f"{f},{f[0]},{'loud' if i % 2 else 'soft'},s{i % 3},{i % 4}" for i, f in enumerate(files)]
    lines.insert(2, ",,,,")
    whole, *rest = lines
    cut = [f"{whole},0,0.1", f"{whole},0.1,0.25"]
    head = "File,label,mood,speaker,fold,start,end"
    (folder / name).write_text("\n".join([head, *cut, *(f"{line},," for line in rest)]) + "\n")
    return folder / name


def facts(sounds):
    """All that `scan` says, but where the files lie."""
    clips = [{n: getattr(c, n) for n in c.__dataclass_fields__ if n != "path"} for c in sounds]
    rest = (sounds.name, sounds.problems, sounds.ignored, sounds.duplicates, sounds.leaks)
    return clips, rest, (sounds.grouped_by, sounds.official, sounds.fingerprint)


def asked_of(monkeypatch, kind):
    """Return a list that grows by (name, start, length) of each range that such stores are asked for."""
    asked, real = [], kind.get_range
    monkeypatch.setattr(kind, "get_range", lambda self, *wanted: asked.append(wanted) or real(self, *wanted))
    return asked


def same(folder, place, **options):
    ours, theirs = scan(folder, workers=1, **options), scan(place, **options)
    assert facts(ours) == facts(theirs)
    return ours, theirs


def test_scan_and_read_are_those_of_the_folder(odd, tmp_path, small_shards):
    done = packing.pack(odd, tmp_path / "packed", workers=1)
    assert done.shards > 2
    assert done.left_out == 1
    ours, theirs = same(odd, tmp_path / "packed")
    same(odd, tmp_path / "packed", repair=True)
    assert not (tmp_path / "cache" / "mynah" / "shards").exists()  # looked at without a sound being read
    for one, other in zip(ours, theirs, strict=True):
        assert np.array_equal(one.read(), other.read())
        assert np.array_equal(one.read(4000), other.read(4000))
    with pytest.raises(BadInput, match="had to be set aside"):
        scan(tmp_path / "packed", strict=True)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target": "mood"},
        {"group": "speaker"},
        {"target": "speaker", "group": "mood"},
        {"labels": "other.csv"},
    ],
)
def test_columns_are_chosen_when_it_is_learned(odd, tmp_path, options):
    table(odd)
    packing.pack(odd, tmp_path / "packed", workers=1)
    if "labels" in options:
        other = odd.parent / "other.csv"
        other.write_text("file,label\nhigh/ant.wav,a\nlow/bee.wav,b\nlow/stereo.flac,b\n")
        options = {"labels": other}
    ours, theirs = same(odd, tmp_path / "packed", **options)
    clip = next(clip for clip in theirs if clip.start or "labels" in options)
    assert np.array_equal(clip.read(), ours[theirs.clips.index(clip)].read())


def test_a_labels_file_from_elsewhere_goes_along(odd, tmp_path):
    labels = table(odd, "elsewhere.csv").rename(tmp_path / "elsewhere.csv")
    packing.pack(odd, tmp_path / "packed", labels=labels, workers=1)
    ours, theirs = scan(odd, labels=labels, workers=1), scan(tmp_path / "packed")
    assert facts(ours) == facts(theirs)
    assert str(tmp_path) not in (tmp_path / "packed" / INDEX).read_text()


def test_names_relative_to_the_labels_file_stay_understood(odd, tmp_path):
    labels = odd / "high" / "list.csv"
    labels.write_text("file;label\nant.wav;a\n../low/ant.wav;b\nsöng.ogg;b\n".replace("ö", "o\u0308"), encoding="utf-8")
    packing.pack(odd, tmp_path / "packed", labels=labels, workers=1)
    assert facts(scan(odd, labels=labels, workers=1)) == facts(scan(tmp_path / "packed"))


def test_any_tool_reads_the_shards(odd, tmp_path):
    table(odd)
    packing.pack(odd, tmp_path / "packed", group="speaker", workers=1)
    index = json.loads((tmp_path / "packed" / INDEX).read_text())
    names = {}
    for shard in index["shards"]:
        content = (tmp_path / "packed" / shard["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (shard["length"], shard["sha256"])
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            members = tar.getmembers()
            for sound, note in zip(members[::2], members[1::2], strict=True):
                assert note.name == os.path.splitext(sound.name)[0] + ".json"
                told = json.load(tar.extractfile(note))
                names[told["file"]] = told
                assert tar.extractfile(sound).read() == (odd / told["file"]).read_bytes()
    line = next(line for line in index["files"] if line["file"] == "low/bee.wav")
    content = (tmp_path / "packed" / line["shard"]).read_bytes()[line["offset"] :][: line["length"]]
    assert content == (odd / "low" / "bee.wav").read_bytes()
    assert (line["rate"], line["frames"]) == (RATE, 2400)
    told = names["low/bee.wav"]
    assert (told["label"], told["group"], told["frames"]) == ("l", told["lines"][0]["speaker"], 2400)
    assert told["fold"] in "0123"
    assert told["lines"][0]["mood"] in ("loud", "soft")
    assert len(names["high/ant.wav"]["clips"]) == 2


def test_the_same_folder_gives_the_same_bytes(folder, tmp_path):
    for name in ("one", "two"):
        packing.pack(folder, tmp_path / name, workers=1)
    names = FolderStore(tmp_path / "one").names()
    assert [(tmp_path / "one" / n).read_bytes() for n in names] == [(tmp_path / "two" / n).read_bytes() for n in names]


def test_a_clip_travels_small_and_is_fetched_once(folder, tmp_path, monkeypatch):
    packing.pack(folder, tmp_path / "packed", workers=1)
    clip = scan(tmp_path / "packed")[0]
    assert len(pickle.dumps(clip.path)) < 500
    asked = asked_of(monkeypatch, FolderStore)
    waves = [pickle.loads(pickle.dumps(clip)).read() for _ in range(3)]
    assert len(asked) == 1
    assert np.array_equal(waves[0], waves[2])
    copy = next((tmp_path / "cache" / "mynah" / "shards").rglob("*.wav"))
    copy.write_bytes(copy.read_bytes()[:50])  # cut off by a crash
    assert np.array_equal(clip.read(), waves[0])
    assert len(asked) == 2


def test_the_longest_unused_copies_make_room(folder, tmp_path, monkeypatch):
    packing.pack(folder, tmp_path / "packed", workers=1)
    sounds = scan(tmp_path / "packed")
    size = os.stat(sounds[0].path).st_size
    paths = [os.fspath(clip.path) for clip in sounds]
    for age, path in enumerate(paths):
        os.utime(path, (time.time() - 10_000 + age, 0))
    os.fspath(sounds[0].path)  # used just now
    monkeypatch.setenv(fetched.LIMIT, str(6.5 * size / 1e9))
    monkeypatch.setattr(fetched, "_fetched", float("inf"))
    os.unlink(paths[-1])
    os.fspath(sounds[len(sounds) - 1].path)
    assert [os.path.exists(path) for path in paths] == [True, *[False] * 7, *[True] * 4]
    monkeypatch.setenv(fetched.LIMIT, "0")
    os.fspath(sounds[1].path)
    assert [os.path.exists(path) for path in paths] == [True, True, *[False] * 9, True]  # those may be open now
    monkeypatch.setenv(fetched.LIMIT, "plenty")
    with pytest.raises(UsageError, match="MYNAH_CACHE_GB: must be a number of gigabytes"):
        os.fspath(sounds[2].path)


# --- what is wrong is said


def _edited(change):
    def edit(place):
        document = json.loads((place / INDEX).read_text())
        change(document)
        (place / INDEX).write_text(json.dumps(document))

    return edit


def _cut(place):
    shard = place / "shard-00000.tar"
    shard.write_bytes(shard.read_bytes()[:-5000])


@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (_cut, IncompatibleFile, r"shard-00000.tar: a shard is not what was packed \(\d+ of \d+ bytes"),
        (lambda place: (place / "shard-00000.tar").unlink(), IncompatibleFile, "shard-00000.tar: a shard is missing"),
        (lambda place: (place / INDEX).unlink(), BadInput, "packing was not finished.*same `mynah pack` again"),
        (lambda place: (place / INDEX).write_text("{}"), IncompatibleFile, "not an index of packed sounds"),
        (lambda place: (place / INDEX).write_bytes(b"\xff[[[["), IncompatibleFile, "not an index of packed sounds"),
        (
            _edited(lambda d: d.update(format="mynah.packed/99")),
            IncompatibleFile,
            rf"another version \(mynah.packed/99, this Mynah reads {FORMAT}\). Update",
        ),
        (_edited(lambda d: d["files"][3].pop("content")), IncompatibleFile, "damaged"),
        (_edited(lambda d: d["files"][3].update(rate="fast")), IncompatibleFile, "high/dog.wav cannot be meant"),
        (_edited(lambda d: d["files"][3].update(length=10**9)), IncompatibleFile, "high/dog.wav cannot be meant"),
        (_edited(lambda d: d["files"][3].update(sha256="../../x")), IncompatibleFile, "high/dog.wav cannot be meant"),
        (_edited(lambda d: d["files"][3].update(file="../../a.py")), IncompatibleFile, "../../a.py cannot be meant"),
        (_edited(lambda d: d["shards"][0].update(name="/etc/passwd")), IncompatibleFile, "/etc/passwd cannot be meant"),
    ],
)
def test_a_harmed_corpus_is_refused_before_any_work(folder, tmp_path, harm, error, words):
    packing.pack(folder, tmp_path / "packed", workers=1)
    scan(tmp_path / "packed")
    harm(tmp_path / "packed")
    with pytest.raises(error, match=words):
        scan(tmp_path / "packed")


def test_changed_bytes_are_found_when_they_are_read(folder, tmp_path):
    packing.pack(folder, tmp_path / "packed", workers=1)
    sounds = scan(tmp_path / "packed")
    clip = sounds[3]
    shard = tmp_path / "packed" / clip.path.shard
    content = bytearray(shard.read_bytes())
    content[clip.path.offset + 1000] ^= 1
    shard.write_bytes(content)
    with pytest.raises(IncompatibleFile, match=r"shard-00000.tar: a shard is not what was packed.*sha256"):
        clip.read()
    sounds[4].read()
    shard.write_bytes(content[:600])
    with pytest.raises(IncompatibleFile, match=r"\d+ of \d+ bytes"):
        sounds[5].read()
    shard.unlink()
    with pytest.raises(IncompatibleFile, match="a shard is missing"):
        sounds[6].read()
    assert not any(path.name.startswith(clip.path.sha256) for path in (tmp_path / "cache").rglob("*"))


@pytest.mark.parametrize("place", ["http://host/x", "ftp://x"])
def test_other_urls_are_no_places(place):
    with pytest.raises(UsageError, match="no such kind of store"):
        scan(place)


def test_where_something_lies_nothing_is_packed(folder, tmp_path):
    for out, words in ((folder, "holds other files"), (folder / "high" / "ant.wav", "is a file")):
        with pytest.raises(UsageError, match=words):
            packing.pack(folder, out, workers=1)
    packing.pack(folder, tmp_path / "packed", workers=1)
    before = (tmp_path / "packed" / INDEX).stat()
    with pytest.raises(UsageError, match="holds packed sounds already"):
        packing.pack(folder, tmp_path / "packed", workers=1)
    assert (tmp_path / "packed" / INDEX).stat() == before
    with pytest.raises(UsageError, match="is packed already"):
        packing.pack(tmp_path / "packed", tmp_path / "again")
    with pytest.raises(UsageError, match="--shard-mb: must be 1 or more"):
        packing.pack(folder, tmp_path / "third", shard_mb=0)


def test_a_file_that_changes_meanwhile_is_not_packed(folder, tmp_path, monkeypatch):
    def survey(*args, real=packing.survey, **options):
        put(folder / "low" / "cat.wav", tone(0.5, seed="new"))
        return real(*args, **options)

    monkeypatch.setattr(packing, "survey", survey)
    with pytest.raises(BadInput, match=r"cat.wav: has changed while it was packed"):
        packing.pack(folder, tmp_path / "packed", workers=1)
    with pytest.raises(BadInput, match=r"no audio|no packed sounds|no such folder|not finished"):
        scan(tmp_path / "packed")


class Liar(FolderStore):
    """A store that does not keep what it is given."""

    def put(self, name, content):
        super().put(name, content[:-1] + bytes([content[-1] ^ 1]))


def test_a_store_that_does_not_keep_its_word_is_found(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "store_at", Liar)
    with pytest.raises(Stopped, match=r"shard-00000.tar: the store did not keep what was written"):
        packing.pack(folder, tmp_path / "packed", workers=1)
    assert not (tmp_path / "packed" / INDEX).exists()


KILLED = """
import os, signal, sys
from mynah.sounds import packing
from mynah.stores import FolderStore
parts = packing._parts
packing._parts = lambda files, stamps, most: parts(files, stamps, 20_000)
puts = []
def put(self, name, content, real=FolderStore.put):
    real(self, name, content)
    puts.append(name)
    if len(puts) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
FolderStore.put = put
packing.pack(sys.argv[1], sys.argv[2], workers=1)
"""


def test_killed_while_packing_leaves_no_index_and_goes_on(folder, tmp_path, small_shards, monkeypatch):
    out = tmp_path / "packed"
    died = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(out)], capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert FolderStore(out).names() == ["shard-00000.tar", "shard-00001.tar"]
    with pytest.raises(BadInput, match="packing was not finished"):
        scan(out)
    (out / "shard-00001.tar").write_bytes(b"x" * (out / "shard-00001.tar").stat().st_size)
    (out / "shard-00099.tar").write_bytes(b"of a larger folder")
    written = []
    monkeypatch.setattr(
        FolderStore, "put", lambda self, name, *a, real=FolderStore.put: written.append(name) or real(self, name, *a)
    )
    done = packing.pack(folder, out, workers=1)
    assert written == [f"shard-{n:05d}.tar" for n in range(1, done.shards)] + [INDEX]
    assert not (out / "shard-00099.tar").exists()
    same(folder, out)


# --- buckets


def test_in_memory_a_bucket_is_the_folder_too(odd, small_shards):
    pytest.importorskip("obstore", reason="needs obstore: pip install 'mynah[cloud]'")
    packing.pack(odd, "memory:///packed", workers=1)
    ours, theirs = same(odd, "memory:///packed")
    assert np.array_equal(ours[3].read(), theirs[3].read())


def test_from_a_bucket_only_what_is_read_is_downloaded(odd, small_shards, monkeypatch):
    with s3(monkeypatch, "corpus") as url:
        with pytest.raises(BadInput, match=r"s3://corpus/animals: no packed sounds there"):
            scan(f"{url}/animals")
        packing.pack(odd, f"{url}/animals", workers=1)
        ours, theirs = same(odd, f"{url}/animals")
        with pytest.raises(UsageError, match="holds packed sounds already"):
            packing.pack(odd, f"{url}/animals", workers=1)
        asked = asked_of(monkeypatch, BucketStore)
        assert np.array_equal(ours[5].read(), theirs[5].read())
        remote = theirs[5].path
        assert asked == [(remote.shard, remote.offset, remote.length)]
        with pytest.raises(Stopped, match="s3://nobucket"):
            scan("s3://nobucket/x")
        store = store_at(f"{url}/animals")
        store.put(remote.shard, store.get(remote.shard)[:700])
        with pytest.raises(
            IncompatibleFile, match=r"s3://corpus/animals/shard-0000\d.tar: a shard is not what was packed"
        ):
            scan(f"{url}/animals")
        store.delete(remote.shard)
        with pytest.raises(IncompatibleFile, match="a shard is missing"):
            scan(f"{url}/animals")
        with pytest.raises(IncompatibleFile, match="a shard is missing"):
            Remote(f"{url}/animals", remote.shard, 0, 9, "0" * 64, ".wav").__fspath__()


def test_stores_tell_sizes(tmp_path):
    pytest.importorskip("obstore", reason="needs obstore: pip install 'mynah[cloud]'")
    for store in (FolderStore(tmp_path / "s"), packed.open_store("memory:///")):
        for name in ("b/two", "a"):
            store.put(name, name.encode())
        assert store.sizes() == Store.sizes(store) == {"a": 1, "b/two": 5}
        assert store.within("b").sizes() == {"two": 5}
