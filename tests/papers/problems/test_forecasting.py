"""The noisy resonance: what is to be said is the next clean sample, and its first frames are not judged."""

import numpy as np
import torch
from torch import nn

from mynah.ground.randomness import generator
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems import forecasting


def drawn(size=400):
    return forecasting.draw(generator(0, "test"), size)


def test_the_answer_is_the_next_clean_sample():
    batch = drawn()
    heard, said = batch.frames[:, :, 0].double(), batch.target[:, :, 0].double()
    assert heard.shape == said.shape == (400, forecasting.LENGTH)
    noise = heard[:, 1:] - said[:, :-1]
    np.testing.assert_allclose(noise.std(), 0.2, rtol=0.02)
    assert abs(float((noise * said[:, 1:]).mean())) < 0.01


def test_the_series_is_a_resonance_with_a_pitch_of_its_own():
    """Least squares on the clean series gives back the pole, and the shocks that are left."""
    clean = drawn().target[:, :, 0].double().numpy()
    squares = []
    for series in clean:
        past = np.stack([series[1:-1], series[:-2]], axis=1)
        weights, _, _, _ = np.linalg.lstsq(past, series[2:], rcond=None)
        squares.append([-weights[1], weights[0] / (2 * np.sqrt(-weights[1])), (series[2:] - past @ weights).std()])
    radius, cosine, shock = np.median(squares, axis=0)
    assert abs(radius - 0.97**2) < 0.03
    assert np.cos(0.6) < cosine < np.cos(0.1)
    assert abs(shock - 0.1) < 0.01
    assert np.std([row[1] for row in squares]) > 0.03


def test_frames_at_the_start_are_not_judged():
    batch = drawn(4)
    wrong = torch.zeros_like(batch.target)
    wrong[:, : forecasting.SETTLING] = 100.0

    class Given(nn.Module):
        def forward(self, frames):
            return batch.target + wrong

    assert float(forecasting._loss(Given(), batch)) == 0.0
    wrong[:, forecasting.SETTLING] = 1.0
    assert float(forecasting._loss(Given(), batch)) > 0.0


class Passing(SequenceNetwork):
    def __init__(self):
        super().__init__(width=1)
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, x, state=None):
        return x * self.factor, None


def test_what_was_drawn_before_does_not_matter(monkeypatch):
    monkeypatch.setattr(forecasting, "STEPS", 20)
    first = forecasting.learn(Passing(), 0)
    torch.rand(7)
    assert forecasting.learn(Passing(), 0) == first
    assert first["parameters"] == 3
