"""The longest passage that two pieces share."""

import numpy as np
import pytest

from mynah.music.borrowed import Passage, longest
from mynah.music.piece import DRUMS, Note, Piece


def melody(pitches, *, start=0, ticks=480, every=240):
    return Piece(tuple(Note(start + n * every, start + n * every + 100, p) for n, p in enumerate(pitches)), ticks)


RNG = np.random.default_rng(0)
OTHER, OWN = RNG.integers(40, 80, 60).tolist(), RNG.integers(40, 80, 30).tolist()


@pytest.mark.parametrize("count", [2, 7, 30])
def test_a_passage_is_found_moved_in_pitch_and_time(count):
    moved = [pitch + 5 for pitch in OTHER[20 : 20 + count]]
    piece = melody(OWN[:10] + moved + OWN[10:], ticks=96, every=48, start=960)
    assert longest(piece, [melody(OWN[::-1][:3]), melody(OTHER)]) == Passage(count, 1)


def test_another_rhythm_is_another_passage():
    assert longest(melody(OTHER[:20], every=480), [melody(OTHER)]).notes < 3


def test_what_shares_nothing_and_what_has_no_notes():
    assert longest(melody([60, 61]), [melody([60, 60])]) == Passage(0, 0)
    drums = Piece((Note(0, 10, 36, channel=DRUMS), Note(480, 490, 38, channel=DRUMS)))
    for nothing in (Piece(()), drums, melody([60])):
        assert longest(nothing, [melody(OTHER), nothing]) == Passage(0, 0)
        assert longest(melody(OTHER), [nothing]) == Passage(0, 0)
    assert longest(melody(OTHER), []) == Passage(0, 0)


def test_of_equally_long_ones_that_in_the_first_piece_is_named():
    others = [melody(OTHER[:5]), melody(OTHER[30:]), melody([*OTHER[40:50], 1, 2, *OTHER[:6]])]
    assert longest(melody(OTHER[:6]), others) == Passage(6, 2)
    assert longest(melody([*OTHER[40:46], 99, *OTHER[:6]]), others) == Passage(6, 1)
    assert longest(melody([*OTHER[:6], 99, *OTHER[40:46]]), others) == Passage(6, 1)
    assert longest(melody([1, *OTHER[:4]]), others) == Passage(4, 0)


def test_no_passage_goes_on_into_the_next_piece():
    assert longest(melody(OTHER[:20]), [melody(OTHER[:10]), melody(OTHER[9:20])]) == Passage(11, 1)


def test_chords_are_read_from_below():
    chord = Piece((Note(0, 480, 67), Note(0, 480, 60), Note(0, 480, 64), Note(480, 960, 72)))
    turned = Piece(tuple(reversed(chord.notes)))
    assert longest(chord, [turned]) == Passage(4, 0)
