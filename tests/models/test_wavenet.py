"""WaveNet: its equations, how far it sees, and drawing by rings against running the whole."""

import numpy as np
import pytest
import torch

from mynah import kernels
from mynah.ground.randomness import generator, seeded
from mynah.layers.next_symbol import Stream, draw_whole, rounded
from mynah.models import wavenet
from mynah.models.wavenet import FastStream, WaveNetwork, dilated, network, reproduce
from mynah.papers.problems import next_samples
from mynah.testing.models import check_network, check_streams


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
    assert measured == {"future": 0, "reached": 1024, "apart": 0}
    assert WaveNetwork(2, 2, dilated(1, 10)).sees == 1024
    with pytest.raises(ValueError, match="1 to 256 layers"):
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
    monkeypatch.setattr(next_samples, "gain", lambda net, stream, sees, seed: float(sees))
    monkeypatch.setattr(FastStream, "draw", lambda self, uniforms: np.zeros(len(uniforms)))
    broken = reproduce("fast", 0)
    assert broken["same"] < 0.1
    assert broken["growth"] == 4
    with pytest.raises(ValueError, match="no experiment"):
        reproduce("nonsense", 0)


def spread(residual=24, skip=40, conditions=0, levels=256):
    """A WaveNet of odd widths whose logits are of the order of one."""
    net = seeded(3, lambda: network(residual, skip, dilated(2, 5), levels, conditions)).eval()
    with torch.no_grad():
        for value in net.parameters():
            value.mul_(1.5)
    return net


@pytest.mark.parametrize(("conditions", "levels"), [(0, 256), (3, 256), (0, 77)])
def test_the_kernel_is_its_twin(kernel, conditions, levels):
    net = spread(conditions=conditions, levels=levels)
    given = torch.tensor([0.3, -1.0, 0.5]) if conditions else None
    rng = np.random.default_rng(0)
    one, other = wavenet.stream(net, given), FastStream(net, given)
    for count in (90, 0, 1, 5):  # rings of 16 go round more than once
        known = rng.integers(0, levels, count)
        mine, theirs = one.feed(known), other.feed(known)
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)
        uniforms = rng.random(count)
        for temperature in (1.0, 0.7, 0):
            drawn = one.draw(uniforms, temperature)
            assert (drawn == other.draw(uniforms, temperature)).all()
            if conditions:  # change for what comes next
                for stream in (one, other):
                    stream.condition(given * temperature)
    assert np.ptp(mine) > 0.5


@pytest.mark.parametrize("precision", ["bfloat16", "bfloat16-portable"])
def test_rounded_weights_tell_as_much(kernel, precision):
    net, symbols = spread(), np.random.default_rng(0).integers(0, 256, 400)
    told = wavenet.stream(net, precision=precision).feed(symbols)
    twin = FastStream(rounded(net)).feed(symbols)
    np.testing.assert_allclose(told, twin, rtol=0, atol=0.1 if precision == "bfloat16" else 2e-5)
    assert np.abs(told - FastStream(net).feed(symbols)).max() > 1e-4


def test_without_kernels_the_twin_draws(monkeypatch):
    monkeypatch.setattr(kernels, "native", None)
    net = spread()
    assert type(wavenet.stream(net)) is FastStream
    half = wavenet.stream(net, precision="bfloat16")
    assert torch.equal(half.net.head[1].weight, net.head[1].weight.bfloat16().float())
    assert torch.equal(half.net.embedding.weight, net.embedding.weight)


def test_the_kernel_refuses_what_does_not_fit(kernel):
    net = spread()
    stream = wavenet.stream(net)
    for wrong in (-1, 257):
        with pytest.raises(ValueError, match="out of range"):
            stream.feed(np.array([wrong, 3]))
    with pytest.raises(ValueError, match="not negative"):
        stream.draw(np.array([0.5]), -1.0)
    with pytest.raises(ValueError, match="takes 0 conditions"):
        wavenet.stream(net, torch.zeros(2))
    with pytest.raises(ValueError, match="start of the gates"):
        stream.net.condition(np.zeros((3, 48), np.float32))
    with pytest.raises(TypeError):
        stream.net.feed(np.array([3]), np.zeros((1, 256)))  # a copy in float32 would be filled
    arrays = wavenet._packed(net, None)
    with pytest.raises(ValueError, match="do not fit"):
        kernel.wavenet(**{**arrays, "gates": arrays["gates"][:-1]}, precision="float32")
    with pytest.raises(ValueError, match="no such precision"):
        kernel.wavenet(**arrays, precision="float16")
    wide = seeded(0, lambda: network(16, 16416, [1], 16)).eval()
    for precision in ("float32", "bfloat16"):
        with pytest.raises(ValueError, match="too wide"):
            wavenet.stream(wide, precision=precision)


def test_settings_that_no_memory_should_be_asked_for():
    for blocks, doublings in ((10**9, 9), (1, 10**9), (1, 19), (40, 10)):
        with pytest.raises(ValueError, match=r"layers|sees at most"):
            network(4, 4, dilated(blocks, doublings))
    assert network(4, 4, dilated(1, 17)).body.sees == 2**17
