"""The network over frames: the streaming law, densities that sum to one, draws that obey them, and ends."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from mynah.contracts.spectral import losses, sequence
from mynah.ground.randomness import generator, seeded
from mynah.layers import next_frame
from mynah.layers.next_frame import Forecast, NextFrame, continued, running_means
from mynah.layers.sequence_network import TorchNetwork
from mynah.representations import phase_vocoder
from mynah.testing.models import check_network
from mynah.training import Batch

BINS, SPAN_HZ = 4, 100.0


def network(cell=nn.LSTM, classes=0, noise=0.0):
    def build():
        return NextFrame(TorchNetwork(cell(5, 6, batch_first=True)), 5, BINS, SPAN_HZ, classes, noise)

    return seeded(0, build)


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRU])
def test_the_streaming_law(cell):
    check_network(lambda: network(cell, classes=2), 2 * BINS + 2)


def forecast(level=0.0, spread=0.0, angle=0.0, focus=0.0, end=0.0):
    each = [torch.full((1, 1, BINS), value) for value in (level, spread, angle, focus)]
    return Forecast.of(torch.cat([*each, torch.full((1, 1, 1), end)], dim=2))


@pytest.mark.parametrize("spread", [-3.0, 0.0, 2.0])
@pytest.mark.parametrize("focus", [-5.0, 0.0, 3.0, 6.0])
def test_the_densities_sum_to_one(spread, focus):
    told = forecast(level=0.3, spread=spread, angle=2.0, focus=focus)
    wide = 8 * float(told.spread[0, 0, 0])
    levels, angles = torch.linspace(0.3 - wide, 0.3 + wide, 4001), torch.linspace(-torch.pi, torch.pi, 4001)
    of_level, of_angle = told.losses(*(x[:, None, None].expand(-1, 1, BINS) for x in (levels, angles)))
    assert float(torch.trapezoid((-of_level[:, 0, 0]).exp(), levels)) == pytest.approx(1, abs=1e-3)
    assert float(torch.trapezoid((-of_angle[:, 0, 0]).exp(), angles)) == pytest.approx(1, abs=1e-3)


def test_draws_spread_with_the_temperature():
    told = forecast(level=1.0, spread=1.0, angle=0.5, focus=4.0)
    spread, focus = float(told.spread[0, 0, 0]), float(told.focus[0, 0, 0])
    for temperature in (0.5, 1.0):
        rng = generator(0, temperature)
        level, angle = (
            torch.stack(part) for part in zip(*(told.draw(temperature, rng) for _ in range(2000)), strict=True)
        )
        assert float(level.mean()) == pytest.approx(1.0, abs=0.1)
        assert float(level.std()) == pytest.approx(temperature * spread, rel=0.05)
        assert float(angle.std()) == pytest.approx(temperature * focus**-0.5, rel=0.1)
    assert torch.equal(told.draw(0.0, rng)[0], told.level)


def test_running_means_are_those_of_the_loop():
    points = torch.randn(2, 7, BINS, 3)
    found, last = running_means(points, None)
    mean = points[:, 0]
    for n in range(7):
        mean = 0.95 * mean + 0.05 * points[:, n]
        assert torch.allclose(found[:, n, :, 2], mean, atol=1e-6)
    assert torch.equal(found[:, :, :, 0], points)
    assert torch.equal(last[:, :, 1], found[:, -1, :, 2])


def batch(lengths=(6, 3)):
    frames = torch.randn(2, 6, 2 * BINS, generator=torch.Generator().manual_seed(1))
    for row, length in zip(frames, lengths, strict=True):
        row[length:] = 0
    return Batch(frames, torch.tensor(lengths), torch.eye(2))


def test_a_surprise_is_of_the_real_frames_alone_and_hears_only_what_came_before():
    net, both = network(classes=2).eval(), batch()
    together = losses(net, both)
    alone = losses(net, Batch(both.frames[1:, :3], both.lengths[1:], both.target[1:]))
    assert torch.allclose(together[1:], alone, atol=1e-6)
    assert sequence(net, both).shape == (2, 7, 2 * BINS + 2)
    cut = losses(net, replace(both, cut=torch.tensor([False, True])))
    assert cut[0] == together[0]
    assert cut[1] < together[1], "the end counts for nothing"


def test_a_surprise_is_the_density_of_levels_in_db_and_of_angles():
    net, both = network().eval(), batch((6, 6))
    net.standardise.mean.copy_(torch.tensor([-30.0, -20.0, -50.0, 0.0]))
    net.standardise.scale.copy_(torch.tensor([3.0, 8.0, 0.5, 20.0]))
    with torch.no_grad():
        told = Forecast.of(net(sequence(net, both))[0])
        found = losses(net, both)
    level, angle = both.frames[..., :BINS], both.frames[..., BINS:] * 2 * np.pi / SPAN_HZ
    mean = told.level[:, :6] * net.standardise.scale + net.standardise.mean
    of_level = torch.distributions.Normal(mean, told.spread[:, :6] * net.standardise.scale).log_prob(level)
    of_angle = torch.distributions.VonMises(told.angle[:, :6], told.focus[:, :6]).log_prob(angle)
    ends = torch.sigmoid(told.end)
    said = (1 - ends[:, :6]).log().sum(dim=1) + ends[:, 6].log()
    by_hand = -((of_level + of_angle).sum(dim=(1, 2)) + said) / (6 * BINS)
    assert torch.allclose(found, by_hand, rtol=1e-4)


def test_an_even_tone_is_expected_to_go_on_before_anything_is_learned():
    net = network().eval()
    frames = torch.tensor([-30.0, -20, -90, -40, 10, -5, 0, 3]).expand(1, 200, -1)
    made = torch.cat(list(islice(continued(net, frames[0], torch.zeros(0), 0.0, generator(0)), 5)))
    assert (made - frames[0, :5]).abs().max() < 5.0


def test_sounds_end_when_the_network_says_so():
    net = network().eval()
    with torch.no_grad():
        net.leave.weight.zero_()
        net.leave.bias[-1] = float(np.log(0.1 / 0.9))  # one frame in ten
    lengths = [
        sum(1 for _ in continued(net, torch.zeros(0, 2 * BINS), torch.zeros(0), 1.0, generator(n))) for n in range(200)
    ]
    assert np.mean(lengths) == pytest.approx(9, rel=0.2)  # 0.9 / 0.1
    assert sum(1 for _ in continued(net, torch.zeros(0, 2 * BINS), torch.zeros(0), 0.0, generator(0))) == 6


def test_noise_is_heard_in_training_alone():
    net, x = network(noise=0.5), torch.randn(1, 5, 2 * BINS)
    assert not torch.equal(net(x)[0], net(x)[0])
    net.eval()
    assert torch.equal(net(x)[0], net(x)[0])


def test_the_floor_is_that_of_the_phase_vocoder():
    assert next_frame.FLOOR_DB == phase_vocoder.FLOOR_DB
