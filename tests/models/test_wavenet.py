"""WaveNet: its equations, how far it sees, and drawing by rings against running the whole."""

import numpy as np
import pytest
import torch

from mynah.layers.next_symbol import Stream, draw_whole
from mynah.models import wavenet
from mynah.models.wavenet import FastStream, WaveNetwork, dilated, network, reproduce
from mynah.testing import check_network, check_streams
from mynah.training import generator, seeded


@pytest.mark.parametrize(("dilations", "conditions"), [([1, 2, 1, 2], 0), ([1], 0), ([3, 1], 2)])
def test_laws_of_sequence_networks(dilations, conditions):
    check_network(lambda: seeded(0, lambda: WaveNetwork(3, 4, dilations, conditions)), 3 + conditions)


def test_streaming_in_any_chunks():
    net = seeded(0, lambda: WaveNetwork(3, 4, dilated(2, 4))).eval()
    for chunks in ([40], [1] * 40, [7, 1, 20, 3], [17, 2, 30]):
        check_streams(net, 3, chunks)


def test_the_network_is_its_equations():
    net = seeded(0, lambda: WaveNetwork(2, 3, [1, 4], conditions=1)).double()
    x = torch.randn(1, 9, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    signal, total = x[0, :, :2], 0
    for layer, dilation in zip(net.layers, (1, 4), strict=True):
        far = torch.cat([torch.zeros(dilation, 2, dtype=torch.float64), signal[:-dilation]])
        weight = layer.taps.conv.weight
        driven = far @ weight[:, :, 0].T + signal @ weight[:, :, 1].T + layer.taps.conv.bias
        driven = driven + x[0, :, 2:] @ layer.given.weight.T
        z = torch.tanh(driven[:, :2]) * torch.sigmoid(driven[:, 2:])
        total = total + layer.skip(z)
        signal = signal if layer.onward is None else signal + layer.onward(z)
    torch.testing.assert_close(net(x)[0][0], total, rtol=0, atol=1e-12)
    assert net.layers[1].onward is None


def test_nothing_after_a_sample_is_heard_and_what_is_seen_is_as_computed():
    measured = reproduce("structure", 3)
    assert measured["future"] == 0
    assert measured["reached"] == 1024 == WaveNetwork(2, 2, dilated(1, 10)).sees
    with pytest.raises(ValueError, match="at least one layer"):
        WaveNetwork(2, 2, [])


@pytest.mark.parametrize("conditions", [0, 2])
def test_rings_draw_what_the_naive_way_draws(conditions):
    net = seeded(1, lambda: network(8, 16, dilated(2, 4), conditions=conditions)).eval()
    given = torch.tensor([0.3, -1.0]) if conditions else None
    uniforms = generator(0, "test").random(120)
    wanted = draw_whole(net, uniforms, net.body.sees, given)
    assert len(set(wanted.tolist())) > 30
    assert (FastStream(net, given).draw(uniforms) == wanted).all()
    assert (Stream(net, given).draw(uniforms) == wanted).all()


def test_a_ring_goes_on_after_known_samples_in_turns():
    net = seeded(1, lambda: network(8, 16, dilated(2, 4))).eval()
    uniforms, rng = generator(0, "test").random(100), np.random.default_rng(0)
    one, other = FastStream(net), Stream(net)
    for count in (3, 0, 1, 29, 4):
        known = rng.integers(0, 256, count)
        np.testing.assert_allclose(one.feed(known), other.feed(known), atol=1e-5)
        assert (one.draw(uniforms[: count + 7]) == other.draw(uniforms[: count + 7])).all()


def test_the_experiments_measure_what_they_say(monkeypatch):
    monkeypatch.setattr(wavenet, "_gain", lambda seed, doublings: 2.0**doublings)
    monkeypatch.setattr(FastStream, "draw", lambda self, uniforms: np.zeros(len(uniforms)))
    broken = reproduce("fast", 0)
    assert broken["same"] < 0.1
    assert broken["growth"] == 4
    with pytest.raises(ValueError, match="no experiment"):
        reproduce("nonsense", 0)


def test_a_little_training_tells_most_of_what_can_be_told():
    from mynah.problems import ar2

    net = seeded(100, lambda: network(16, 64, dilated(1, 4)))
    measured = ar2.learn(net, 100, steps=60, learning_rate=1e-2)
    assert measured["excess"] < 0.5
