"""Batch normalisation step by step, against torch's, a literal loop, and torch's LSTM where it is off."""

import copy

import pytest
import torch
from torch import nn

from mynah.ground.randomness import seeded
from mynah.models import batch_norm_rnn
from mynah.models.batch_norm_rnn import BatchNormNetwork, BatchNormRNN, NormalisedLSTM, StepBatchNorm
from mynah.papers.problems import chorales
from mynah.testing.models import toy

F64 = torch.float64


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed))


def norm(features=3):
    layer = StepBatchNorm(features).double()
    nn.init.normal_(layer.gain, 1.0, 0.3, generator=torch.Generator().manual_seed(1))
    return layer


def test_each_step_is_normalised_as_torch_normalises_a_batch():
    layer, x = norm(), 2 * noise(6, 5, 3) + 1
    seen = []
    y = layer(x, None, seen)
    for step in range(5):
        wanted = nn.functional.batch_norm(x[:, step], None, None, layer.gain, None, training=True)
        torch.testing.assert_close(y[:, step], wanted)
    layer.remember(seen)
    torch.testing.assert_close(layer.running_mean, 0.1 * x.mean(dim=(0, 1)))
    torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * x.var(dim=0).mean(dim=0))


def test_padding_is_not_counted_and_gets_no_gradient():
    lengths = torch.tensor([5, 2, 3, 1])
    mask = (torch.arange(5)[None] < lengths[:, None])[:, :, None].double()
    layer, x = norm(), noise(4, 5, 3).requires_grad_()
    seen = []
    y = layer(x, mask, seen)
    ((mean, variance, count),) = seen
    assert count[:, 0].tolist() == [4, 3, 2, 1, 1]
    for step in range(3):
        real = lengths > step
        wanted = nn.functional.batch_norm(x[real, step], None, None, layer.gain, None, training=True)
        torch.testing.assert_close(y[real, step], wanted)
        torch.testing.assert_close(mean[step], x[real, step].mean(dim=0))
        torch.testing.assert_close(variance[step], x[real, step].var(dim=0, correction=0))
    (gradient,) = torch.autograd.grad((y * mask).pow(3).sum(), x)
    assert not (gradient * (1 - mask)).any()
    wild = layer(torch.where(mask > 0, x, 1e3), mask, seen)
    torch.testing.assert_close(wild * mask, y * mask)
    torch.testing.assert_close(seen[1][0][:3], mean[:3])


def test_a_step_with_one_row_takes_the_running_statistics():
    layer, x = norm(), noise(1, 4, 3)
    seen = []
    y = layer(x, None, seen)
    torch.testing.assert_close(y, layer.eval()(x, None, seen))
    assert len(seen) == 1
    layer.remember(seen)
    assert not layer.running_mean.any()
    assert layer.running_var.eq(1).all()


def test_without_a_norm_it_is_torchs_lstm():
    ours, theirs = NormalisedLSTM(4, 5, "none").double(), nn.LSTM(4, 5, batch_first=True).double()
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(ours.weight_ih)
        theirs.weight_hh_l0.copy_(ours.weight_hh)
        theirs.bias_ih_l0.copy_(ours.bias)
        theirs.bias_hh_l0.zero_()
    x = noise(3, 7, 4)
    found = []
    for y, weights in (
        (ours(x, None, None)[0], (ours.weight_ih, ours.weight_hh, ours.bias)),
        (theirs(x)[0], (theirs.weight_ih_l0, theirs.weight_hh_l0, theirs.bias_ih_l0)),
    ):
        found.append([y, *torch.autograd.grad(y.square().sum(), weights)])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


@pytest.mark.parametrize("where", ["input", "both"])
def test_the_layer_is_its_equation(where):
    layer, x = NormalisedLSTM(3, 2, where).double(), noise(5, 4, 3)

    def bn(a):
        return (a - a.mean(dim=0)) / (a.var(dim=0, correction=0) + 1e-5).sqrt()

    h = c = torch.zeros(5, 2, dtype=F64)
    for step, y in enumerate(layer(x, None, None)[0].unbind(dim=1)):
        into, inner = x[:, step] @ layer.weight_ih.T, h @ layer.weight_hh.T
        i, f, g, o = ((bn(into) + inner if where == "input" else bn(into + inner)) + layer.bias).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        torch.testing.assert_close(y, h)


@pytest.mark.parametrize("where", ["input", "both"])
def test_in_training_no_output_sees_the_future_nor_padding(where):
    """Statistics of the whole sequence would fail the first, padding that is counted the second."""
    net = seeded(0, lambda: BatchNormNetwork(3, 4, 2, where)).train()
    x = noise(4, 8, 3).float()
    later = x.clone()
    later[:, 5:] += 1
    torch.testing.assert_close(net(x)[0][:, :5], net(later)[0][:, :5])
    lengths = torch.tensor([8, 6, 3, 3])
    real = (torch.arange(8)[None] < lengths[:, None])[:, :, None]
    wild = torch.where(real, x, 9.0)
    one, other = copy.deepcopy(net), copy.deepcopy(net)  # a step with one row sees what was there before
    torch.testing.assert_close(one(x, None, lengths)[0] * real, other(wild, None, lengths)[0] * real)
    assert all(torch.equal(*pair) for pair in zip(one.buffers(), other.buffers(), strict=True))
    assert not torch.allclose(one(x)[0] * real, other(wild)[0] * real)


@pytest.mark.parametrize("where", ["input", "both"])
def test_running_statistics_move_once_a_sequence(where):
    net, x = seeded(0, lambda: BatchNormNetwork(3, 4, 1, where)), 3 * noise(64, 9, 3).float() + 1
    layer = net.layers[0].norm
    net.train()(x)
    once = layer.running_var.clone()
    for _ in range(100):
        net(x)
    last = layer.running_var.clone()
    torch.testing.assert_close(once, 0.9 + 0.1 * last, rtol=1e-3, atol=1e-3)
    net.eval()(x)
    assert torch.equal(layer.running_var, last)


@pytest.mark.parametrize("where", ["none", "input", "both"])
def test_reduced_precision_keeps_statistics_in_full(where):
    full = seeded(0, lambda: BatchNormNetwork(3, 4, 2, where))
    reduced, x = copy.deepcopy(full), noise(8, 5, 3).float()
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = reduced(x)
    torch.testing.assert_close(y.float(), full(x)[0], rtol=0.1, atol=0.1)
    y.float().square().sum().backward()
    for name, value in reduced.named_buffers():
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, full.get_buffer(name), rtol=0.02, atol=0.02)


def test_only_norms_that_there_are():
    clips, labels = toy(1)
    with pytest.raises(ValueError, match="norm is one of none, input, both, not 'layer'"):
        BatchNormRNN(norm="layer").fit(clips, labels)


def test_epochs_to_a_loss():
    arm = {"epoch": [2.0, 4.0, 6.0, 9.0], "train": [9.0, 7.0, 4.0, 6.0]}
    assert batch_norm_rnn._epochs_to(5.0, arm) == pytest.approx(4 + 2 * 2 / 3)
    assert batch_norm_rnn._epochs_to(4.0, arm) == 6.0
    assert batch_norm_rnn._epochs_to(3.0, arm) == 9.0


def test_the_experiment_runs(tiny_chorales, monkeypatch):
    monkeypatch.setattr(batch_norm_rnn, "UNITS", 6)
    monkeypatch.setattr(batch_norm_rnn, "EPOCHS", 30)
    monkeypatch.setattr(batch_norm_rnn, "BATCH", 4)
    measured = batch_norm_rnn.reproduce("chorales", 100)
    assert {claim["measure"] for claim in batch_norm_rnn.CARD["claims"]} <= set(measured)
    assert 0 < measured["epochs"] <= 1.0
    assert measured["training loss"] < 88 * 0.7
    with pytest.raises(ValueError, match="no experiment"):
        batch_norm_rnn.reproduce("nonsense", 0)
    assert chorales.rolls("train")[0].shape[1] == 88
