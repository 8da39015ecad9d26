"""Melodies whose even bars repeat the bars before, and whose odd ones do not."""

from mynah.papers.problems import repeats


def test_even_bars_repeat_odd_ones_do_not():
    pieces = repeats.corpus(1, "test")
    assert len(pieces) == repeats.PIECES["test"]
    same = fresh = 0
    for piece in pieces:
        pitches = [note.pitch for note in piece.notes]
        assert [note.start for note in piece.notes] == list(range(0, 16 * repeats.BARS, 2))
        bars = [tuple(pitches[n : n + 8]) for n in range(0, len(pitches), 8)]
        assert len(bars) == repeats.BARS
        same += sum(bars[n] == bars[n + 1] for n in range(0, len(bars), 2))
        fresh += sum(bars[n] == bars[n - 1] for n in range(2, len(bars), 2))
    assert same == len(pieces) * repeats.BARS // 2
    assert fresh == 0


def test_parts_and_seeds_are_others():
    assert repeats.corpus(1, "test") == repeats.corpus(1, "test")
    assert repeats.corpus(1, "test")[0] != repeats.corpus(1, "train")[0] != repeats.corpus(2, "train")[0]
