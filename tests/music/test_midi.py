"""MIDI in and out: what goes round comes round, and every kind of bad file is one sentence."""

import time

import mido
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mynah.ground.errors import BadInput, NotEnoughData, Stopped
from mynah.music import Meter, Note, Piece, Tempo
from mynah.music.midi import read, read_folder, write

MELODY = Piece(
    notes=(Note(0, 480, 60, 90), Note(480, 960, 64, 70), Note(0, 960, 36, 100, 1, 9), Note(960, 1000, 67, 1, 2, 3, 40)),
    tempos=(Tempo(0, 600_000), Tempo(480, 400_000)),
    meters=(Meter(0, 3, 4), Meter(1440, 6, 8)),
    name="a.mid",
)


def test_tempo_and_meter_changes_go_round(tmp_path):
    found = read(write(MELODY, tmp_path / "a.mid"))
    assert found == MELODY
    assert [note.is_drum for note in found.notes] == [False, True, False, False]
    assert len(found.pitched.notes) == 3
    assert found.seconds(480) == pytest.approx(0.6)
    assert found.seconds(960) == pytest.approx(1.0)
    assert (found.meter_at(1439), found.meter_at(1440)) == (MELODY.meters[0], MELODY.meters[1])


def test_what_another_program_reads(tmp_path):
    """mido's own playback of the file has the notes at the seconds that the tempo map gives."""
    file = mido.MidiFile(write(MELODY, tmp_path / "a.mid"))
    clock, begun = 0.0, []
    for message in file:
        clock += message.time
        if message.type == "note_on" and message.velocity:
            begun.append((round(clock, 6), message.note))
    assert sorted(begun) == sorted((round(MELODY.seconds(n.start), 6), n.pitch) for n in MELODY.notes)


notes = st.builds(
    lambda start, length, pitch, velocity, track, channel: Note(
        start, start + length, pitch, velocity, track, channel, 7 * track if channel != 9 else 0
    ),
    *(st.integers(0, 4000), st.integers(1, 900), st.integers(0, 127), st.integers(1, 127)),
    *(st.integers(0, 3), st.sampled_from([0, 9])),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(notes, min_size=1, max_size=12, unique_by=lambda n: (n.pitch, n.track, n.channel)))
def test_any_notes_go_round(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("round") / "x.mid"
    piece = Piece(tuple(found), ticks=96, name="x.mid")
    assert read(write(piece, path)) == piece


def test_notes_that_overlap_or_never_end(tmp_path):
    file = mido.MidiFile(ticks_per_beat=100)
    on = {"type": "note_on", "note": 60, "velocity": 5}
    file.tracks.append(mido.MidiTrack(mido.Message(**on, time=t) for t in (0, 50)))
    file.tracks[0] += [mido.Message("note_on", note=60, velocity=0, time=10), mido.Message(**on, time=40)]
    file.tracks[0].append(mido.MetaMessage("end_of_track", time=30))
    file.save(tmp_path / "a.mid")
    assert [(n.start, n.end) for n in read(tmp_path / "a.mid").notes] == [(0, 60), (50, 130), (100, 130)]


def bad_files(folder):
    whole = write(MELODY, folder / "good.mid").read_bytes()
    (folder / "cut.mid").write_bytes(whole[: len(whole) // 2])
    (folder / "noise.mid").write_bytes(b"RIFF" + bytes(range(256)))
    (folder / "empty.mid").write_bytes(b"")
    mido.MidiFile(tracks=[mido.MidiTrack()]).save(folder / "silent.mid")
    write(Piece((Note(0, 9, 36, channel=9),)), folder / "drums.midi")
    write(Piece((Note(0, 9, 36), Note(2**27, 2**27 + 1, 3)), ticks=1), folder / "long.mid")
    write(Piece((Note(0, 500, 36),), 1, (Tempo(0, 15_000_000),)), folder / "slow.mid")
    (folder / "readme.txt").write_text("no music")
    (folder / ".hidden.mid").write_bytes(b"x")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cut.mid", "damaged .*ends too early"),
        ("noise.mid", "not a Standard MIDI file"),
        ("empty.mid", "not a Standard MIDI file"),
        ("silent.mid", "holds no notes"),
        ("long.mid", "longer than 10,000 quarter notes or 2 hours .134,217,729 and "),
        ("slow.mid", "longer than 10,000 quarter notes or 2 hours .500 and 2.1"),
        ("readme.txt", r"not the name of a MIDI file \(.txt\)"),
        ("nothing.mid", "cannot be read"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path, name, says):
    bad_files(tmp_path)
    with pytest.raises(BadInput, match=says) as error:
        read(tmp_path / name)
    assert "\n" not in str(error.value)
    assert name in str(error.value)


def test_a_folder_goes_on_with_the_rest(tmp_path):
    bad_files(tmp_path)
    found = read_folder(tmp_path)
    assert [piece.name for piece in found.pieces] == ["good.mid"]
    named = ["cut.mid", "drums.midi", "empty.mid", "long.mid", "noise.mid", "silent.mid", "slow.mid"]
    assert [str(problem.where).split("/")[-1] for problem in found.problems] == named
    assert "drums only (channel 10)" in str(found.problems[1])
    (tmp_path / "good.mid").unlink()
    with pytest.raises(NotEnoughData, match=r"none of the MIDI files can be learned from .7 files; .*cut\.mid"):
        read_folder(tmp_path)


def test_folders_without_midi(tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        read_folder(tmp_path / "nowhere")
    with pytest.raises(BadInput, match="nothing at all"):
        read_folder(tmp_path)
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(BadInput, match=r"1 files: .wav"):
        read_folder(tmp_path)


@pytest.mark.parametrize("document", ["{}", '{"schema": "other/1"}', "[]", "{", '{"schema": ["mynah.music/1"]}'])
def test_a_document_of_others_hides_nothing(tmp_path, document):
    write(MELODY, tmp_path / "a.mid")
    (tmp_path / "music.json").write_text(document)
    assert len(read_folder(tmp_path).pieces) == 1


def test_folders_that_compose_wrote_are_left_out_and_named(tmp_path):
    write(MELODY, tmp_path / "a.mid")
    (tmp_path / "out").mkdir()
    write(MELODY, tmp_path / "out" / "piece-1.mid")
    (tmp_path / "out" / "music.json").write_text('{"schema": "mynah.music/7"}')
    found = read_folder(tmp_path)
    assert [piece.name for piece in found.pieces] == ["a.mid"]
    assert [*map(str, found.problems)] == ["out: written by `mynah compose`. Nothing is learned from it."]
    (tmp_path / "a.mid").unlink()
    with pytest.raises(BadInput, match=r"no MIDI files but in a folder that `mynah compose` wrote \(out\)"):
        read_folder(tmp_path)


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    import os

    write(MELODY, tmp_path / "a.mid")
    before = (tmp_path / "a.mid").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(Stopped, match="No space left"):
        write(Piece(()), tmp_path / "a.mid")
    assert (tmp_path / "a.mid").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.mid"]


def test_meters_that_cannot_be_meant_are_passed_over(tmp_path):
    found = [(0, 3, 4), (10, 5, 128), (20, 4, 2**20), (30, 0, 4), (40, 255, 64), (50, 1, 1)]
    piece = Piece((Note(0, 60, 60),), meters=tuple(Meter(*one) for one in found))
    assert read(write(piece, tmp_path / "a.mid")).meters == (Meter(0, 3, 4), Meter(40, 255, 64), Meter(50, 1, 1))


def test_the_time_of_a_tick_takes_no_longer_where_the_tempo_changes_often():
    """A sum over the whole map for each note would look at a billion changes here."""
    count = 30_000
    tempos = tuple(Tempo(100 * n, 400_000 + n % 7) for n in range(1, count))
    piece = Piece((Note(0, 1, 60),), 100, tempos, tuple(Meter(100 * n) for n in range(count)))
    began = time.process_time()
    times = [piece.seconds(tick) for tick in range(0, 100 * count, 100)]
    meters = [piece.meter_at(tick) for tick in range(50, 100 * count, 100)]
    assert time.process_time() - began < 5
    assert times[1] == 0.5  # 120 a minute before the first
    assert np.diff(times) == pytest.approx([0.5, *(t.microseconds / 1e6 for t in tempos[:-1])])
    assert piece.seconds(150) == pytest.approx(0.5 + 0.5 * 0.400001)
    assert meters == list(piece.meters)


def test_moved_to_its_first_bar():
    piece = Piece((Note(1500, 1600, 60),), ticks=100, tempos=(Tempo(0), Tempo(1550, 7)), meters=(Meter(300, 3, 4),))
    moved = piece.from_start()
    assert moved.notes == (Note(0, 100, 60),)
    assert moved.meters == (Meter(0, 3, 4),)
    assert moved.tempos == (Tempo(0), Tempo(50, 7))
