"""Pieces as sound: pitch, place and loudness; and FluidSynth, where it is and where it is not."""

import os
import stat
import tracemalloc

import numpy as np
import pytest

from mynah import audio
from mynah.data import performance as p
from mynah.data.tunes import tune, tunes
from mynah.ground.errors import BadInput, MissingExtra
from mynah.music import Note, Piece, Tempo
from mynah.music.midi import read_folder

RATE = 16_000


def test_notes_sound_where_and_as_high_as_they_are_written():
    piece = Piece((Note(0, 480, 69, program=73), Note(960, 1440, 57, program=73)), tempos=(Tempo(0, 500_000),))
    wave = p.render(piece, RATE)[0]
    assert len(wave) == pytest.approx((1.5 + p.RELEASE_SECONDS + p.TAIL_SECONDS) * RATE, abs=2)
    for first, hertz in ((0.1, 440), (1.1, 220)):
        part = wave[int(first * RATE) :][: RATE // 4]
        spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), 1 << 16))
        assert np.argmax(spectrum) * RATE / (1 << 16) == pytest.approx(hertz, rel=0.02)
    assert np.abs(wave[int(0.65 * RATE) : int(0.95 * RATE)]).max() < 1e-3
    assert np.abs(wave).max() == pytest.approx(p.PEAK)


def test_velocity_and_silence():
    both = Piece((Note(0, 480, 60, 120), Note(960, 1440, 60, 40)))
    wave = p.render(both, RATE)[0]
    loud, soft = (np.abs(wave[int(s * RATE) : int((s + 0.4) * RATE)]).max() for s in (0, 1))
    assert loud / soft == pytest.approx((120 / 40) ** 1.5, rel=0.02)
    assert not p.render(Piece(()), RATE).any()
    assert np.array_equal(p.render(both, RATE), p.render(both, RATE))


def random_piece(count=60, seconds=100):
    rng = np.random.default_rng(0)
    starts, lengths = rng.integers(0, 960 * seconds, count).tolist(), rng.integers(60, 4000, count).tolist()
    pitches = rng.integers(40, 90, count).tolist()
    found = (Note(s, s + n, p, 40 + p) for s, n, p in zip(starts, lengths, pitches, strict=True))
    return Piece(tuple(found))


def test_blocks_and_parts_are_those_of_the_whole(monkeypatch):
    piece = random_piece()
    monkeypatch.setattr(p, "BLOCK_SECONDS", 1000)
    whole = p.render(piece, RATE)
    monkeypatch.setattr(p, "BLOCK_SECONDS", 7)
    blocks = list(p.render_blocks(piece, RATE))
    assert max(block.shape[1] for block in blocks) == 7 * RATE
    assert np.array_equal(np.concatenate(blocks, axis=1), whole)
    part = p.render(piece, RATE, first=31.5, seconds=20)
    there = whole[:, int(31.5 * RATE) : int(51.5 * RATE)]
    assert part.shape == there.shape
    np.testing.assert_allclose(part, there * p.PEAK / np.abs(there).max(), atol=1e-6)
    assert p.render(piece, RATE, first=90, seconds=1000).shape[1] == whole.shape[1] - 90 * RATE


def test_tones_that_are_kept_are_bounded(monkeypatch):
    piece = random_piece()
    whole = p.render(piece, RATE)
    monkeypatch.setattr(p, "KEPT_SAMPLES", 3 * RATE)
    tones = p._Tones(RATE)
    for note in piece.notes:
        tones.get(p.kind_of(note), note.pitch, 50 * note.pitch)
        assert sum(map(len, tones.kept.values())) == tones.samples <= 3 * RATE
    assert len(tones.kept) > 5
    assert np.array_equal(p.render(piece, RATE), whole)


def test_a_note_without_end_fades():
    wave = p.render(Piece((Note(0, 480 * 80, 60, program=20),)), RATE)[0]
    assert len(wave) == pytest.approx((40 + p.RELEASE_SECONDS + p.TAIL_SECONDS) * RATE, abs=2)
    assert np.abs(wave[19 * RATE : 20 * RATE]).max() > 0.05
    assert not wave[21 * RATE :].any()


def test_a_long_piece_needs_no_memory_for_its_wave():
    """Twenty minutes: their wave in float64 is 150 MB, the tones are 75 MB."""
    piece = random_piece(400, 1200)
    tracemalloc.start()
    assert sum(block.shape[1] for block in p.render_blocks(piece, RATE)) > 1190 * RATE
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 75e6


@pytest.mark.parametrize("pitch", [0, 20, 60, 127])
def test_every_instrument_plays_every_pitch(pitch):
    for program in (0, 12, 14, 20, 41, 53, 60, 85, 90, 110, 127):
        wave = p.render(Piece((Note(0, 30, pitch, 80, 0, 0, program),)), RATE)
        assert np.isfinite(wave).all()
        assert np.abs(wave).max() == pytest.approx(p.PEAK)


def test_drums_are_drums():
    kinds = [p.kind_of(Note(0, 1, pitch, channel=9)) for pitch in (36, 38, 42)]
    assert kinds == ["kick", "snare", "hat"]


def test_without_fluidsynth_or_soundfont(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="no such soundfont"):
        p.check_fluidsynth(tmp_path / "a.sf2")
    (tmp_path / "a.sf2").write_bytes(b"")
    with pytest.raises(MissingExtra, match="apt install fluidsynth"):
        p.check_fluidsynth(tmp_path / "a.sf2")


@pytest.fixture
def fluidsynth(tmp_path, monkeypatch):
    """A program of that name that copies the soundfont to the file it should write, or fails."""
    program = tmp_path / "bin" / "fluidsynth"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\ncase "$9" in *bad*) echo "not a soundfont" >&2; exit 1;; esac\n'
        'test -s "${10}" || exit 3\ncp "$9" "$6"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_fluidsynth_writes_under_the_final_name_only_what_is_whole(fluidsynth):
    font = fluidsynth / "good.sf2"
    audio.write(fluidsynth / "tone.wav", np.ones((1, 100), np.float32) / 2, 8000)
    font.write_bytes((fluidsynth / "tone.wav").read_bytes())
    piece = Piece((Note(0, 9, 60),))
    p.render_by_fluidsynth(piece, font, fluidsynth / "out.wav")
    assert audio.info(fluidsynth / "out.wav").rate == 8000
    bad = fluidsynth / "bad.sf2"
    bad.write_bytes(b"x")
    with pytest.raises(BadInput, match=r"made no sound \(not a soundfont\)"):
        p.render_by_fluidsynth(piece, bad, fluidsynth / "other.wav")
    names = {path.name for path in fluidsynth.iterdir()}
    assert names == {"bin", "good.sf2", "bad.sf2", "tone.wav", "out.wav"}


def test_tunes_are_a_function_of_their_number(tmp_path):
    assert tune(0, 3) == tune(0, 3) != tune(0, 4)
    waltz = tune(1, 0, bars=4, beats=3, repeated=1.0, melody_only=True)
    halves = [[(n.start % 2880, n.pitch) for n in waltz.notes if n.start // 2880 == half] for half in (0, 1)]
    assert all(half[0][0] == 0 for half in halves)
    bars = [[(n.start % 1440, n.pitch) for n in waltz.notes if n.start // 1440 == bar] for bar in range(4)]
    assert bars[0] == bars[1]
    assert bars[2] == bars[3]
    assert waltz.end == 4 * 1440
    found = read_folder(tunes(tmp_path / "t", count=3, bars=2))
    assert [piece.name for piece in found.pieces] == [f"tune-0{n}.mid" for n in range(3)]
    assert [piece.meters[0].numerator for piece in found.pieces] == [4, 4, 3]
    assert all(any(n.is_drum for n in piece.notes) for piece in found.pieces)
