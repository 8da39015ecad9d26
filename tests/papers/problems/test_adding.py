"""The adding problem against its definition, and how it is judged."""

import pytest
import torch
from torch import nn

from mynah.ground.randomness import generator
from mynah.layers.sequence_network import SequenceNetwork
from mynah.models.elman import ElmanNetwork
from mynah.papers.problems import adding


def test_two_marks_one_in_each_half_and_their_sum():
    batch = adding.draw(generator(0, "a"), 500, length=30)
    assert batch.frames.shape == (500, 30, 2)
    values, marks = batch.frames.unbind(dim=2)
    assert set(marks.unique().tolist()) == {0.0, 1.0}
    assert (marks[:, :15].sum(dim=1) == 1).all()
    assert (marks[:, 15:].sum(dim=1) == 1).all()
    assert marks.sum(dim=0).min() > 0  # every place is used
    torch.testing.assert_close(batch.target[:, 0], (values * marks).sum(dim=1))
    assert 0 <= values.min() < 0.01 < 0.99 < values.max() < 1


def test_the_constant_answer_has_the_known_error():
    target = adding.draw(generator(0, "b"), 20_000, length=4).target
    assert float((target - 1).square().mean()) == pytest.approx(adding.BASELINE, rel=0.03)


class Oracle(nn.Module):
    """The right answer, off by so much."""

    def __init__(self, off):
        super().__init__()
        self.off = off

    def forward(self, frames):
        return frames.prod(dim=2).sum(dim=1, keepdim=True) + self.off


def test_the_score_is_of_fixed_sequences_of_its_part():
    assert adding.score(Oracle(0.0), 0) == {"mse": pytest.approx(0, abs=1e-12), "wrong": 0.0}
    assert adding.score(Oracle(0.03), 0) == {"mse": pytest.approx(0.0009, rel=1e-3), "wrong": 0.0}
    assert adding.score(Oracle(0.05), 0) == {"mse": pytest.approx(0.0025, rel=1e-3), "wrong": 1.0}
    first = nn.Sequential(nn.Flatten(), nn.LazyLinear(1))
    assert adding.score(first, 0) == adding.score(first, 0)
    assert adding.score(first, 0) != adding.score(first, 0, "valid") != adding.score(first, 1, "valid")


def test_the_answer_is_of_the_last_frame():
    class Body(SequenceNetwork):
        def forward(self, x, state=None):
            return x.cumsum(dim=1), None

    net = adding.LastFrame(Body(width=2), 1)
    x = torch.rand(3, 5, 2)
    torch.testing.assert_close(net(x), net.head(x.sum(dim=1)))


def test_training_ends_when_validation_passes(monkeypatch):
    asked = []

    def score(net, seed, part="test", length=100):
        asked.append(part)
        return {"mse": 0.5 / len(asked) ** 4, "wrong": 0.0}

    monkeypatch.setattr(adding, "score", score)
    measured = adding.learn(lambda: ElmanNetwork(2, 3, 1), 0, learning_rate=1e-3, steps=400)
    assert asked == ["valid"] * 5 + ["test"]  # .5 / 5 ** 4 is the first below .0015
    assert measured["sequences"] == 5 * 20 * 50
