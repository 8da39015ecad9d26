"""The recurrent network over samples: its kernel against its twin, and what rounding its weights costs."""

import numpy as np
import pytest
import torch

from mynah import kernels
from mynah.ground.randomness import generator, seeded
from mynah.layers.next_symbol import Stream
from mynah.models import sample_rnn, wavenet
from mynah.models.sample_rnn import network, reproduce
from mynah.papers.problems import ar2


def spread(cell, conditions=0):
    net = seeded(0, lambda: network(cell, 40, conditions=conditions)).eval()
    with torch.no_grad():
        for value in net.parameters():
            value.mul_(2)
    return net


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("conditions", [0, 2])
def test_the_kernel_is_its_twin(kernel, cell, conditions):
    net = spread(cell, conditions)
    given = torch.tensor([0.5, -1.0]) if conditions else None
    rng = np.random.default_rng(0)
    one, other = sample_rnn.stream(net, given), Stream(net, given)
    assert isinstance(one, kernels.SymbolStream)
    for count in (100, 0, 1):
        known = rng.integers(0, 256, count)
        np.testing.assert_allclose(one.feed(known), other.feed(known), rtol=0, atol=1e-5)
        uniforms = rng.random(100)
        for temperature in (1.0, 0.5, 0):
            assert (one.draw(uniforms, temperature) == other.draw(uniforms, temperature)).all()
            if conditions:  # change for what comes next
                for stream in (one, other):
                    stream.condition(given * temperature)
    with pytest.raises(ValueError, match="conditions"):
        one.net.condition(np.zeros(5, np.float32))


def test_without_kernels_the_twin_draws(monkeypatch):
    monkeypatch.setattr(kernels, "native", None)
    net = spread("gru")
    assert type(sample_rnn.stream(net)) is Stream
    half = sample_rnn.stream(net, precision="bfloat16").net
    assert torch.equal(half.head.weight, net.head.weight.bfloat16().float())


def nats(stream, symbols):
    """The mean -ln p of symbols by the logits of a stream."""
    logits = torch.from_numpy(stream.feed(symbols))
    return float(torch.nn.functional.cross_entropy(logits, torch.from_numpy(symbols)))


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def learned(monkeypatch_module):
    """Networks of both families that have learned something of the noisy resonance, and how far they came."""
    monkeypatch_module.setattr(ar2, "TESTED", 8)
    nets = {
        wavenet: seeded(100, lambda: wavenet.network(16, 32, wavenet.dilated(1, 4))),
        sample_rnn: seeded(100, lambda: network("gru", 32)),
    }
    return {family: (net, ar2.learn(net, 100, steps=40, learning_rate=2e-2)) for family, net in nets.items()}


def test_a_little_training_tells_most_of_what_can_be_told(learned):
    for _, measured in learned.values():
        assert measured["bits"] < 0.7 * 8
        assert measured["excess"] > 0


@pytest.mark.parametrize("precision", ["bfloat16", "bfloat16-portable"])
def test_rounding_costs_less_than_half_a_percent_of_the_likelihood(kernel, learned, precision):
    held_out = ar2.symbols(generator(100, "held out"), 1, 2000)[0]
    for family, (net, _) in learned.items():
        exact = nats(family.stream(net), held_out)
        rounded = nats(family.stream(net, precision=precision), held_out)
        assert exact != rounded
        assert abs(rounded / exact - 1) < 0.005


def test_what_cannot_be_meant():
    with pytest.raises(ValueError, match="lstm or gru"):
        network("elman", 4)
    with pytest.raises(ValueError, match="no experiment"):
        reproduce("nonsense", 0)
