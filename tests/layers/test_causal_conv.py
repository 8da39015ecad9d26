"""The causal convolution is torch's over zeros on the left, and goes on from its queue."""

import pytest
import torch
from torch import nn

from mynah.ground.randomness import seeded
from mynah.layers.causal_conv import CausalConv

SIZES = [(1, 1), (2, 1), (3, 4), (2, 16)]


def layer(length, dilation):
    return seeded(0, lambda: CausalConv(3, 4, length, dilation)).double()


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("length", "dilation"), SIZES)
def test_it_is_its_equation(length, dilation):
    conv, x = layer(length, dilation), noise(2, 11, 3)
    y, _ = conv(x)
    for time in range(11):
        wanted = conv.conv.bias.expand(2, 4)
        for tap in range(length):
            back = time - (length - 1 - tap) * dilation
            if back >= 0:
                wanted = wanted + x[:, back] @ conv.conv.weight[:, :, tap].T
        torch.testing.assert_close(y[:, time], wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("length", "dilation"), SIZES)
def test_it_is_torchs_over_zeros_on_the_left(length, dilation):
    conv, x = layer(length, dilation), noise(2, 11, 3)
    padded = nn.functional.pad(x.transpose(1, 2), ((length - 1) * dilation, 0))
    torch.testing.assert_close(conv(x)[0], conv.conv(padded).transpose(1, 2), rtol=0, atol=0)


@pytest.mark.parametrize("chunks", [[11], [1] * 11, [4, 1, 6]])
@pytest.mark.parametrize(("length", "dilation"), SIZES)
def test_chunks_equal_the_whole_in_values_and_gradients(length, dilation, chunks):
    conv, x = layer(length, dilation), noise(2, 11, 3).requires_grad_()
    whole, last = conv(x)
    state, parts = None, []
    for piece in x.split(chunks, dim=1):
        y, state = conv(piece, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-12)
    assert torch.equal(state, last)
    wanted = (x, *conv.parameters())
    for one, other in zip(
        torch.autograd.grad(torch.cat(parts, dim=1).square().sum(), wanted),
        torch.autograd.grad(whole.square().sum(), wanted),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_the_queue_is_the_latest_input_and_no_more():
    conv, x = layer(3, 4), noise(2, 11, 3)
    _, queue = conv(x)
    assert conv.past == 8
    assert torch.equal(queue, x[:, -8:])
    assert queue.untyped_storage().nbytes() == queue.numel() * 8
    _, short = conv(x[:, :3])
    assert torch.equal(short, torch.cat([torch.zeros(2, 5, 3, dtype=torch.float64), x[:, :3]], dim=1))
    assert layer(1, 1)(x)[1].shape == (2, 0, 3)


def test_a_call_does_not_change_the_queue_it_was_given():
    conv, x = layer(2, 3), noise(2, 5, 3)
    _, queue = conv(x)
    kept = queue.clone()
    conv(x, queue)
    assert torch.equal(queue, kept)


@pytest.mark.parametrize(("length", "dilation"), [(0, 1), (2, 0), (-1, 1)])
def test_filters_that_cannot_be_meant(length, dilation):
    with pytest.raises(ValueError, match="at least 1"):
        CausalConv(3, 4, length, dilation)
