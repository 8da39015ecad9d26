"""Numbers in words: two digits that are digits, one rule of rounding, units, true minus signs."""

import pytest

from mynah.judging.metric import share
from mynah.report import wording
from mynah.report.verdict import interval

THIN = wording.THIN


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"), (0.000012, "12 µs"), (0.0042, "4.2 ms"), (0.0996, "0.10 s"), (0.42, "0.42 s"), (0.996, "1.0 s"),
        (5.02, "5.0 s"), (60, "60 s"), (84, "84 s"), (99.6, "1.7 min"), (492, "8.2 min"), (7200, "2.0 h"),
    ],
)  # fmt: skip
def test_durations_have_two_digits(seconds, words):
    assert wording.duration(seconds) == words.replace(" ", THIN)


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.186, "0.19 MB"), (0.0062, "6.2 kB"), (0.0996, "0.10 MB"), (1.0722, "1.1 MB"), (63.4, "63 MB")],
)
def test_sizes_have_two_digits(value, words):
    assert wording.megabytes(value) == words.replace(" ", THIN)


@pytest.mark.parametrize(("value", "words"), [(166_000, "166 k"), (4010, "4 010"), (999_999, "1.0 M"), (0, "0")])
def test_counts(value, words):
    assert wording.count(value) == words.replace(" ", THIN)


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [
        (86.75, 1, "86.8"), (100 * 0.8674999999999999, 1, "86.8"), (100 * 0.8775000000000001, 1, "87.8"), (0.5, 0, "1"),
        (2.5, 0, "3"), (0.125, 2, "0.13"), (-2.5, 0, "−3"), (-0.2, 0, "0"), (0.4999, 0, "0"),
    ],
)  # fmt: skip
def test_halves_are_rounded_up_also_where_a_double_lies_just_below(value, digits, words):
    assert wording.fixed(value, digits) == words


@pytest.mark.parametrize(("gain", "words"), [(-0.2, "0 dB"), (0.4, "0 dB"), (-1.0, "−1 dB"), (3.2, "+3 dB")])
def test_gains(gain, words):
    assert wording.decibels(gain) == words.replace(" ", THIN)


@pytest.mark.parametrize(
    ("asked", "words"), [("90s", "90 s"), ("10m", "10 min"), ("500steps", "500 steps"), ("1h30m", "1h30m")]
)
def test_budgets(asked, words):
    assert wording.budget(asked) == words.replace(" ", THIN)


def test_lists_and_missing_values():
    assert [wording.listing(names) for names in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_intervals_have_one_unit_and_a_dash_where_there_is_none():
    results = {"metric": share("accuracy", "accuracy").to_json()}
    assert interval(results, [None, None]) == "–"
    assert interval(results, [0.8674999999, 0.9]) == f"86.8 to 90.0{THIN}%"
