"""The half sine against its definition: zero is the best answer to a window alone, and no answer with the time."""

import numpy as np
import pytest
import torch
from torch import nn

from mynah.ground.randomness import generator
from mynah.models.elman import ElmanNetwork
from mynah.papers.problems import half_sine
from mynah.papers.problems.answers import EveryFrame


def test_windows_are_as_defined():
    batch = half_sine.draw(generator(0, "h"), 4000)
    assert batch.frames.shape == batch.target.shape == (4000, 16, 1)
    squared = 4 * batch.target.square() * (1 - batch.target.square())  # sin t = 2 sin t/2 cos t/2
    torch.testing.assert_close(batch.frames.square(), squared, rtol=1e-4, atol=1e-5)
    assert float(batch.target.square().mean()) == pytest.approx(0.5, abs=0.02)


def test_equal_windows_have_opposite_answers():
    class At:
        def __init__(self, begin):
            self.begin = begin

        def uniform(self, low, high, shape):
            assert (low, high) == (0, 4 * np.pi)
            return np.full(shape, self.begin)

    one, two = half_sine.draw(At(1.0), 1), half_sine.draw(At(1.0 + 2 * np.pi), 1)
    torch.testing.assert_close(one.frames, two.frames)
    torch.testing.assert_close(one.target, -two.target)
    torch.testing.assert_close(one.frames[0, 3, 0], torch.tensor(1.6).sin())
    torch.testing.assert_close(one.target[0, 3, 0], torch.tensor(0.8).sin())


def test_the_zero_answer_has_half_an_error():
    net = EveryFrame(ElmanNetwork(1, 3, 1), 1)
    for value in net.head.parameters():
        nn.init.zeros_(value)
    assert half_sine.error(net, 0) == pytest.approx(0.5, abs=0.02)
    nn.init.ones_(net.head.bias)
    assert half_sine.error(net, 0) > 1.0
