"""The UFCNN's filters: which taps they reach, what stands beside what, and how far back an output sees."""

import pytest
import torch
from torch import nn

from mynah.ground.randomness import seeded
from mynah.models import ufcnn
from mynah.models.ufcnn import UFCNN, UFCNNetwork, reproduce
from mynah.papers.problems import tracking
from mynah.testing.models import toy


def network(levels=3, length=3, inputs=2, hidden=4):
    return seeded(0, lambda: UFCNNetwork(inputs, hidden, levels, length)).double().eval()


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def filtered(conv, x, dilation):
    """A filter of 3 taps over (batch, channel, time), with zeros on the left."""
    assert conv.conv.kernel_size == (3,)
    padded = nn.functional.pad(x, (2 * dilation, 0))
    return torch.relu(nn.functional.conv1d(padded, conv.conv.weight, conv.conv.bias, dilation=dilation))


def test_the_network_is_its_equations():
    net, x = network(), noise(2, 40, 2)
    (h_1, h_2, h_3), (g_3, g_2, g_1) = net.down, net.up
    first = filtered(h_1, x.transpose(1, 2), 1)
    second = filtered(h_2, first, 2)
    third = filtered(h_3, second, 4)
    up = filtered(g_3, third, 4)
    up = filtered(g_2, torch.cat([second, up], dim=1), 2)
    up = filtered(g_1, torch.cat([first, up], dim=1), 1)
    y, states = net(x)
    torch.testing.assert_close(y, up.transpose(1, 2), rtol=0, atol=1e-12)
    assert [queue.shape[1] for queue in states] == [2, 4, 8, 8, 4, 2]


@pytest.mark.parametrize(("levels", "length"), [(1, 2), (3, 3), (4, 2)])
def test_an_output_sees_as_far_as_is_said(levels, length):
    net = network(levels, length)
    with torch.no_grad():  # no unit is ever off
        for name, value in net.named_parameters():
            value.fill_(0.1) if name.endswith("weight") else value.zero_()
    x = torch.rand(1, 80, 2, dtype=torch.float64).requires_grad_()
    (gradient,) = torch.autograd.grad(net(x)[0][0, 70].sum(), x)
    seen = 1 + 2 * (length - 1) * (2**levels - 1)
    reached = gradient.abs().sum(dim=2)[0] > 0
    assert reached.nonzero()[[0, -1], 0].tolist() == [71 - seen, 70]


def test_it_moves_with_its_input():
    net, x = network(), noise(1, 80, 2)
    later = torch.cat([noise(1, 7, 2), x], dim=1)
    seen = 1 + 2 * 2 * 7
    torch.testing.assert_close(net(later)[0][:, 7 + seen :], net(x)[0][:, seen:], rtol=0, atol=1e-12)


@pytest.mark.parametrize("settings", [{"layers": 0}, {"length": 0}])
def test_settings_that_cannot_be_meant(settings):
    clips, labels = toy(1)
    with pytest.raises(ValueError, match="at least"):
        UFCNN(**settings).fit(clips, labels)


def test_both_networks_of_the_experiment_get_the_same_time(monkeypatch):
    def learned(body, seed, *, learning_rate, steps):
        body()(torch.zeros(1, 3, 2))
        return {"mse": 3.0, "seconds": 7.0, "steps": float(steps)}

    def learned_for(seconds, body, seed, *, learning_rate):
        assert isinstance(body().rnn, nn.LSTM)
        return {**learned(body, seed, learning_rate=learning_rate, steps=9), "mse": 2.0, "seconds": seconds}

    monkeypatch.setattr(tracking, "learn", learned)
    monkeypatch.setattr(tracking, "learn_for", learned_for)
    measured = reproduce("tracking", 0)
    assert measured["lstm seconds"] == measured["seconds"] == 7.0
    assert measured["ratio"] == 1.5
    with pytest.raises(ValueError, match="no experiment"):
        reproduce("nonsense", 0)


def test_the_lstm_starts_with_open_forget_gates():
    units = ufcnn.UNITS
    biases = {name: value for name, value in ufcnn._lstm().named_parameters() if "bias" in name}
    assert sum(biases.values()).tolist() == [0.0] * units + [1.0] * units + [0.0] * 2 * units
