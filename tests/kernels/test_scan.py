"""The compiled scans against a loop in double precision, and against their twins of torch operations."""

import numpy as np
import pytest
import torch

from mynah import kernels
from mynah.layers.scan import gated_scan, linear_scan

#: (time, batch, hidden): one step, fewer than sixteen units, whole sixteens, and some left over.
SHAPES = [(1, 1, 1), (7, 3, 4), (50, 4, 8), (97, 5, 7), (300, 2, 33)]


def given(shape, dtype, *, constant=False):
    rng = torch.Generator().manual_seed(0)
    first = torch.randn(shape[2:] if constant else shape, dtype=dtype, generator=rng)
    if constant:
        first = 0.98 * first / first.abs().clamp(min=1)
    rest = [torch.randn(shape, dtype=dtype, generator=rng), torch.randn(shape[1:], dtype=dtype, generator=rng)]
    return [x.requires_grad_() for x in (first, *rest)]


def with_gradients(scan, values):
    """Return the steps, the last, and the gradients of a weighted sum of both; the weights lie time last."""
    h, last = scan(*values)
    rng = torch.Generator().manual_seed(1)
    double = torch.complex128 if h.is_complex() else torch.float64
    weight = torch.randn(*h.shape[1:], len(h), dtype=double, generator=rng).movedim(-1, 0).to(h.dtype)
    total = ((h * weight).sum() + (last * weight[0]).sum()).real
    return [h, last, *torch.autograd.grad(total, values)]


def gated_loop(gate, candidate, start):
    h = []
    for z, wanted in zip(torch.sigmoid(gate), candidate, strict=True):
        start = start + z * (wanted - start)
        h.append(start)
    return torch.stack(h), start


def loop(a, b, start):
    h = []
    for b_t in b:
        start = a * start + b_t
        h.append(start)
    return torch.stack(h), start


def assert_close(found, wanted):
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other.to(one.dtype), rtol=1e-5, atol=1e-5 * other.abs().max().item())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("scan", ["gated", "rotated"])
def test_it_is_the_loop_and_its_twin(kernel, shape, scan, monkeypatch):
    if scan == "gated":
        ours, plain, values = gated_scan, gated_loop, given(shape, torch.float32)
    else:
        ours, plain, values = linear_scan, loop, given(shape, torch.complex64, constant=True)
    double = torch.complex128 if scan == "rotated" else torch.float64
    wanted = with_gradients(plain, [x.detach().to(double).requires_grad_() for x in values])
    found = with_gradients(ours, values)
    assert "Kernel" in type(ours(*values)[0].grad_fn).__name__
    assert_close(found, wanted)
    monkeypatch.setattr(kernels, "native", None)
    twin = with_gradients(ours, values)
    assert "Kernel" not in type(ours(*values)[0].grad_fn).__name__
    assert_close(found, twin)


def test_gates_that_are_shut_or_open(kernel):
    """Far out, the sigmoid is zero or one and nothing is lost."""
    gate = torch.tensor([-1e4, -90.0, 0.0, 90.0, 1e4]).expand(3, 1, 5).clone().requires_grad_()
    h, last = gated_scan(gate, torch.ones(3, 1, 5), torch.zeros(1, 5))
    torch.testing.assert_close(last[0], torch.tensor([0.0, 0.0, 0.875, 1.0, 1.0]), rtol=0, atol=1e-6)
    h.sum().backward()
    assert torch.isfinite(gate.grad).all()


def test_arrays_that_do_not_fit_are_refused(kernel):
    steps, units = np.zeros((3, 4), np.float32), np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="one shape"):
        kernel.gated_forwards(steps, steps[:2], units, steps.copy())
    with pytest.raises(ValueError, match="start"):
        kernel.gated_forwards(steps, steps, units[:3], steps.copy())
    with pytest.raises(ValueError, match="a and start"):
        kernel.rotated_forwards(units[:3], steps, units, steps.copy())
    with pytest.raises(ValueError, match="gradients"):
        kernel.rotated_backwards(units, units, steps, steps, units[:3].copy(), steps.copy(), units.copy())


@pytest.mark.parametrize("h", [np.zeros((5, 3)), np.zeros((3, 5), np.float32).T, np.zeros((5, 6), np.float32)[:, ::2]])
def test_what_a_kernel_cannot_write_to_is_refused(kernel, h):
    steps = np.ones((5, 3), np.float32)
    with pytest.raises(TypeError):
        kernel.gated_forwards(steps, steps, np.zeros(3, np.float32), h)
    with pytest.raises(TypeError):
        kernel.rotated_forwards(np.ones(4, np.float32), np.ones((5, 4), np.float32), np.zeros(4, np.float32), h)
