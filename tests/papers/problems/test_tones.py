"""The tone to be made from nothing: of unit variance, another for each seed, and its error is over that variance."""

import numpy as np
import pytest
import torch
from torch import nn

from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems import tones


def test_a_tone_has_unit_variance_and_dies_away():
    waves = np.stack([tones.tone(seed) for seed in range(20)])
    assert waves.shape == (20, tones.SAMPLES)
    assert waves.dtype == np.float32
    np.testing.assert_allclose(waves.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(waves.std(axis=1), 1, rtol=1e-5)
    early, late = waves[:, :100].std(axis=1), waves[:, -100:].std(axis=1)
    assert (late < early).mean() > 0.9
    assert len({wave.tobytes() for wave in waves}) == 20
    np.testing.assert_array_equal(tones.tone(3), waves[3])


class Silent(SequenceNetwork):
    def __init__(self):
        super().__init__(width=2)
        self.factor = nn.Parameter(torch.zeros(1))

    def forward(self, x, state=None):
        return torch.cat([x, x], dim=2) * self.factor, None


def test_a_network_that_hears_nothing_and_remembers_nothing_has_an_error_of_one():
    """It can say one constant; the best of them is the mean."""
    measured = tones.learn(Silent(), 0, learning_rate=3e-2)
    assert measured["nmse"] == pytest.approx(1.0, abs=1e-3)
    assert measured["parameters"] == 4


def test_what_was_drawn_before_does_not_matter(monkeypatch):
    monkeypatch.setattr(tones, "STEPS", 20)
    first = tones.learn(Silent(), 0, learning_rate=1e-2)
    torch.rand(7)
    assert tones.learn(Silent(), 0, learning_rate=1e-2) == first
