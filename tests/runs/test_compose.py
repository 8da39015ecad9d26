"""From a folder of MIDI files to pieces, model and page; bad input before any work; stopped and gone on with."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from mynah import audio, modelfile
from mynah.cli.app import run
from mynah.data.tunes import tunes
from mynah.ground.errors import BadInput, IncompatibleFile, MissingExtra, NotEnoughData, Stopped, UsageError
from mynah.models.melody_rnn import MelodyRNN
from mynah.music import Meter, Note, Piece, Tempo
from mynah.music.borrowed import Passages
from mynah.music.midi import read, read_folder, write
from mynah.music.piece import bar_ticks
from mynah.runs import compose as c
from mynah.runs.compose import Order, compose
from mynah.training import inner_split


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
    assert "prediction error on 1 held-out piece" in str(made)
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


def test_what_is_said_of_pieces_held_out_is_measured_on_them(made, folder):
    kept, held = c._split(list(read_folder(folder).pieces), 0)
    model = modelfile.load(made.folder / "composer.mynah")
    said = made.results["held_out"]
    assert said["surprise"] == pytest.approx(float(model.prediction_error(held).mean()), abs=1e-9)
    assert said["surprise"] != pytest.approx(float(model.prediction_error(kept).mean()), abs=1e-3)
    assert said["without_learning"] == pytest.approx(float(model.counting_baseline(kept, held).mean()), abs=1e-9)


def test_what_is_borrowed_is_found(folder, tmp_path, monkeypatch):
    kept, held = c._split(list(read_folder(folder).pieces), 0)
    copied = MelodyRNN().input_of(kept[3].from_start()).notes[:6]

    def generate(self, count, *, bars, like, **_):
        first = like.until
        after = [Note(*(first + tick * like.ticks // 4 for tick in (n.start, n.end)), n.pitch + 1) for n in copied]
        yield replace(like, notes=(*like.notes, *after))

    monkeypatch.setattr(MelodyRNN, "generate", generate)
    prime = write(replace(kept[0], name=""), tmp_path / "prime.mid")
    order = Order(bars=1, count=1, prime=str(prime))
    made = compose(folder, budget="1steps", order=order, out=tmp_path / "out")
    name = kept[3].name
    assert made.results["composed"][0]["borrowed"] == {"notes": 6, "of": 6, "piece": name}
    found = made.results["borrowed"]
    assert found["learned"] == 5
    whole = Passages([MelodyRNN().input_of(piece) for piece in kept])
    first = held[0].from_start()
    bar = [note for note in first.notes if note.start < bar_ticks(first.meter_at(0), first.ticks)]
    own = MelodyRNN().input_of(replace(first, notes=tuple(bar)))
    assert found["held_out"] == {"pieces": 1, "notes": whole.longest(own).notes, "of": len(own.notes)}
    assert f"piece-1.mid  (6 of 6 notes in a row as in {name})" in str(made)
    assert "in the median of 1 piece held out: " in str(made)
    page = re.sub("<wbr>", "", (tmp_path / "out" / "report.html").read_text())
    assert f"longest passage that a learned piece has too: 6 of 6 notes ({name})" in page
    assert "in the median of 1 piece held out: " in page
    assert "spread evenly" not in page
    again = compose(tmp_path / "out" / "composer.mynah", order=order, out=tmp_path / "again")
    assert again.results["borrowed"] is again.results["composed"][0]["borrowed"] is None
    assert "as in" not in str(again)
    assert "learned piece has too" not in (tmp_path / "again" / "report.html").read_text()


def test_not_all_is_compared_of_much(folder, tmp_path, monkeypatch):
    for name, most in {"MOST_LEARNED": 2, "MOST_HELD": 1, "MOST_NOTES": 3}.items():
        monkeypatch.setattr(c, name, most)
    made = compose(folder, budget="1steps", order=Order(bars=4, count=1), out=tmp_path)
    assert made.results["borrowed"]["learned"] == 2
    assert made.results["borrowed"]["held_out"]["of"] <= 3
    assert "sought in 2 of the learned pieces, spread evenly" in (tmp_path / "report.html").read_text()
    assert c._spread(list("abcdefghij"), 3) == ["a", "d", "g"]
    assert c._spread([], 3) == []


def test_the_page_is_whole_and_offline(made):
    page = (made.folder / "report.html").read_text()
    assert page.count("<audio") == page.count('src="data:audio/mpeg;base64,') == 3
    assert page.count('aria-label="Piano roll') == 3
    assert page.count('class="until"') == 2  # the two that were begun with something
    assert page.count('<span class="path">piece-1.mid</span><span class="path">piece-1.wav</span>') == 1
    assert page.count('class="path"') == 5  # of the one that was learned there is no WAV
    assert "bad.mid" in page
    assert not re.search(r'(src|href)="(https?:)?//', page)
    assert str(made.folder) not in page


def test_the_headline_is_about_the_pieces_held_out(made):
    held = {"pieces": 1, "unit": "nats a step", "surprise": 0.86, "without_learning": 1.72}
    path = made.folder / "music.json"
    before = path.read_text()
    path.write_text(json.dumps({**made.results, "held_out": held}))
    page = c.music.build(made.folder).read_text()
    path.write_text(before)
    c.music.build(made.folder)
    assert "<h1>On unseen pieces the prediction error is 0.86 nats a step, 50 % less than that of the counting" in page


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
    assert len(read_folder(folder).pieces) == 6
    with pytest.raises(BadInput, match="no MIDI files"):
        read_folder(made.folder)


def test_the_folder_of_midi_files_is_never_written_to(tmp_path, monkeypatch):
    place = tunes(tmp_path / "in", count=2, bars=1)
    monkeypatch.setattr(c, "_learned", lambda *_: pytest.fail("learned first"))
    monkeypatch.chdir(place)
    for out in (place, ".", tmp_path / "x" / ".." / "in"):
        with pytest.raises(UsageError, match="--out: the pieces cannot go into the folder that is learned from"):
            compose(place, out=out)
    assert sorted(path.name for path in place.iterdir()) == ["tune-00.mid", "tune-01.mid"]


@pytest.mark.parametrize(
    "document", [None, "{}", '{"schema": "mynah.music/1", "composed": [{"file": "piece-2.mid"}, 3]}']
)
@pytest.mark.parametrize("name", ["piece-1.mid", "piece-7.wav", "previews/piece-1.mp3"])
def test_what_no_earlier_call_wrote_is_not_overwritten(folder, tmp_path, monkeypatch, document, name):
    monkeypatch.setattr(c, "_learned", lambda *_: pytest.fail("learned first"))
    (tmp_path / "previews").mkdir()
    (tmp_path / name).write_bytes(b"mine")
    if document is not None:
        (tmp_path / "music.json").write_text(document)
    with pytest.raises(UsageError, match="that `mynah compose` did not write"):
        compose(folder, out=tmp_path)
    assert (tmp_path / name).read_bytes() == b"mine"
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("name", ["music.json", "report.html", "composer.mynah"])
def test_the_page_of_another_command_is_not_overwritten(folder, tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(UsageError, match=name):
        compose(folder, out=tmp_path)
    assert (tmp_path / name).read_text() == "{}"


def test_a_second_call_and_a_model_of_the_folder_itself_go_into_it(made, tmp_path):
    (tmp_path / "composer.mynah").write_bytes((made.folder / "composer.mynah").read_bytes())
    (tmp_path / "mine.mid").write_bytes(b"kept")
    for _ in range(2):
        compose(tmp_path / "composer.mynah", order=Order(bars=1, count=1), out=tmp_path)
    assert (tmp_path / "piece-1.mid").is_file()
    assert (tmp_path / "mine.mid").read_bytes() == b"kept"


def test_pieces_of_an_interrupted_call_are_not_learned(made, tmp_path, monkeypatch):
    order, shown = Order(bars=1, count=2), c._shown

    def full(piece, sound, *rest):
        if sound == "piece-2.mp3":
            raise Stopped("full")
        return shown(piece, sound, *rest)

    monkeypatch.setattr(c, "_shown", full)
    with pytest.raises(Stopped, match="full"):
        compose(made.folder / "composer.mynah", order=order, out=tmp_path / "out")
    assert (tmp_path / "out" / "piece-2.mid").is_file()
    with pytest.raises(BadInput, match="no MIDI files but in a folder that"):
        read_folder(tmp_path)
    monkeypatch.setattr(c, "_shown", shown)
    assert len(compose(made.folder / "composer.mynah", order=order, out=tmp_path / "out").results["composed"]) == 2


def test_of_a_long_piece_the_page_plays_where_new_music_begins(made, tmp_path):
    notes = tuple(Note(480 * n, 480 * n + 480, 60 + n % 7) for n in range(1200))
    prime = write(Piece(notes), tmp_path / "long.mid")  # ten minutes
    order = Order(bars=1, count=1, prime=str(prime))
    piece = compose(made.folder / "composer.mynah", order=order, out=tmp_path / "out").results["composed"][0]
    first, last = piece["played"]
    assert last - first == pytest.approx(120)
    assert first < 600 < last
    sound = tmp_path / "out" / "previews" / "piece-1.mp3"
    assert audio.info(sound).seconds == pytest.approx(120, abs=0.2)
    assert f"played: {first:.0f} s to {last:.0f} s" in (tmp_path / "out" / "report.html").read_text()
    (tmp_path / "previews").mkdir()
    silent = Piece((Note(0, 480, 60), Note(480 * 1000, 480 * 1001, 60)))  # but for its ends
    c._shown(silent, "silent.mp3", tmp_path, silent.until)
    wave, rate = soundfile.read(tmp_path / "previews" / "silent.mp3")
    assert np.abs(wave[: 100 * rate]).max() < 0.01 < 0.1 < np.abs(wave[100 * rate :]).max()
    assert c._played(Piece(notes), 0) == (0.0, 120.0)
    assert c._played(Piece(notes), 480 * 100) == (40.0, 120.0)
    assert c._played(Piece(notes[:4]), 0) == (0.0, pytest.approx(2.58))


def test_what_follows_drums_is_no_silence(made, tmp_path):
    drums = (Note(480 * beat, 480 * beat + 100, 36, channel=9) for beat in range(8))
    prime = write(Piece((Note(0, 480, 60), *drums)), tmp_path / "drums.mid")
    found = compose(made.folder / "composer.mynah", order=Order(bars=2, count=1, prime=str(prime)), out=tmp_path / "o")
    piece = found.results["composed"][0]
    assert piece["primed"] == 7.25  # quarter notes: the last stroke takes a sixteenth
    assert next(note[0] for note in piece["notes"] if note[0] >= 1) >= 7.25
    assert "silence" not in str(found)


def test_a_second_call_leaves_nothing_of_the_first(folder, made, tmp_path):
    model = made.folder / "composer.mynah"
    compose(folder, budget="1steps", order=Order(bars=1, count=3, render=True), out=tmp_path)
    compose(model, order=Order(bars=1, count=1), out=tmp_path)
    names = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert names == ["composer.mynah", "music.json", "piece-1.mid", "previews/piece-1.mp3", "report.html"]


@pytest.mark.parametrize(
    ("order", "error", "says"),
    [
        ({"temperature": -1.0}, UsageError, "between 0 .* and 10"),
        ({"temperature": float("inf")}, UsageError, "between 0 .* and 10"),
        ({"bars": 0}, UsageError, "1 bar or more"),
        ({"device": "tpu"}, UsageError, "no such device"),
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
    assert "Too few different pieces" in (tmp_path / "out" / "report.html").read_text()


def broken(*_, **__):
    raise Stopped("no room")


@pytest.mark.parametrize("breaks", [(c.Composer, "prediction_error"), (c, "_shown"), (c.music, "build")])
def test_what_was_learned_is_kept_whatever_comes_after(folder, tmp_path, monkeypatch, breaks):
    ordered = {"budget": "16steps", "order": Order(bars=1, count=1), "out": tmp_path}
    train = c._train
    monkeypatch.setattr(c, "_train", lambda *a: (train(*a), monkeypatch.setattr(*breaks, broken)))
    with pytest.raises(Stopped, match="no room"):
        compose(folder, **ordered)
    tensors = modelfile.load(tmp_path / "composer.mynah").tensors()
    assert not [path for path in (tmp_path / ".training").rglob("*") if path.is_file()]
    monkeypatch.undo()
    monkeypatch.setattr(c, "_train", lambda *_: pytest.fail("learned again"))
    made = compose(folder, **ordered)
    assert made.results["history"]
    assert made.results["held_out"]["pieces"] == 1
    for name, value in modelfile.load(tmp_path / "composer.mynah").tensors().items():
        assert np.array_equal(value, tensors[name])
    for other in ({"budget": "17steps"}, {"order": Order(bars=1, count=1, seed=1)}, {"family": "biaxial"}):
        with pytest.raises(pytest.fail.Exception, match="learned again"):
            compose(folder, **{**ordered, **other})


def test_checkpoints_stay_until_the_model_is_written(folder, tmp_path, monkeypatch):
    from mynah.training import Saver

    monkeypatch.setattr(c.modelfile, "save", broken)
    monkeypatch.setattr(c, "Saver", lambda *a: Saver(*a, every_steps=4))
    with pytest.raises(Stopped, match="no room"):
        compose(folder, budget="16steps", order=Order(bars=1, count=1), out=tmp_path)
    assert list((tmp_path / ".training").rglob("manifests/*"))


def test_copies_are_on_one_side_of_every_split(tmp_path, monkeypatch):
    place = tunes(tmp_path / "in", count=6, bars=1)
    for path in place.glob("*.mid"):
        piece = read(path)
        up = tuple(replace(note, pitch=note.pitch + 3) for note in piece.notes)
        write(replace(piece, notes=up, tempos=(Tempo(0, 300_000),)), path.with_stem(f"{path.stem} (1)"))
    tune = {piece.name: int(piece.name[5:7]) for piece in read_folder(place).pieces}
    sides = []

    def fit_events(self, X, y, groups, keeper):
        kept, held = inner_split(np.zeros(len(X), dtype=int), groups, 0.4, 0)
        sides.extend({tune[X[n].name] for n in part} for part in (kept, held))
        raise Stopped("seen")

    monkeypatch.setattr(MelodyRNN, "fit_events", fit_events)
    with pytest.raises(Stopped, match="seen"):
        compose(place, out=tmp_path / "out")
    kept, held = c._split(list(read_folder(place).pieces), 0)
    sides.append({tune[piece.name] for piece in held})
    assert len(kept) + len(held) == 12
    assert [len(side) for side in sides] == [3, 2, 1]
    assert set.union(*sides) == set(range(6))


def test_copies_alone_are_not_judged(tmp_path):
    place = tunes(tmp_path / "in", count=1, bars=1)
    for number in range(5):
        (place / f"copy-{number}.mid").write_bytes((place / "tune-00.mid").read_bytes())
    assert c._split(list(read_folder(place).pieces), 0)[1] == []
