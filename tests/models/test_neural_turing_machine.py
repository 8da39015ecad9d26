"""The neural Turing machine against its equations written out row by row, and the faults that train unnoticed."""

import numpy as np
import pytest
import torch

from mynah.models.neural_turing_machine import NeuralTuringMachine, TuringNetwork
from mynah.training import Training

HIDDEN, ROWS, COLUMNS = 4, 6, 3


def network(**settings):
    torch.manual_seed(0)
    return (
        TuringNetwork(**{"inputs": 2, "hidden": HIDDEN, "rows": ROWS, "columns": COLUMNS, **settings}).double().eval()
    )


def said(key=(0.0,) * COLUMNS, beta=0.0, gate=-50.0, shift=(0.0, 50.0, 0.0), gamma=0.0):
    """Return what one head says; unless told otherwise, it keeps its weighting where it is."""
    return torch.tensor([[[*key, beta, gate, *shift, gamma]]], dtype=torch.float64)


def looking_at(row):
    return torch.eye(ROWS, dtype=torch.float64)[row][None, None]


def memory(seed=0):
    return torch.randn(1, ROWS, COLUMNS, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x):
    return np.log1p(np.exp(x))


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def literal_weighting(heard, rows, before):
    """Equations 5 to 9 for one head, in their order and with their indices."""
    count, size = rows.shape
    key, (beta, gate), shift, gamma = heard[:size], heard[size : size + 2], heard[size + 2 : size + 5], heard[size + 5]
    key = np.tanh(key)
    alike = [key @ row / (np.linalg.norm(key) * np.linalg.norm(row)) for row in rows]
    content = softmax(softplus(beta) * np.array(alike))
    mixed = sigmoid(gate) * content + (1 - sigmoid(gate)) * before
    share = dict(zip((-1, 0, 1), softmax(shift), strict=True))
    turned = np.zeros(count)
    for i in range(count):
        for step, value in share.items():
            turned[i] += mixed[(i - step) % count] * value
    sharp = turned ** (1 + softplus(gamma))
    return sharp / sharp.sum()


@pytest.mark.parametrize("controller", ["feedforward", "lstm"])
def test_steps_are_the_equations(controller):
    """The controller sees what was read; heads address the memory as it was; erase comes before add."""
    net = network(controller=controller)
    with torch.no_grad():
        net.heads.weight *= 3
    x = torch.randn(1, 5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    outputs, state = net(x)

    into, inner, heads = net.controller.into, net.controller.inner, net.heads
    weight = [value.detach().numpy() for value in (into.weight, into.bias, inner.weight, heads.weight, heads.bias)]
    rows = np.full((ROWS, COLUMNS), 1e-6)
    weights = [softmax(row) for row in net.first_weights.detach().numpy()]
    read, h, c = np.tanh(net.first_read.detach().numpy()), np.zeros(HIDDEN), np.zeros(HIDDEN)
    for step, output in zip(x[0].numpy(), outputs[0].detach().numpy(), strict=True):
        drive = weight[0] @ step + weight[1]
        if controller == "lstm":
            i, f, g, o = np.split(drive + weight[2] @ np.concatenate([h, read]), 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            h = np.tanh(drive + weight[2] @ read)
        heard = weight[3] @ h + weight[4]
        size = COLUMNS + 6
        weights = [literal_weighting(heard[n * size : (n + 1) * size], rows, weights[n]) for n in range(2)]
        erase, add = sigmoid(heard[2 * size : 2 * size + COLUMNS]), np.tanh(heard[2 * size + COLUMNS :])
        read = weights[0] @ rows
        rows = rows * (1 - np.outer(weights[1], erase)) + np.outer(weights[1], add)
        np.testing.assert_allclose(output, np.concatenate([h, read]), atol=1e-6)
    np.testing.assert_allclose(state[1][0].detach().numpy(), rows, atol=1e-6)
    np.testing.assert_allclose(state[2][0].detach().numpy(), weights, atol=1e-6)


@pytest.mark.parametrize(("shift", "step"), [((50.0, 0.0, 0.0), -1), ((0.0, 50.0, 0.0), 0), ((0.0, 0.0, 50.0), 1)])
@pytest.mark.parametrize("row", range(ROWS))
def test_a_shift_turns_the_right_way(shift, step, row):
    """All of s(+1) moves the look from row i to row i + 1, and from the last to the first."""
    turned = network()._address(said(shift=shift), memory(), looking_at(row))
    assert turned[0, 0].argmax() == (row + step) % ROWS
    assert turned[0, 0].max() > 0.999


def test_a_key_finds_its_row():
    """With an open gate and a sharp beta the look goes to the row of the key's direction, wherever it was."""
    rows = torch.eye(ROWS, COLUMNS, dtype=torch.float64)[None] * 0.3 - 0.1
    found = network()._address(said(key=(-3.0, 3.0, -3.0), beta=60.0, gate=50.0), rows, looking_at(5))
    assert found[0, 0].argmax() == 1
    assert found[0, 0, 1] > 0.999


def test_gamma_sharpens_and_never_blurs():
    """At its lowest, gamma is one and leaves the weighting as it is."""
    net, before = network(), torch.softmax(torch.arange(ROWS, dtype=torch.float64) * 0.3, dim=0)[None, None]
    torch.testing.assert_close(net._address(said(gamma=-50.0), memory(), before), before, atol=1e-6, rtol=0)
    sharp = net._address(said(gamma=3.0), memory(), before)
    assert sharp.max() > 1.3 * before.max()


@pytest.mark.parametrize("size", [-80.0, 80.0])
def test_extreme_heads_stay_distributions(size):
    """No number is lost, forward or back, whatever the heads say: softplus, and an epsilon before the power."""
    heard = torch.full((1, 2, COLUMNS + 6), size, dtype=torch.float64).requires_grad_()
    rows = torch.full((1, ROWS, COLUMNS), 1e-6, dtype=torch.float64).requires_grad_()
    before = torch.cat([looking_at(0), looking_at(3)], dim=1).requires_grad_()
    weights = network()._address(heard, rows, before)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(1, 2, dtype=torch.float64))
    weights.square().sum().backward()
    for given in (heard, rows, before):
        assert torch.isfinite(given.grad).all()


def test_a_flat_look_can_be_sharpened():
    """128 equal weights to the 26th power are below what float32 holds."""
    flat = torch.full((1, 1, 128), 1 / 128)
    heard = said(gamma=25.0).float()
    sharp = network(rows=128).float()._address(heard, torch.zeros(1, 128, COLUMNS), flat)
    torch.testing.assert_close(sharp, flat)


def test_silence_has_gradients():
    """An empty memory, alike everywhere, is where cosine similarity can lose the gradient."""
    net = network()
    y, _ = net(torch.zeros(2, 6, 2, dtype=torch.float64))
    y.square().sum().backward()
    for name, value in net.named_parameters():
        assert torch.isfinite(value.grad).all(), name


def test_it_starts_as_collier_and_beel_do():
    """A constant memory; the first look and the first reading are learned."""
    net = network(controller="lstm")
    _, rows, weights, read = net._start(torch.zeros(3, 1, 2, dtype=torch.float64))
    assert (rows == 1e-6).all()
    assert rows.shape == (3, ROWS, COLUMNS)
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(3, 2, dtype=torch.float64))
    (weights.square().sum() + read.square().sum()).backward()
    assert net.first_weights.grad.abs().sum() > 0
    assert net.first_read.grad.abs().sum() > 0
    assert (net.controller.into.bias[HIDDEN : 2 * HIDDEN] == 1).all()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rows": 2}, "at least three rows and one column"),
        ({"columns": 0}, "at least three rows and one column"),
        ({"controller": "gru"}, "no controller 'gru'; there are feedforward, lstm"),
    ],
)
def test_what_cannot_be_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        NeuralTuringMachine(**settings, training=Training(budget="1steps")).fit(np.eye(4), [0, 1, 0, 1])
