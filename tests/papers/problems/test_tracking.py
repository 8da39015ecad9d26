"""A target in a box that is seen by its direction: the walls throw it back, and the start is not judged."""

import numpy as np
import pytest
import torch
from torch import nn

from mynah.ground.randomness import generator
from mynah.layers.sequence_network import TorchNetwork
from mynah.papers.problems import tracking


def test_walls_throw_a_target_back(monkeypatch):
    """The folded path is the one that turns its velocity at each wall."""
    monkeypatch.setattr(tracking, "STEP_NOISE", 0.0)
    folded = tracking.paths(generator(0, "paths"), 50)
    rng = generator(0, "paths")
    heading = rng.uniform(0, 2 * np.pi, 50)
    velocity = 0.2 * np.stack([np.cos(heading), np.sin(heading)], axis=1)
    rng.normal(0, 1.0, (50, tracking.LENGTH, 2))
    position = rng.uniform(-10, 10, (50, 2))
    for time in range(tracking.LENGTH):
        position = position + velocity
        for wall in (-10.0, 10.0):
            beyond = position > wall if wall > 0 else position < wall
            position = np.where(beyond, 2 * wall - position, position)
            velocity = np.where(beyond, -velocity, velocity)
        np.testing.assert_allclose(folded[:, time], position, atol=1e-9)


def test_the_speed_is_constant_but_for_noise():
    position = tracking.paths(generator(1, "paths"), 200)
    assert position.shape == (200, tracking.LENGTH, 2)
    assert np.abs(position).max() <= 10
    assert np.abs(position).max(axis=(0, 1)).min() > 9.9
    moved = np.diff(position, axis=1)
    inside = np.abs(position).max(axis=2)[:, 1:] < 9.5
    speed = np.linalg.norm(moved, axis=2)[inside]
    assert speed.mean() == pytest.approx(0.2, abs=1e-3)
    assert speed.std() == pytest.approx(0.005, rel=0.05)


def test_the_bearing_is_that_of_the_target_but_for_noise():
    batch = tracking.draw(generator(2, "draw"), 100)
    sine, cosine = batch.frames.double().unbind(dim=2)
    torch.testing.assert_close(sine.square() + cosine.square(), torch.ones_like(sine), rtol=0, atol=1e-6)
    x, y = batch.target.double().unbind(dim=2)
    assert float(batch.target.abs().max()) <= 1
    off = torch.atan2(sine * x - cosine * y, cosine * x + sine * y)  # angle between what is seen and what is
    assert float(off.std()) == pytest.approx(0.005, rel=0.03)
    assert float(off.mean()) == pytest.approx(0, abs=1e-4)


class Given(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, frames):
        return self.answer(frames)


def test_the_start_is_not_judged():
    batch = tracking.draw(generator(3, "draw"), 4)
    wrong = batch.target.clone()
    wrong[:, : tracking.SETTLING] += 100.0
    assert float(tracking.loss(Given(lambda frames: wrong), batch)) == 0.0
    wrong[:, tracking.SETTLING] += 1.0
    assert float(tracking.loss(Given(lambda frames: wrong), batch)) > 0.0


def test_the_error_is_in_units_of_the_box():
    middle = tracking.error(Given(torch.zeros_like), 0)
    assert middle == pytest.approx(100 / 3, rel=0.05)
    assert tracking.error(Given(torch.zeros_like), 0) == middle
    assert middle != tracking.error(Given(torch.zeros_like), 1)


def test_training_lowers_the_error_and_repeats(monkeypatch):
    monkeypatch.setattr(tracking, "LENGTH", 160)

    def body():
        return TorchNetwork(nn.GRU(2, 8, batch_first=True))

    short, long = (tracking.learn(body, 0, learning_rate=1e-2, steps=steps) for steps in (2, 60))
    assert long["mse"] < 0.9 * short["mse"]
    torch.rand(7)  # what was drawn before does not matter
    assert tracking.learn(body, 0, learning_rate=1e-2, steps=60)["mse"] == long["mse"]


def test_equal_time_is_turned_into_steps(monkeypatch):
    """Training costs what a clock of our own says: 20 ms a step."""
    clock, plain = [0.0], tracking.descend

    def counted(*args, steps, **settings):
        clock[0] += 0.02 * steps
        return plain(*args, steps=2, **settings)

    monkeypatch.setattr(tracking, "descend", counted)
    monkeypatch.setattr(tracking.time, "process_time", lambda: clock[0])
    measured = tracking.learn_for(3.0, lambda: TorchNetwork(nn.GRU(2, 4, batch_first=True)), 0, learning_rate=1e-2)
    assert measured["steps"] == 150
    assert measured["seconds"] == pytest.approx(3.0)
