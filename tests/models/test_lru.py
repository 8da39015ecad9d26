"""The LRU against its equations, its start on a ring, its stability, and what a complex unit stands for."""

import math

import pytest
import torch

from mynah.models.lru import LRULayer, network


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_it_is_its_equations():
    torch.manual_seed(0)
    layer, x = LRULayer(3, 5).double(), noise(12, 2, 3)
    into, out = torch.view_as_complex(layer.into.transpose(1, 2).contiguous()), torch.view_as_complex(layer.out)
    eigenvalues = torch.exp(-torch.exp(layer.nu) + 1j * torch.exp(layer.theta))
    h = torch.complex(noise(2, 5), noise(2, 5).flip(0))
    y, last = layer(x, h)
    for x_t, y_t in zip(x, y, strict=True):
        h = eigenvalues * h + torch.exp(layer.gamma) * (x_t.to(torch.complex128) @ into.T)
        torch.testing.assert_close(y_t, (h @ out.T).real + layer.skip * x_t)
    torch.testing.assert_close(last, h)


def test_it_starts_on_the_ring():
    torch.manual_seed(0)
    layer = LRULayer(1, 4000, smallest=0.5, largest=0.9, phase=math.pi / 10)
    size, angle = layer.eigenvalues().abs(), layer.eigenvalues().angle()
    assert 0.5 - 1e-5 <= size.min() < 0.51
    assert 0.89 < size.max() <= 0.9 + 1e-5
    assert angle.min() > 0
    assert 0.3 < angle.max() <= math.pi / 10 + 1e-5
    # uniform over the area of the ring: half of the units lie outside of sqrt((0.5^2 + 0.9^2) / 2)
    assert (size > math.sqrt((0.25 + 0.81) / 2)).float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_no_unit_is_loud_because_it_is_slow():
    """Over white noise the mean square of a state is that of its input, whatever its eigenvalue: gamma sees to it."""
    torch.manual_seed(0)
    layer = LRULayer(1, 50, smallest=0.0, largest=0.99)
    with torch.no_grad():
        layer.into.fill_(0.5**0.5)
        h, states = None, []
        for x in torch.randn(60, 50, 400, 1):
            h = layer(x, h)[1]
            states.append(h.abs().square().mean(dim=0))
    assert torch.stack(states[20:]).mean(dim=0).sub(1).abs().max() < 0.15


def test_it_is_stable_wherever_training_takes_it():
    layer = LRULayer(1, 3)
    with torch.no_grad():
        layer.nu.copy_(torch.tensor([-8.0, 0.0, 5.0]))
        layer.theta.copy_(torch.tensor([-20.0, 0.0, 5.0]))
    assert (layer.eigenvalues().abs() < 1).all()


def test_a_complex_unit_is_two_real_ones():
    """A real recurrence of two units that turn and shrink has eigenvalues r e^(+-i theta), and one of them suffices."""
    torch.manual_seed(0)
    layer, x = LRULayer(1, 1).double(), noise(20, 1, 1)
    eigenvalue = layer.eigenvalues()[0].detach()
    turn = torch.tensor([[eigenvalue.real, -eigenvalue.imag], [eigenvalue.imag, eigenvalue.real]])
    into = torch.exp(layer.gamma[0]) * layer.into[0, :, 0]
    read = layer.out[0, 0] * torch.tensor([1.0, -1.0])
    y, _ = layer(x)
    h = torch.zeros(2, dtype=torch.float64)
    for x_t, y_t in zip(x[:, 0, 0], y[:, 0, 0], strict=True):
        h = turn @ h + into * x_t
        torch.testing.assert_close(y_t, read @ h + layer.skip[0] * x_t)
    assert network(1, 7, 1).stack.blocks[0].recurrence.nu.shape == (4,)
    assert network(1, 7, 1, state=3).stack.blocks[0].recurrence.nu.shape == (3,)


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="at least one complex unit"):
        LRULayer(4, 0)
    for ring in ((0.9, 1.0), (0.9, 0.8), (-0.1, 0.5)):
        with pytest.raises(ValueError, match="within the unit circle"):
            LRULayer(4, 2, *ring)
