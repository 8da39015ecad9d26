"""Biaxial RNN: what a note may see, transposition, generation against training, conservativity."""

import math

import numpy as np
import pytest
import torch

from mynah.ground.randomness import seeded
from mynah.models import biaxial as b
from mynah.papers.problems import chorales

AXES = ["below", "lstm"]


def small(axis, beats=2):
    return seeded(0, lambda: b.BiaxialNetwork(6, 5, beats, axis)).eval()


def music(time=5, notes=30, share=0.2, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy((rng.random((1, time, 2, notes)) < share).astype(np.float32))


@pytest.mark.parametrize("axis", AXES)
def test_a_note_sees_lower_notes_of_now_and_all_of_before(axis):
    net, before, chosen, beat = small(axis), music(), music(seed=1), torch.zeros(1, 5, 2)
    with torch.no_grad():
        plain = net(before, beat, chosen)
        other = chosen.clone()
        other[:, 2, :, 11] = 1 - other[:, 2, :, 11]
        changed = (net(before, beat, other) != plain)[0].any(dim=1)
        assert not changed[:2].any()
        assert not changed[3:].any()
        assert not changed[2, :12].any(), "a note saw itself or a higher one"
        assert changed[2, 12]
        other = before.clone()
        other[:, 2, :, 11] = 1 - other[:, 2, :, 11]
        changed = (net(other, beat, chosen) != plain)[0].any(dim=1)
        assert not changed[:2].any(), "a step saw a later one"
        assert changed[2].any()
        assert changed[4].any()


def test_what_a_note_sees_by_hand():
    before = torch.zeros(1, 1, 2, 40)
    before[0, 0, 0, [10, 22, 35]] = 1
    before[0, 0, 1, 22] = 1
    seen = b.features(before, torch.tensor([[[7.0]]]))[0, 0]
    sounding, struck = seen[20, :25], seen[20, 25:50]
    assert sounding.nonzero().flatten().tolist() == [2, 14]  # 10 below, 2 above; 35 is too far
    assert struck.nonzero().flatten().tolist() == [14]
    assert seen[20, 50:62].tolist() == [0, 0, 2, 1] + [0] * 8  # 10 and 22 are 2 above in their class; 35 is 3 above
    assert seen[20, 62] == 7


def test_moved_music_gives_moved_logits():
    found = b.reproduce("transposition", 100)
    assert found["difference"] <= 1e-5
    assert found["of_the_published_form"] >= 1e-4


@pytest.mark.parametrize("axis", AXES)
def test_notes_are_chosen_from_the_logits_of_training(axis):
    net, before, beat = small(axis), music(time=1), torch.ones(1, 1, 2)
    seen = []

    def choose(logits):
        seen.append(logits.clone())
        return bool(len(seen) % 3 == 0), bool(len(seen) % 6 == 0)

    with torch.no_grad():
        h, _ = net.along_time(before, beat)
        chosen = net.notes.walk(h[0, 0], choose)
        logits = net(before, beat, chosen[None, None])[0, 0]
    assert chosen.sum() == 10 + 5
    torch.testing.assert_close(torch.stack(seen, dim=1), logits)


def test_the_time_axis_streams():
    net, before, beat = small("below"), music(time=7), torch.randn(1, 7, 2)
    with torch.no_grad():
        whole, _ = net.along_time(before, beat)
        first, state = net.along_time(before[:, :3], beat[:, :3])
        second, _ = net.along_time(before[:, 3:], beat[:, 3:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole)


def test_likelihood_by_hand():
    roll = torch.tensor([[[[1.0, 0.0]], [[1.0, 0.0]]]]).transpose(1, 2).reshape(1, 1, 2, 2)
    logits = torch.tensor([[[[1.0, -2.0], [0.5, 9.0]]]])
    wanted = math.log1p(math.exp(-1)) + math.log1p(math.exp(-2)) + math.log1p(math.exp(-0.5))
    assert float(b.likelihood(logits, roll)) == pytest.approx(wanted)  # no stroke is asked of a silent note


def test_conservativity():
    exponent, falling = 1.0, []
    for _ in range(60):
        exponent = b.conserved(exponent, True)
        falling.append(exponent)
    assert falling[0] == pytest.approx(0.98)
    assert falling[-1] == b.LEAST
    assert b.conserved(0.5, False) == pytest.approx(0.65)
    rng = np.random.default_rng(0)
    logits = torch.tensor([-2.0, 0.0])
    plain = np.mean([b.Chooser(1.0, 1.0, rng)(logits)[0] for _ in range(2000)])
    raised = np.mean([b.Chooser(1.0, 0.2, rng)(logits)[0] for _ in range(2000)])
    p = 1 / (1 + math.exp(2))
    assert plain == pytest.approx(p, abs=0.03)
    assert raised == pytest.approx(p**0.2, abs=0.04)
    warm = [b.Chooser(4.0, 1.0, rng)(torch.tensor([-2.0, 2.0])) for _ in range(2000)]
    assert np.mean([sounds for sounds, _ in warm]) == pytest.approx(1 / (1 + math.exp(0.5)), abs=0.03)
    assert np.mean([struck for sounds, struck in warm if sounds]) == pytest.approx(1 / (1 + math.exp(-0.5)), abs=0.05)
    assert b.Chooser(0.0, 1.0, rng)(torch.tensor([0.1, -0.1])) == (True, False)
    assert b.Chooser(0.0, 1.0, rng)(torch.tensor([-0.1, 5.0])) == (False, False)
    assert b.Chooser(0.0, 0.2, rng)(torch.tensor([-2.0, 5.0])) == (True, True)


def test_chorales_are_scored_as_a_whole_and_learned(tiny_chorales, monkeypatch):
    net = seeded(0, lambda: b.OverChorales("below", 6, 5))
    batch = chorales.batch_of(list(chorales.rolls("valid")))
    with torch.no_grad():
        assert b._score(net, "valid") == pytest.approx(float(chorales.nll(net(batch), batch)), rel=1e-5)
    monkeypatch.setattr(b, "EPOCHS", 20)
    for experiment in ("chorales", "chorales-lstm"):
        untrained = b._score(b.OverChorales("below", 6, 5), "test")
        assert b.reproduce(experiment, 100)["nll"] < 0.9 * untrained
    with pytest.raises(ValueError, match="no experiment"):
        b.reproduce("x", 0)


def test_sizes_are_those_of_the_lstm():
    """36 units over 88 notes, with torch's two biases a gate, and the answer."""
    wanted = 4 * 36 * (88 + 36 + 2) + 88 * 37
    for axis, sizes in b.SIZES.items():
        count = sum(p.numel() for p in b.OverChorales(axis, *sizes).parameters())
        assert 0.95 * wanted < count <= wanted


def test_a_note_axis_is_one_of_two():
    with pytest.raises(ValueError, match="below, lstm, not 'x'"):
        b.BiaxialNetwork(3, 3, 1, "x")
