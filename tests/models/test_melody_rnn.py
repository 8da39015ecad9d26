"""Melody RNN: rows by hand, answers that mean an event of a bar ago, attention by its equations."""

import numpy as np
import pytest
import torch

from mynah.ground.randomness import seeded
from mynah.models import melody_rnn
from mynah.models.melody_rnn import AttentionNetwork, MelodyRNN
from mynah.music import Meter, Note, Piece
from mynah.testing.models import check_network
from mynah.training import Training


def quarters(*pitches, meter=(4, 4)):
    return Piece(tuple(Note(n, n + 1, pitch) for n, pitch in enumerate(pitches)), 1, meters=(Meter(0, *meter),))


def test_rows_of_basic_are_the_event_before_and_the_event():
    rows = MelodyRNN("basic").encode(quarters(48, 50, 90))
    assert rows[:, 1].tolist() == [2, 0, 0, 0, 4, 0, 0, 0, 2 + 30, 0, 0, 0]  # 90 is moved down to 78
    assert rows[:, 0].tolist() == [0, *rows[:-1, 1]]
    mono = MelodyRNN("mono").encode(quarters(48, 50, 90))
    assert mono[::4, 1].tolist() == [50, 52, 92]


def test_rows_of_lookback_by_hand():
    """Bars of 2/4: C D | C E | C D, in eighths of eight steps a bar."""
    tune = quarters(60, 62, 60, 64, 60, 62, meter=(2, 4))
    rows = MelodyRNN("lookback").encode(tune)
    plain = MelodyRNN("basic").encode(tune)[:, 1]
    one, two = 38, 39
    assert rows[:8, 1:3].tolist() == [[0, 0]] * 8
    assert rows[8:, 1].tolist() == plain[:-8].tolist()
    assert rows[16:, 2].tolist() == plain[:-16].tolist()
    assert rows[:, -1].tolist()[:9] == [14, two, two, two, 16, two, two, two, one]  # nothing as two bars ago: a repeat
    assert rows[12, -1] == 18
    assert rows[16:, -1].tolist() == [two] * 8
    position = ((rows[:, 6:11] + 1) / 2) @ [1, 2, 4, 8, 16]
    assert position.tolist() == [*range(8)] * 3
    assert rows[:, 5].tolist() == [-1] * 8 + [1] * 8 + [-1] * 8
    assert rows[13, 3:5].tolist() == [0, 0]  # E was as neither
    assert rows[9, 3:5].tolist() == [1, 0]


def test_answers_mean_what_the_rows_say():
    model = MelodyRNN("lookback")
    rng = np.random.default_rng(0)
    tune = quarters(*rng.choice([60, 62, 64], 24), meter=(3, 4))
    rows, events = model.encode(tune), model._numbers(tune)
    length = np.full(len(events), 12)
    assert (rows[:, -1] >= 38).any()
    assert [
        model._event_of(int(answer), events, step, length) for step, answer in enumerate(rows[:, -1])
    ] == events.tolist()


@pytest.mark.parametrize("variant", ["basic", "lookback", "mono", "attention"])
def test_what_is_known_before_a_step_is_in_its_row(variant):
    """Generation builds each row from the events so far; it equals the row that training sees."""
    model = MelodyRNN(variant)
    tune = quarters(*np.random.default_rng(1).integers(50, 80, 20), meter=(5, 8))
    rows, events = model.encode(tune), model._numbers(tune)
    position, length = melody_rnn.bars_of(tune.meters, 1, len(events), 4)
    odd = melody_rnn._odd(position, length)
    for step in range(len(events)):
        so_far = np.where(np.arange(len(events)) < step, events, 99)  # the future is not read
        assert model._before(so_far, step, position, length, odd)[0].tolist() == rows[step, :-1].tolist()


def test_moving_keeps_the_tune_and_its_repeats():
    model = MelodyRNN("lookback")
    rows = torch.from_numpy(model.encode(quarters(60, 62, 60, 62, meter=(2, 4))))[None].repeat(200, 1, 1)
    moved, _, _ = model.varied(rows, torch.full((200,), 16), rows, torch.Generator().manual_seed(0))
    shifts = moved[:, 0, -1] - rows[:, 0, -1]
    assert shifts.unique().tolist() == list(range(-6, 6))
    for row, shift in zip(moved, shifts.int().tolist(), strict=True):
        assert row.tolist() == model.encode(quarters(*(p + shift for p in (60, 62, 60, 62)), meter=(2, 4))).tolist()
    low = torch.from_numpy(model.encode(quarters(48)))[None].repeat(20, 1, 1)
    moved, _, _ = model.varied(low, torch.full((20,), low.shape[1]), low, torch.Generator().manual_seed(0))
    assert moved[:, 0, -1].min() == 2


@pytest.mark.parametrize(("variant", "low", "high"), [("basic", 48, 84), ("mono", 0, 128), ("attention", 48, 84)])
def test_other_variants_learn_and_write(variant, low, high):
    training = Training(budget="80steps", batch=8, learning_rate=3e-2, valid=0.0, average=0.9, augment=False)
    model = MelodyRNN(variant, hidden=16, layers=1, dropout=0.0, window=16, training=training)
    starts = (50, 52, 54, 56)
    scale = [Piece(tuple(Note(n, n + 1, start + n) for n in range(24)), 4) for start in starts]  # in sixteenths
    model.fit(scale)
    assert (model.prediction_error(scale) < 0.8 * model.counting_baseline(scale, scale)).all()
    made = next(model.generate(1, bars=4, like=scale[0]))
    new = [note.pitch for note in made.notes if note.track == 1]
    assert new
    assert all(low <= pitch < high for pitch in new)


def test_attention_passes_the_laws():
    check_network(lambda: seeded(0, lambda: AttentionNetwork(3, 5, span=4)), 3)


def test_attention_is_its_equations():
    net = seeded(0, lambda: AttentionNetwork(2, 3, span=2)).double()
    x = torch.randn(1, 5, 2, generator=torch.Generator().manual_seed(0)).double()
    w1, w2, v = net.of_outputs.weight, net.of_cell.weight, net.energy.weight[0]
    h = c = context = torch.zeros(3, dtype=torch.float64)
    seen, wanted = [], []
    for step in x[0]:
        h, c = (part[0] for part in net.cell(torch.cat([step, context])[None], (h[None], c[None])))
        if seen:
            u = torch.stack([v @ torch.tanh(w1 @ old + w2 @ torch.cat([h, c])) for old in seen[-2:]])
            a = torch.exp(u) / torch.exp(u).sum()
            context = sum(weight * old for weight, old in zip(a, seen[-2:], strict=True))
        wanted.append(net.answer(torch.cat([h, context])))
        seen.append(h)
    torch.testing.assert_close(net(x)[0][0], torch.stack(wanted))


def test_variants_are_four():
    with pytest.raises(ValueError, match="basic, mono, lookback, attention, not 'deep'"):
        MelodyRNN("deep").fit([quarters(60)])
    with pytest.raises(ValueError, match="no experiment"):
        melody_rnn.reproduce("nothing", 0)


def test_a_taught_bar_comes_back(monkeypatch):
    """The experiment in small: lookback repeats what basic cannot know."""
    from dataclasses import replace

    from mynah.papers.problems import repeats

    monkeypatch.setattr(repeats, "PIECES", {"train": 40, "test": 8})
    monkeypatch.setattr(repeats, "TRAINING", replace(repeats.TRAINING, budget="60steps", learning_rate=1e-2))
    found = melody_rnn.reproduce("repeats", 100)
    assert found["lookback"] > 0.95
    assert found["gain"] > 0.1
