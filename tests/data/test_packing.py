"""Packing goes on after a kill and overwrites nothing, and a harmed corpus is refused in one clear line."""

import json
import signal
import subprocess
import sys

import pytest

from mynah.data import packing, scan
from mynah.data.index import FORMAT, INDEX
from mynah.ground.errors import BadInput, IncompatibleFile, Stopped, UsageError
from mynah.stores import FolderStore
from sound_files import put, same, tone

pytestmark = pytest.mark.usefixtures("own_cache")


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
        (_edited(lambda d: d["files"][3].update(rate="fast")), IncompatibleFile, "high/dog.wav is invalid"),
        (_edited(lambda d: d["files"][3].update(length=10**9)), IncompatibleFile, "high/dog.wav is invalid"),
        (_edited(lambda d: d["files"][3].update(sha256="../../x")), IncompatibleFile, "high/dog.wav is invalid"),
        (_edited(lambda d: d["files"][3].update(file="../../a.py")), IncompatibleFile, "../../a.py is invalid"),
        (_edited(lambda d: d["shards"][0].update(name="/etc/passwd")), IncompatibleFile, "/etc/passwd is invalid"),
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
from mynah.data import packing
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
