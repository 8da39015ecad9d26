"""Melodies as events and as rolls: by hand, and there and back."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mynah.music import Meter, Note, Piece, Tempo
from mynah.music import melody as m
from mynah.music import roll as r
from mynah.music.piece import bars

QUARTER = 4


def piece(*notes):
    return Piece(tuple(Note(*note) for note in notes), ticks=QUARTER)


def test_events_by_hand():
    """Two notes, a rest, a note: note-on, nothing, note-on, note-off, nothing, note-on."""
    found = m.events_of(piece((0, 2, 60), (2, 3, 62), (5, 6, 60)))
    assert found.tolist() == [62, 0, 64, 1, 0, 62]


def test_a_piece_ends_with_its_last_note_drums_too():
    found = piece((0, 4, 60), (3, 9, 40))
    assert (found.steps, found.until) == (9, 9)
    drummed = Piece((Note(0, 480, 60), Note(1000, 1001, 36, channel=9)), 480)
    assert (drummed.steps, drummed.until) == (9, 1080)  # a stroke takes a step
    assert m.events_of(drummed).tolist() == [62, 0, 0, 0]
    assert m.events_of(drummed, drummed.steps).tolist() == [62, 0, 0, 0, 1, 0, 0, 0, 0]
    assert r.roll_of(drummed, 60, 72, drummed.steps).sum(axis=(1, 2)).tolist() == [2, 1, 1, 1, 0, 0, 0, 0, 0]
    assert (Piece(()).steps, Piece(()).until) == (0, 0)


def test_the_melody_is_the_highest_that_begins():
    chord = piece((0, 4, 60), (0, 4, 67), (1, 3, 50), (2, 4, 72), (4, 8, 48))
    # the chord's top; the 50 begins below it and is not heard; 72 ends it; the bass note goes on alone
    assert m.events_of(chord).tolist() == [69, 0, 74, 0, 50, 0, 0, 0]
    assert m.events_of(Piece((Note(0, 4, 60, channel=9),), ticks=4)).tolist() == []


def test_copies_are_the_same_tune():
    tune = Piece((Note(0, 4, 60), Note(4, 8, 64), Note(12, 16, 55)), 4)
    copies = [
        Piece(tuple(Note(n.start, n.end - 1, n.pitch, 30, 2, 3, 40) for n in tune.notes), 4, name="a (1).mid"),
        Piece(tuple(Note(n.start, n.end, n.pitch - 5) for n in tune.notes), 4, (Tempo(0, 300_000),)),
        Piece(tuple(Note(960 + 120 * n.start, 960 + 120 * n.end, n.pitch) for n in tune.notes), 480),
        Piece(tuple(Note(2 * n.start, 2 * n.end, n.pitch) for n in tune.notes), 4, (Tempo(0, 250_000),)),
        Piece((*tune.notes, Note(0, 90, 36, channel=9), Note(4, 6, 64, track=1)), 4),
    ]
    others = [
        Piece((*tune.notes, Note(16, 20, 55)), 4),
        Piece((*tune.notes[:2], Note(12, 16, 56)), 4),
        Piece((*tune.notes[:2], Note(8, 12, 55)), 4),
        Piece((Note(0, 4, 60),), 4),
    ]
    assert m.tunes_of([tune, others[0], *copies, *others]).tolist() == [0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4]
    assert m.tunes_of([]).tolist() == []


events = st.lists(st.one_of(st.just(0), st.just(1), st.integers(2, 129)), max_size=24)


@settings(max_examples=80, deadline=None)
@given(events, st.sampled_from([4, 96, 480]))
def test_events_come_back(found, ticks):
    """What notes_of writes, events_of reads: but for a rest that begins a piece, or that follows a rest."""
    notes = m.notes_of(np.array(found, dtype=int), ticks)
    wanted, sounding = [], False
    for event in found:
        wanted.append(0 if event == 1 and not sounding else event)
        sounding = event > 1 or (sounding and event != 1)
    while wanted and wanted[-1] == 0 and not sounding:
        wanted.pop()
    if wanted and wanted[-1] == 1:
        wanted.pop()
    assert m.events_of(Piece(notes, ticks)).tolist() == wanted


def test_folding_keeps_the_pitch_class():
    notes = np.arange(128) + 2
    found = m.folded(np.concatenate([[0, 1], notes]), 48, 84)
    assert found[:2].tolist() == [0, 1]
    pitches = found[2:] - 2
    assert pitches.min() == 48
    assert pitches.max() == 83
    assert ((pitches - np.arange(128)) % 12 == 0).all()
    assert (pitches[48:84] == np.arange(48, 84)).all()


def test_places_in_bars_follow_the_meter():
    position, length = bars((Meter(0, 3, 4), Meter(24, 6, 8), Meter(48, 2, 4)), 4, 60, 2)
    assert length.tolist() == [6] * 12 + [6] * 12 + [4] * 36
    assert position.tolist() == [*range(6)] * 4 + [*range(4)] * 9
    position, length = bars((Meter(8, 2, 4),), 4, 8, 4)  # before the first change: 4/4
    assert length.tolist() == [16] * 8


def test_the_melody_of_a_piece():
    chord = Piece((Note(1, 9, 60), Note(0, 8, 72), Note(8, 16, 30), Note(8, 16, 36, channel=9)), ticks=8, name="a")
    assert m.melody_of(chord, 48, 84) == Piece((Note(0, 4, 72), Note(4, 8, 54)), QUARTER, name="a")


def test_a_roll_by_hand():
    found = r.roll_of(piece((0, 2, 60), (2, 4, 60), (1, 4, 64), (0, 1, 30)), 60, 72)
    assert found[:, 0, 0].tolist() == [1, 1, 1, 1]
    assert found[:, 1, 0].tolist() == [1, 0, 1, 0]
    assert found[:, 0, 4].tolist() == [0, 1, 1, 1]
    assert found[0, 0, 6] == 1  # 30 is moved up by three octaves
    assert found.sum() == 4 + 2 + 3 + 1 + 2


rolls = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 8), st.integers(60, 72)),
    min_size=1,
    max_size=10,
    unique_by=lambda n: n[2],
)


@settings(max_examples=60, deadline=None)
@given(rolls)
def test_rolls_come_back(found):
    notes = tuple(Note(start, start + length, pitch) for start, length, pitch in found)
    assert r.notes_of(r.roll_of(Piece(notes, 4), 60, 73), 60, 4) == tuple(sorted(notes))
