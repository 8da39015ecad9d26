"""Packed sounds are the folder's sounds, byte for byte and clip for clip, or a clear line says why not."""

import hashlib
import io
import json
import os
import pickle
import tarfile
import time

import numpy as np
import pytest

from mynah.data import fetched, packed, packing, scan
from mynah.data.index import INDEX
from mynah.data.packed import Remote, store_at
from mynah.ground.errors import BadInput, IncompatibleFile, Stopped, UsageError
from mynah.stores import BucketStore, FolderStore, Store
from s3_server import s3
from sound_files import RATE, asked_of, facts, same

pytestmark = pytest.mark.usefixtures("own_cache")


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


def test_in_memory_a_bucket_is_the_folder_too(odd, small_shards):
    pytest.importorskip("obstore", reason="needs obstore: pip install '.[cloud]'")
    packing.pack(odd, "memory:///packed", workers=1)
    ours, theirs = same(odd, "memory:///packed")
    assert np.array_equal(ours[3].read(), theirs[3].read())


@pytest.mark.parametrize("kind", ["moto", "rclone"])
def test_from_a_bucket_only_what_is_read_is_downloaded(odd, tmp_path, small_shards, monkeypatch, kind):
    with s3(monkeypatch, tmp_path / "server", kind) as url:
        with pytest.raises(BadInput, match=r"s3://bucket/animals: no packed sounds there"):
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
            IncompatibleFile, match=r"s3://bucket/animals/shard-0000\d.tar: a shard is not what was packed"
        ):
            scan(f"{url}/animals")
        store.delete(remote.shard)
        with pytest.raises(IncompatibleFile, match="a shard is missing"):
            scan(f"{url}/animals")
        with pytest.raises(IncompatibleFile, match="a shard is missing"):
            Remote(f"{url}/animals", remote.shard, 0, 9, "0" * 64, ".wav").__fspath__()


def test_stores_tell_sizes(tmp_path):
    pytest.importorskip("obstore", reason="needs obstore: pip install '.[cloud]'")
    for store in (FolderStore(tmp_path / "s"), packed.open_store("memory:///")):
        for name in ("b/two", "a"):
            store.put(name, name.encode())
        assert store.sizes() == Store.sizes(store) == {"a": 1, "b/two": 5}
        assert store.within("b").sizes() == {"two": 5}
