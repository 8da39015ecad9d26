"""The battery over every family that makes music."""

import dataclasses
from itertools import islice

import numpy as np
import pytest
import torch

from mynah import catalog
from mynah.contracts.composer import steps_to_fill
from mynah.data.tunes import tune
from mynah.ground.errors import UsageError
from mynah.music import Meter, Note, Piece, Tempo
from mynah.music.midi import read, write
from mynah.music.piece import bars
from mynah.testing.composers import check_composer

NAMES = [card.name for card in catalog.cards() if "compose" in card.tasks]
SMALL = {
    "melody_rnn": {"hidden": 24, "layers": 1, "dropout": 0.1, "window": 32},
    "char_rnn": {"hidden": 24, "layers": 1, "dropout": 0.1, "window": 48},
    "biaxial": {"hidden": 12, "across": 8, "window": 16},
}
KEPT = [tune(0, number, bars=4, melody_only=True) for number in range(8)]
NEW = [tune(0, number, bars=4, melody_only=True) for number in (8, 9)]


def make(name, budget="120steps", **settings):
    kind = catalog.model_class(name)
    model = kind(**{**SMALL[name], **settings})
    model.training = dataclasses.replace(kind.default_training, budget=budget, batch=8, learning_rate=1e-2)
    return model


@pytest.fixture(scope="module", params=NAMES)
def fitted(request):
    return make(request.param).fit(KEPT)


def test_learns_more_than_frequencies(fitted):
    assert (fitted.prediction_error(NEW) < 0.9 * fitted.counting_baseline(KEPT, NEW)).all()


@pytest.mark.parametrize("name", NAMES)
def test_validation_sees_the_pieces_that_training_does_not(name):
    model = make(name, "20steps", window=400)
    model.training = dataclasses.replace(model.training, valid=0.3, augment=False)
    seen = {True: set(), False: set()}
    losses = model.losses

    def noted(net, rows):
        for row in rows:
            length = int(row.any(dim=1).nonzero().max()) + 1  # without padding
            seen[net.training].add(row[:length].numpy().tobytes())
        return losses(net, rows)

    model.losses = noted
    model.fit(KEPT)
    assert not seen[True] & seen[False]
    assert len(seen[True]) + len(seen[False]) == len(KEPT)
    assert len(seen[False]) == model.record_["held_out"] == 2


@pytest.mark.parametrize(
    ("begun", "meter", "wanted"),
    [
        (24, Meter(0), 8 + 2 * 16),
        (32, Meter(0), 2 * 16),
        (18, Meter(0, 3, 4), 6 + 2 * 12),
        (24, Meter(8, 6, 8), 8 + 24),
    ],
)
def test_a_begun_bar_is_filled_first(begun, meter, wanted):
    begin = Piece((Note(0, begun, 60),), 4, meters=(meter,))
    assert steps_to_fill(begin, 2) == wanted


@pytest.mark.parametrize("name", ["melody_rnn", "biaxial"])
def test_after_a_bar_and_a_half_come_half_a_bar_and_the_bars_asked_for(name):
    """A model that strikes a note at every step fills them all."""
    model = make(name, "1steps").fit(KEPT)
    with torch.no_grad():
        for value in model.net_.parameters():
            value.zero_()
        answer = model.net_.head if name == "melody_rnn" else model.net_.notes.answer
        answer.bias[30 if name == "melody_rnn" else slice(None)] = 50.0
    made = next(model.generate(1, bars=2, like=Piece((Note(0, 6 * 480, 60),)), temperature=0))
    assert made.end == 4 * 4 * 480
    assert {note.start for note in made.notes} == {0, *range(6 * 480, 16 * 480, 120)}


def test_the_nth_piece_does_not_need_those_before_it(fitted):
    two = list(fitted.generate(2, bars=2, seed=5))
    assert next(islice(fitted.generate(2, bars=2, seed=5), 1, None)) == two[1]


def test_the_lowest_temperature_draws_as_0_does(fitted):
    cold = next(fitted.generate(1, bars=2, temperature=0, seed=0))
    assert next(fitted.generate(1, bars=2, temperature=1e-310, seed=2)) == cold


@pytest.mark.parametrize("wrong", [{"temperature": t} for t in (-0.1, 10.1, float("nan"))] + [{"bars": 0}])
def test_what_cannot_be_meant_is_refused_at_once(fitted, wrong):
    with pytest.raises(ValueError, match=r"or more, not|between 0"):
        fitted.generate(1, **wrong)


def test_a_piece_is_no_longer_than_can_be_read_again(fitted):
    fitted.generate(1, bars=2500)
    with pytest.raises(UsageError, match=r"2501 bars: a piece has 10,000 quarter notes at most \(10,004\)"):
        fitted.generate(1, bars=2501)
    with pytest.raises(UsageError, match="at most"):
        fitted.generate(1, bars=2500, like=NEW[0])


def test_without_notes_there_is_nothing_to_learn_or_to_go_on_from(fitted):
    drums = Piece((Note(0, 10, 36, channel=9),))
    with pytest.raises(ValueError, match="no pitched notes to go on from"):
        fitted.generate(1, like=drums)
    with pytest.raises(ValueError, match="piece 1 has no pitched notes"):
        fitted.prediction_error([NEW[0], drums])
    with pytest.raises(ValueError, match="at least one piece"):
        type(fitted)().fit([])


SHORT = Piece((Note(0, 90, 60, 50), Note(0, 200, 40), Note(50, 80, 36, channel=9)), 100, (Tempo(0, 400_000),))
WALTZ = Piece(
    tuple(Note(50 * n, 50 * n + 50, 60 + 5 * n % 12, 70, 1, 2, 40) for n in range(31)),
    100,
    (Tempo(0, 700_000), Tempo(300, 300_000)),
    (Meter(0, 3, 4), Meter(900, 6, 8)),
)


DRUMMED = Piece((*(Note(100 * n, 100 * n + 90, 64) for n in range(4)), Note(1040, 1109, 36, channel=9)), 100)


@pytest.mark.parametrize(
    "like", [SHORT, WALTZ, DRUMMED], ids=["shorter than a bar", "longer, other meters", "ends with drums"]
)
def test_goes_on_from_a_piece(fitted, like):
    made = next(fitted.generate(1, bars=3, like=like, seed=2))
    assert (made.ticks, made.tempos, made.meters) == (like.ticks, like.tempos, like.meters)
    mine = [note for note in made.notes if note.track <= max(n.track for n in like.notes)]
    assert tuple(mine) == like.notes
    new = [note for note in made.notes if note not in mine]
    assert new, "nothing came after"
    assert min(note.start for note in new) >= like.until >= like.end - like.ticks / 8
    position, _ = bars(like.meters, like.ticks, round(made.end * 4 / like.ticks) + 64, 4)
    lines = np.flatnonzero(position == 0) * like.ticks / 4
    ends = [line for line in lines if line >= like.end][:4]
    assert made.end <= ends[3], "more bars than asked for"


@pytest.mark.parametrize("ticks", [1, 2, 3, 5])
def test_coarse_ticks_are_made_fine(fitted, ticks, tmp_path):
    notes = tuple(Note(n * ticks, n * ticks + ticks, 60 + 2 * n) for n in range(4))
    like = Piece(notes, ticks, (Tempo(0, 400_000), Tempo(ticks, 300_000)), (Meter(0, 3, 4), Meter(3 * ticks, 2, 4)))
    made = next(fitted.generate(1, bars=4, like=like, seed=2))
    fine = made.ticks
    assert fine >= 48
    assert fine % 4 == fine % ticks == 0
    assert [(n.start, n.end) for n in made.notes[:4]] == [(n * fine, n * fine + fine) for n in range(4)]
    assert made.tempos == (Tempo(0, 400_000), Tempo(fine, 300_000))
    assert made.meters == (Meter(0, 3, 4), Meter(3 * fine, 2, 4))
    assert len(made.notes) > 4
    assert all(note.end > note.start and note.start % (fine // 4) == 0 for note in made.notes)
    back = read(write(made, tmp_path / "a.mid"))
    assert [(n.start, n.end, n.pitch) for n in back.notes] == [(n.start, n.end, n.pitch) for n in made.notes]


def test_a_piece_that_begins_late_is_moved_by_whole_bars(fitted):
    late = Piece((Note(4 * 480 * 3, 4 * 480 * 3 + 480, 60),))
    made = next(fitted.generate(1, bars=1, like=late))
    assert made.notes[0] == Note(0, 480, 60)


def test_facts_that_cannot_be_meant_are_refused(fitted):
    facts = fitted.facts()
    for name, wrong in {"tempo": 0, "velocity": 200, "meter": [4, 3]}.items():
        with pytest.raises(ValueError, match=name):
            type(fitted)().take_facts({**facts, name: wrong})


@pytest.mark.parametrize("name", NAMES)
def test_battery(name):
    check_composer(lambda: make(name, "60steps"), KEPT, NEW)


@pytest.mark.parametrize("name", NAMES)
def test_one_piece_is_enough(name):
    made = next(make(name, "20steps").fit(KEPT[:1]).generate(1, bars=1))
    assert made.ticks == 480


@pytest.mark.parametrize("name", NAMES)
def test_card_is_true(name):
    card, kind = catalog.card(name), catalog.model_class(name)
    assert catalog.name_of(kind) == card.name
    assert (card.cost, card.asked, card.tasks) == ("gradient", True, ("compose",))
    assert str(card.year) in __import__(kind.__module__, fromlist=["_"]).__doc__
