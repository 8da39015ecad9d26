"""Texts are cut alike everywhere, and the edit distance is the literal one."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mynah.ground.texts import edits, errors, joint, symbols, vocabulary


def literal(true, said):
    @cache
    def distance(i, j):
        if not (i and j):
            return i + j
        return min(
            distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (true[i - 1] != said[j - 1])
        )

    return distance(len(true), len(said))


WORDS = st.text("abc", max_size=9)


@given(WORDS, WORDS)
def test_errors_are_the_edit_distance(true, said):
    assert errors(true, said) == literal(true, said)


@given(WORDS, WORDS)
def test_edits_lead_from_one_to_the_other(true, said):
    path = edits(true, said)
    assert "".join(a for a, _ in path if a is not None) == true
    assert "".join(b for _, b in path if b is not None) == said


@pytest.mark.parametrize(
    ("texts", "names", "between", "cut"),
    [
        (["314", "15"], ["1", "3", "4", "5"], "", ["3", "1", "4"]),
        (["3 1 4", "5"], ["1", "3", "4", "5"], " ", ["3", "1", "4"]),
        (["kick snare", "kick"], ["kick", "snare"], " ", ["kick", "snare"]),
    ],
)
def test_symbols_are_words_where_there_is_a_space(texts, names, between, cut):
    assert vocabulary(texts) == names
    assert joint(texts) == between
    assert symbols(texts[0], names) == cut
