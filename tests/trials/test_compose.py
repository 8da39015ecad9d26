"""From a folder of MIDI files to pieces, model and page; bad input before any work; stopped and gone on with."""

import json
import re

import numpy as np
import pytest

from mynah import audio, modelfile
from mynah.cli.app import run
from mynah.datasets.tunes import tunes
from mynah.errors import BadInput, IncompatibleFile, MissingExtra, NotEnoughData, Stopped, UsageError
from mynah.music import Meter, Note, Piece
from mynah.music.midi import read, write
from mynah.trials import compose as c
from mynah.trials.compose import Order, compose


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tunes(tmp_path_factory.mktemp("tunes") / "in", count=6, bars=2)
    (place / "bad.mid").write_bytes(b"MThd")
    return place


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory):
    prime = write(Piece((Note(0, 300, 62), Note(0, 480, 40)), 240, meters=(Meter(0, 3, 4),)), folder.parent / "p.mid")
    order = Order(bars=2, count=2, prime=str(prime), render=True)
    return compose(folder, budget="20steps", order=order, out=tmp_path_factory.mktemp("out"))


def test_what_lies_in_the_folder(made):
    names = sorted(p.relative_to(made.folder).as_posix() for p in made.folder.rglob("*") if p.is_file())
    pieces = [f"piece-{n}.{kind}" for n in (1, 2) for kind in ("mid", "wav")]
    previews = [f"previews/{name}.mp3" for name in ("example", "piece-1", "piece-2")]
    assert names == sorted(["composer.mynah", "music.json", "report.html", *pieces, *previews])
    first = read(made.folder / "piece-1.mid")
    assert first.notes[:2] == (Note(0, 300, 62), Note(0, 480, 40)) or set(first.notes) >= {Note(0, 300, 62)}
    assert first.meters == (Meter(0, 3, 4),)
    assert audio.info(made.folder / "piece-1.wav").seconds == pytest.approx(first.seconds(first.end) + 0.58, abs=0.01)
    assert "surprise at 1 piece held out" in str(made)
    assert "piece-2.wav" in str(made)


def test_the_document_says_what_was_done(made):
    document = json.loads((made.folder / "music.json").read_text())
    assert document == made.results
    assert document["learned"] == 5
    assert document["held_out"]["pieces"] == 1
    assert document["composed"][0]["primed"] == 2.0
    assert document["composed"][0]["bars"][:3] == [0, 3, 6]
    assert document["problems"] == [
        "bad.mid: not a Standard MIDI file, or damaged (the file ends too early). Export it again, or leave it out."
    ]


def test_the_page_is_whole_and_offline(made):
    page = (made.folder / "report.html").read_text()
    assert page.count("<audio") == page.count('src="data:audio/mpeg;base64,') == 3
    assert page.count('aria-label="Piano roll') == 3
    assert page.count('class="until"') == 2  # the two that were begun with something
    assert "bad.mid" in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert str(made.folder) not in page


def test_a_model_goes_on_without_learning(made, tmp_path):
    again = compose(made.folder / "composer.mynah", order=Order(bars=1, count=1, temperature=0), out=tmp_path)
    assert again.results["learned"] == 5
    assert again.results["held_out"] == made.results["held_out"]
    assert again.results["problems"] == []
    assert (tmp_path / "composer.mynah").read_bytes() == (made.folder / "composer.mynah").read_bytes()
    assert ("(nothing but silence came" in str(again)) == (not again.results["composed"][0]["notes"])
    with pytest.raises(UsageError, match="of its own family"):
        compose(made.folder / "composer.mynah", family="biaxial", out=tmp_path)


def test_what_was_written_is_not_learned(made, folder, tmp_path):
    from mynah.music.midi import read_folder

    assert len(read_folder(folder).pieces) == 6
    with pytest.raises(BadInput, match="no MIDI files"):
        read_folder(made.folder)


@pytest.mark.parametrize(
    ("order", "error", "says"),
    [
        ({"temperature": -1.0}, UsageError, "between 0 .* and 10"),
        ({"temperature": float("inf")}, UsageError, "between 0 .* and 10"),
        ({"bars": 0}, UsageError, "1 bar or more"),
        ({"prime": "nowhere.mid"}, BadInput, "cannot be read"),
        ({"prime": "drums.mid"}, BadInput, "drums only"),
        ({"soundfont": "nowhere.sf2"}, BadInput, "no such soundfont"),
    ],
)
def test_bad_orders_are_refused_before_any_work(folder, tmp_path, monkeypatch, order, error, says):
    monkeypatch.chdir(tmp_path)
    write(Piece((Note(0, 9, 36, channel=9),)), "drums.mid")
    monkeypatch.setattr(c, "_learned", lambda *_: pytest.fail("learned first"))
    with pytest.raises(error, match=says):
        compose(folder, order=Order(**order), out="out")
    assert [path.name for path in tmp_path.iterdir()] == ["drums.mid"]


def test_bad_folders(tmp_path):
    write(Piece((Note(0, 9, 36, channel=9),)), tmp_path / "drums.mid")
    with pytest.raises(NotEnoughData, match=r"drums only \(channel 10\)"):
        compose(tmp_path, out=tmp_path / "out")
    with pytest.raises(UsageError, match=r"makes no music.*melody_rnn"):
        compose(tmp_path, family="knn", out=tmp_path / "out")
    (tmp_path / "x.mynah").write_bytes(b"")
    with pytest.raises(IncompatibleFile, match="not a Mynah model"):
        compose(tmp_path / "x.mynah", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_soundfont_without_fluidsynth_is_exit_code_6(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "a.sf2").write_bytes(b"x")
    assert run(["compose", str(folder), "--soundfont", str(tmp_path / "a.sf2")]) == MissingExtra.exit_code == 6
    assert "apt install fluidsynth" in capsys.readouterr().err


def test_the_command(folder, tmp_path, capsys):
    out = tmp_path / "out"
    command = ["compose", str(folder), "--budget", "16steps", "--bars", "1", "--count", "1", "--out", str(out)]
    assert run([*command, "--family", "char-rnn", "--json", "-q"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["family"] == "char_rnn"
    assert "set aside: bad.mid" in said.err
    assert run([*command, "--temperature", "-1"]) == 2
    assert run(["compose", str(tmp_path / "nowhere")]) == 3
    assert run(["compose", str(out / "music.json")]) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_stopped_it_goes_on_to_the_same_model(folder, tmp_path, monkeypatch):
    from mynah.training import Saver

    whole = compose(folder, budget="24steps", order=Order(bars=1, count=1), out=tmp_path / "whole")
    plain = Saver.must_stop
    looks = iter(range(1000))
    monkeypatch.setattr(Saver, "must_stop", lambda self: Stopped("told to") if next(looks) == 12 else plain(self))
    with pytest.raises(Stopped, match="told to"):
        compose(folder, budget="24steps", order=Order(bars=1, count=1), out=tmp_path / "halves")
    assert not (tmp_path / "halves" / "composer.mynah").exists()
    assert list((tmp_path / "halves" / ".training").rglob("manifests/*"))
    compose(folder, budget="24steps", order=Order(bars=1, count=1), out=tmp_path / "halves")
    one, other = (modelfile.load(tmp_path / name / "composer.mynah").tensors() for name in ("whole", "halves"))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert (tmp_path / "halves" / "piece-1.mid").read_bytes() == (whole.folder / "piece-1.mid").read_bytes()


def test_few_pieces_are_not_held_out(folder, tmp_path):
    for path in sorted(folder.glob("tune*"))[:3]:
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / path.name).write_bytes(path.read_bytes())
    found = compose(tmp_path / "in", budget="16steps", order=Order(bars=1, count=1), out=tmp_path / "out")
    assert found.results["held_out"] is None
    assert "no piece was held out" in str(found)
    assert "Too few pieces" in (tmp_path / "out" / "report.html").read_text()
