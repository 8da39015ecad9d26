"""Finding files: links, pipes, locked names, earlier runs; nothing hangs, nothing is entered twice."""

import os

import pytest

from mynah.data import walk
from sound_files import look, only, put


def test_order_does_not_depend_on_the_disk(folder):
    files = [clip.file for clip in look(folder)]
    assert files == sorted(files)


def test_links_to_folders_inside_and_above_are_cut(folder):
    os.symlink(folder / "low", folder / "again")
    os.symlink(folder.parent, folder / "low" / "up")
    sounds = look(folder)
    assert len(sounds) == 12
    assert sounds.ignored == {walk.LINKS: 2}


def test_a_link_to_a_folder_elsewhere_is_followed_once(folder, tmp_path):
    put(tmp_path / "elsewhere" / "deep" / "gnu.wav")
    os.symlink(tmp_path / "elsewhere", tmp_path / "elsewhere" / "round")
    os.symlink(tmp_path / "elsewhere", folder / "more")
    os.symlink(tmp_path / "elsewhere" / "deep", folder / "most")
    sounds = look(folder)
    assert [clip.file for clip in sounds if clip.label not in ("low", "high")] == ["more/deep/gnu.wav"]
    assert sounds.ignored == {walk.LINKS: 2}


def test_broken_links_and_pipes_are_set_aside_and_do_not_hang(folder):
    os.symlink(folder / "nothing.wav", folder / "low" / "broken.wav")
    os.symlink("self.wav", folder / "low" / "self.wav")
    os.mkfifo(folder / "low" / "pipe.wav")
    sounds = look(folder)
    assert len(sounds) == 12
    assert {p.file: p.detail for p in sounds.problems} == {
        "low/broken.wav": "a link to nowhere",
        "low/self.wav": "a link to nowhere",
        "low/pipe.wav": "not a regular file",
    }


def test_a_folder_that_cannot_be_opened_is_told(folder, monkeypatch):
    scandir = os.scandir

    def locked(path):
        if str(path).endswith("low"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    sounds = look(folder)
    assert len(sounds) == 6
    assert only(sounds, "unreadable").detail == "the folder cannot be opened (Permission denied)"


def test_previews_of_an_earlier_run_are_no_class(folder):
    put(folder / "mynah-run" / "previews" / "0.wav")
    (folder / "mynah-run" / "trials").mkdir()
    (folder / "mynah-run" / "results.json").write_text("{}")
    sounds = look(folder)
    assert sounds.classes == ["high", "low"]
    assert sounds.ignored == {walk.RUNS: 1}


def test_other_files_are_counted_by_suffix(folder):
    (folder / "notes.TXT").write_text("")
    (folder / "low" / "cover.txt").write_text("")
    (folder / "low" / "Makefile").write_text("")
    assert look(folder).ignored == {".txt": 2, "without suffix": 1}


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_utf8(folder):
    path = os.fsencode(folder / "low") + b"/caf\xe9.wav"
    try:
        os.rename(folder / "low" / "ant.wav", path)
    except OSError:
        pytest.skip("this disk refuses names that are not UTF-8")
    clip = look(folder)[-6:][1]
    assert clip.file == r"low/caf\xe9.wav"
    assert clip.read().shape == (1, 2400)


def test_a_moved_folder_has_the_same_fingerprint(folder):
    before = look(folder)
    moved = folder.rename(folder.parent / "moved")
    assert look(moved).fingerprint == before.fingerprint
