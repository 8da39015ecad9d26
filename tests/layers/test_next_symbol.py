"""Networks over symbols: what stands before what, how one is drawn, and streams against running the whole."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from mynah.ground.randomness import seeded
from mynah.layers.next_symbol import NextSymbol, Stream, choose, draw_whole
from mynah.layers.sequence_network import TorchNetwork


def network(levels=7, conditions=0):
    def build():
        body = TorchNetwork(nn.GRU(4 + conditions, 6, batch_first=True))
        return NextSymbol(levels, 4, body, nn.Linear(6, levels), conditions)

    return seeded(0, build).eval()


def test_a_symbol_is_told_from_those_before_it_alone():
    net, symbols = network(), torch.tensor([[3, 1, 4, 1, 5]])
    nats = net.nats(symbols)
    for place in range(5):
        logits = net(torch.tensor([[7, *symbols[0, :place].tolist()]]))[0][0, -1]
        wanted = -torch.log_softmax(logits, dim=0)[symbols[0, place]]
        torch.testing.assert_close(nats[0, place], wanted)
    torch.testing.assert_close(net.told(torch.tensor([[7, 3, 1, 4, 1, 5]])), nats)
    assert net.told(symbols).shape == (1, 4)


def test_probabilities_of_all_sequences_add_up_to_one():
    net = network(levels=3)
    every = torch.cartesian_prod(*[torch.arange(3)] * 4)
    torch.testing.assert_close((-net.nats(every).sum(dim=1)).exp().sum(), torch.tensor(1.0))


def test_conditions_change_what_is_told_and_must_be_given():
    net, symbols = network(conditions=2), torch.tensor([[3, 1, 4]])
    one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    assert not torch.equal(net.nats(symbols, one), net.nats(symbols, other))
    over_time = one[:, None].expand(-1, 3, -1)
    torch.testing.assert_close(net.nats(symbols, over_time), net.nats(symbols, one))
    for wrong in (None, torch.zeros(1, 3)):
        with pytest.raises(ValueError, match="takes 2 conditions"):
            net.nats(symbols, wrong)


def test_a_uniform_number_draws_by_the_inverse():
    logits = torch.log(torch.tensor([0.1, 0.0, 0.6, 0.3]))
    drawn = [choose(logits, u, 1.0) for u in (0.0, 0.09, 0.11, 0.69, 0.71, 1 - 1e-16)]
    assert drawn == [0, 0, 2, 2, 3, 3]
    assert choose(logits, 0.99, 0) == 2
    assert [choose(logits, u, 1e-310) for u in (0.0, 0.99)] == [2, 2]
    cold = np.mean([choose(logits, u, 0.5) == 2 for u in np.arange(0, 1, 1e-3)])
    assert abs(cold - 0.36 / 0.46) < 2e-3


def test_a_stream_is_the_whole_and_goes_on_after_what_is_known():
    net, rng = network(), np.random.default_rng(0)
    uniforms = rng.random(30)
    whole = draw_whole(net, uniforms, sees=10**6)
    stream = Stream(net)
    assert (np.concatenate([stream.draw(uniforms[:11]), stream.draw(uniforms[11:])]) == whole).all()
    primed = Stream(net)
    told = np.concatenate([primed.feed(whole[:5]), primed.feed(whole[5:5]), primed.feed(whole[5:20])])
    logits = net(torch.tensor([[net.start, *whole[:-1]]]))[0][0]
    torch.testing.assert_close(torch.from_numpy(told), logits[:20].detach())
    assert (primed.draw(uniforms[20:]) == whole[20:]).all()
    assert len(set(whole.tolist())) > 3


def test_levels_that_are_near_begin_alike():
    weight = network(levels=64).embedding.weight
    assert (weight[10] - weight[11]).norm() < 0.3 * (weight[10] - weight[40]).norm()
    assert math.isclose(float(weight.detach().abs().max()), 1.0, abs_tol=0.01)
