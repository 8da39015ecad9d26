"""Chorales: the rolls, what is predicted from what, and a likelihood that counts real frames only."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from mynah.ground.errors import BadInput
from mynah.ground.randomness import generator, seeded
from mynah.models.gru import GRUNetwork
from mynah.papers.problems import chorales


def test_notes_are_where_the_piano_has_them(tiny_chorales):
    for roll, piece in zip(chorales.rolls("train"), tiny_chorales["train"], strict=True):
        assert [list(np.flatnonzero(frame) + 21) for frame in roll] == piece
    silent = chorales._roll([[-1], [0, 108], [109], []])
    assert silent.sum() == 1
    assert silent[1, 87] == 1


def test_a_frame_is_predicted_from_those_before(tiny_chorales):
    pieces = list(chorales.rolls("valid"))
    batch = chorales.batch_of(pieces)
    for row, piece in enumerate(pieces):
        length = int(batch.lengths[row])
        assert length == len(piece)
        np.testing.assert_array_equal(batch.target[row, :length], piece)
        np.testing.assert_array_equal(batch.frames[row, 1:length], piece[:-1])
        assert not batch.frames[row, 0].any()
        assert not batch.target[row, length:].any()


def test_the_likelihood_is_a_sum_over_notes_and_a_mean_over_real_frames():
    target = torch.zeros(2, 3, 88)
    target[0, :, 40] = 1
    batch = chorales.Batch(torch.zeros(2, 3, 88), torch.tensor([3, 1]), target)
    assert float(chorales.nll(torch.zeros(2, 3, 88), batch)) == pytest.approx(88 * math.log(2))
    logits = torch.full((2, 3, 88), -50.0)
    assert float(chorales.nll(logits, batch)) == pytest.approx(3 * 50 / 4)  # one wrong note in three of four frames
    logits[1, 1:] = 1e6  # padding
    assert float(chorales.nll(logits, batch)) == pytest.approx(3 * 50 / 4)


def test_batches_are_different_pieces_of_the_training_part(tiny_chorales):
    batch = chorales.draw(generator(0, "x"), 8)
    drawn = sorted(batch.lengths.tolist())
    assert drawn == sorted(len(piece) for piece in chorales.rolls("train"))
    again = chorales.draw(generator(0, "x"), 8)
    assert torch.equal(batch.target, again.target)


def test_noise_is_on_every_weight_and_leaves_them_as_they_were(tiny_chorales):
    net = seeded(0, lambda: chorales.EveryFrame(GRUNetwork(88, 6, 1), 88))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    batch = chorales.batch_of(list(chorales.rolls("valid")))
    losses = {chorales.noisy_loss(net, batch).item() for _ in range(3)}
    assert len(losses) == 3
    chorales.noisy_loss(net, batch).backward()
    assert all(parameter.grad.any() for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_what_is_tested_is_what_was_best_on_the_validation_part(tiny_chorales, monkeypatch):
    monkeypatch.setattr(chorales, "TRAINING", replace(chorales.TRAINING, batch=4, learning_rate=3e-2))
    net = seeded(0, lambda: chorales.EveryFrame(GRUNetwork(88, 6, 1), 88))
    seen = []
    plain = chorales.evaluate
    monkeypatch.setattr(chorales, "evaluate", lambda net, part: seen.append((part, plain(net, part))) or seen[-1][1])
    measured = chorales.learn(net, 0, epochs=200)
    valid = [value for part, value in seen if part == "valid"]
    assert measured["valid"] == min(valid) == plain(net, "valid") < valid[-1]
    assert measured["epoch"] == 10 * (valid.index(min(valid)) + 1)
    assert [part for part, _ in seen].count("test") == 1
    assert measured["nll"] == plain(net, "test") < valid[0]


def test_training_ends_without_progress(tiny_chorales, monkeypatch):
    monkeypatch.setattr(chorales, "PATIENCE", 6)
    monkeypatch.setattr(chorales, "evaluate", lambda net, part: 1.0)
    calls = []
    monkeypatch.setattr(chorales, "descend", lambda *_, **given: (calls.append(n) or n for n in range(1, 21)))
    assert chorales.learn(nn.Linear(1, 1), 0, epochs=20)["valid"] == 1.0
    assert calls == list(range(1, 8))  # steps of an epoch each: the first was the best


def test_without_data_there_is_a_reason(monkeypatch, tmp_path):
    monkeypatch.setenv("MYNAH_DATA", str(tmp_path))
    chorales.rolls.cache_clear()
    with pytest.raises(BadInput, match="jsb_chorales"):
        chorales.rolls("train")


def test_the_published_numbers(shared_data, monkeypatch):
    """229, 76 and 77 pieces of some 60 frames and four notes; independent notes cost what is known of them."""
    monkeypatch.setenv("MYNAH_DATA", str(shared_data))
    chorales.rolls.cache_clear()
    parts = {part: chorales.rolls(part) for part in ("train", "valid", "test")}
    chorales.rolls.cache_clear()
    assert [len(pieces) for pieces in parts.values()] == [229, 76, 77]
    train, test = (np.concatenate(parts[part]) for part in ("train", "test"))
    assert 55 < len(train) / 229 < 65
    assert 3.5 < train.sum(axis=1).mean() < 4.0
    share = (train.sum(axis=0) + 0.5) / (len(train) + 1)
    marginal = -(test * np.log(share) + (1 - test) * np.log1p(-share)).sum(axis=1).mean()
    assert 10.5 < marginal < 13.0
