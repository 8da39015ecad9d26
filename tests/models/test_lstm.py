"""The LSTM's settings: forget gates that start open, peepholes, and reading both ways without seeing padding."""

import pytest
import torch

from mynah.ground.randomness import seeded
from mynah.layers.windows import in_windows
from mynah.models.lstm import LSTM, LSTMNetwork, reproduce
from mynah.testing.models import toy
from mynah.training import Training


@pytest.mark.parametrize("settings", [{}, {"layers": 2}, {"peepholes": True}, {"bidirectional": True, "layers": 2}])
def test_biases_are_zero_but_for_the_forget_gates(settings):
    net = LSTMNetwork(3, 4, **{"layers": 1, **settings})
    summed = {}
    for name, value in net.named_parameters():
        kind, _, rest = name.rpartition("bias_")
        if "bias_" in name:
            key = (kind, rest.removeprefix("ih").removeprefix("hh"))
            summed[key] = summed.get(key, 0) + value.detach()
    assert summed
    for bias in summed.values():
        assert bias.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8


def test_new_peepholes_change_nothing():
    plain, peeping = (seeded(0, lambda p=p: LSTMNetwork(3, 4, 1, peepholes=p)) for p in (False, True))
    peeping.load_state_dict({f"rnn.0.{k.removeprefix('rnn.')}": v for k, v in plain.state_dict().items()}, False)
    x = torch.randn(2, 6, 3)
    torch.testing.assert_close(plain(x)[0], peeping(x)[0])
    with torch.no_grad():
        peeping.rnn[0].peephole.fill_(1.0)
    assert (plain(x)[0] - peeping(x)[0]).abs().max() > 1e-2


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("layers", [1, 2])
def test_padding_is_not_read_from_the_end(layers, stride, monkeypatch):
    monkeypatch.setattr(LSTM, "stride", stride)
    net = seeded(0, lambda: LSTM(hidden=5, layers=layers, bidirectional=True).build(3, 2)).eval()
    lengths = torch.tensor([9, 4, 1])
    frames = torch.randn(3, 9, 3) * (torch.arange(9)[None] < lengths[:, None])[:, :, None]
    together = net(frames, lengths)
    alone = torch.cat([net(clip[None, :length], None) for clip, length in zip(frames, lengths, strict=True)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)
    if stride == 1:  # what lies in the padding is not read either
        wild = frames.masked_fill(frames == 0, 7.0)
        torch.testing.assert_close(net(wild, lengths), together, rtol=0, atol=1e-6)


def test_padding_sends_no_gradient():
    net = seeded(0, lambda: LSTMNetwork(3, 4, 1, bidirectional=True))
    x = torch.randn(2, 6, 3, requires_grad=True)
    y, _ = net(x, None, torch.tensor([6, 2]))
    (gradient,) = torch.autograd.grad(y[:, :2].square().sum(), x)
    assert gradient[0].abs().min() > 0
    assert gradient[1, :2].abs().min() > 0
    assert not gradient[1, 2:].any()


def test_reading_both_ways_is_two_networks():
    net = seeded(0, lambda: LSTMNetwork(3, 4, 1, bidirectional=True)).double()
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    there, back = (LSTMNetwork(3, 4, 1).double() for _ in range(2))
    weights = net.state_dict()
    there.load_state_dict({k: v for k, v in weights.items() if "reverse" not in k})
    back.load_state_dict({k.removesuffix("_reverse"): v for k, v in weights.items() if "reverse" in k})
    wanted = torch.cat([there(x)[0], back(x.flip(1))[0].flip(1)], dim=2)
    torch.testing.assert_close(net(x)[0], wanted, rtol=0, atol=1e-10)


def test_what_cannot_be_meant_is_refused():
    net = LSTMNetwork(3, 4, 1, bidirectional=True)
    y, state = net(torch.zeros(1, 2, 3))
    assert y.shape == (1, 2, net.width) == (1, 2, 8)
    with pytest.raises(ValueError, match="looks ahead"):
        net(torch.zeros(1, 2, 3), state)
    with pytest.raises(ValueError, match="looks ahead"):
        in_windows(net, torch.zeros(1, 5, 3), 2)
    clips, labels = toy(1)
    for wrong in ({"peepholes": True}, {"window": 8}):
        with pytest.raises(ValueError, match="both"):
            LSTM(bidirectional=True, **wrong).fit(clips, labels)


def test_it_learns_both_ways():
    clips, labels = toy(8)
    model = LSTM(hidden=24, bidirectional=True, training=Training(budget="40epochs", batch=16, valid=0.0))
    model.fit(clips, labels)
    assert (model.predict(clips) == labels).mean() > 0.8


def test_the_stateful_experiment_can_fail(monkeypatch):
    measured = reproduce("stateful", 0)
    assert measured["carried"] <= 1e-6
    assert measured["reset"] >= 0.01
    plain = LSTMNetwork.forward
    monkeypatch.setattr(LSTMNetwork, "forward", lambda net, x, state=None, lengths=None: plain(net, x, None, lengths))
    assert reproduce("stateful", 0)["carried"] > 0.01
    with pytest.raises(ValueError, match="no experiment"):
        reproduce("nonsense", 0)
