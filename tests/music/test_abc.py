"""ABC: what is written by hand, what comes back, and nonsense that a network may write."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from mynah.music import Meter, Note, Piece, abc
from mynah.music.piece import DENOMINATORS, NUMERATORS

HEAD = "X:1\nM:4/4\nL:1/16\nK:C\n"


def test_a_tune_by_hand():
    pitches = [(0, 4, 60), (4, 6, 61), (6, 8, 60), (10, 18, 72), (18, 19, 85), (19, 32, 47)]
    tune = Piece(tuple(Note(*note) for note in pitches), ticks=4)
    assert abc.write(tune) == HEAD + "C4^C2=C2z2c6-|c2^c'B,,13|"
    assert abc.read(abc.write(tune), 4) == tune


def test_rests_fill_the_steps_asked_for():
    assert abc.write(Piece((Note(0, 4, 60),), 4), 18) == HEAD + "C4z12|z2"


def test_a_meter_that_changes():
    notes = (Note(0, 12, 60), Note(12, 18, 62), Note(18, 20, 62))
    tune = Piece(notes, 4, meters=(Meter(0, 3, 4), Meter(12, 6, 8)))
    assert abc.write(tune) == HEAD.replace("4/4", "3/4") + "C12|[M:6/8]D6D2"
    assert abc.read(abc.write(tune), 4) == tune


melodies = st.lists(st.tuples(st.integers(0, 4), st.integers(1, 20), st.integers(24, 107)), min_size=1, max_size=14)


@settings(max_examples=100, deadline=None)
@given(melodies, st.tuples(st.sampled_from(NUMERATORS), st.sampled_from(DENOMINATORS)))
def test_any_melody_comes_back(found, meter):
    notes, step = [], 0
    for rest, length, pitch in found:
        notes.append(Note(step + rest, step + rest + length, pitch))
        step += rest + length
    tune = Piece(tuple(notes), 4, meters=(Meter(0, *meter),))
    assert abc.read(abc.write(tune), 4) == tune


def test_the_notes_of_others():
    found = abc.read("X:1\nT:Air\nM:3/4\nL:1/16\nK:C\n_B4 A,,2 e'2 | ^f4 f4", 4)
    assert [n.pitch for n in found.notes] == [70, 45, 88, 78, 78]
    assert found.meters == (Meter(0, 3, 4),)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ABCcz^_='|,-0123456789[M:]/\nX ", max_size=60))
def test_nonsense_is_passed_over(text):
    for note in abc.read(text).notes:
        assert note.end > note.start >= 0
        assert 0 <= note.pitch < 128


def test_what_cannot_be_meant_is_left_out():
    assert abc.read("C99999 D0\nM:0/4\nM:7/3\nM:4/128\nM:256/4\nM:٣/4\nE", 4) == Piece((Note(0, 1, 64),), 4)
    assert abc.read("C" + "9" * 5000 + "z" + "0" * 5000 + "E", 4).notes == (Note(0, 1, 64),)
    held = abc.read("C2-C2-D", 4).notes
    assert held == (Note(0, 4, 60), Note(4, 5, 62))
    assert abc.read("C2-", 4) == replace(Piece((Note(0, 2, 60),)), ticks=4)
