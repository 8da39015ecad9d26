"""A recurrent layer as a filter: kernel and twin against torch's own, in any chunks."""

import numpy as np
import pytest
import torch
from torch import nn

from mynah import kernels
from mynah.layers.recurrent_filter import TorchFilter, recurrent_filter


def layer(kind, inputs=1, hidden=64, outputs=1):
    torch.manual_seed(0)
    rnn, head = kind(inputs, hidden, batch_first=True), nn.Linear(hidden, outputs)
    with torch.no_grad():
        rnn.weight_hh_l0.mul_(2)
    return rnn, head


def noise(inputs, frames=600):
    return np.random.default_rng(0).normal(size=(frames, inputs)).astype(np.float32)


def whole(rnn, head, x):
    with torch.no_grad():
        return head(rnn(torch.from_numpy(x)[None])[0])[0].numpy()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("sizes", [(1, 64, 1), (3, 40, 2), (2, 5, 17), (1, 200, 1)])
def test_the_kernel_is_torch(kernel, kind, sizes):
    rnn, head = layer(kind, *sizes)
    x = noise(sizes[0])
    run = recurrent_filter(rnn, head)
    assert isinstance(run, kernels.RecurrentFilter)
    y = np.concatenate([run.run(part) for part in np.split(x, [0, 1, 350])])
    np.testing.assert_allclose(y, whole(rnn, head, x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize("precision", ["bfloat16", "bfloat16-portable"])
def test_rounded_weights(kernel, kind, precision):
    rnn, head = layer(kind)
    x = noise(1)
    y = kernels.RecurrentFilter(rnn, head, precision).run(x)
    twin = TorchFilter(rnn, head, "bfloat16").run(x)
    np.testing.assert_allclose(y, twin, rtol=0, atol=1e-5 if precision == "bfloat16-portable" else 5e-3)
    exact = whole(rnn, head, x)
    assert 1e-6 < np.abs(y - exact).max() < 0.02 * np.abs(exact).max()


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_without_kernels_the_twin_runs(monkeypatch, kind):
    monkeypatch.setattr(kernels, "native", None)
    rnn, head = layer(kind)
    x = noise(1)
    run = recurrent_filter(rnn, head)
    assert isinstance(run, TorchFilter)
    y = np.concatenate([run.run(part) for part in np.split(x, [1, 350])])
    np.testing.assert_allclose(y, whole(rnn, head, x), rtol=0, atol=1e-6)


def test_what_cannot_be_a_filter_is_refused(kernel):
    with pytest.raises(ValueError, match="one layer"):
        recurrent_filter(nn.LSTM(1, 4, 2), nn.Linear(4, 1))
    rnn, head = layer(nn.GRU)
    with pytest.raises(ValueError, match="do not fit"):
        recurrent_filter(rnn, nn.Linear(80, 1))
    with pytest.raises(ValueError, match="do not fit"):
        recurrent_filter(rnn, head).run(noise(2))
