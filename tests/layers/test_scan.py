"""Scans against a plain loop: values, gradients, lengths that no chunk divides, and what is refused."""

import pytest
import torch

from mynah.layers import scan
from mynah.layers.scan import gated_scan, in_blocks, linear_scan

REAL, COMPLEX = torch.float64, torch.complex128
LENGTHS = [1, 2, 7, 8, 9, 50, 97]


def drawn(length, dtype, constant=False, seed=0):
    """Return a within the unit circle, b and start, which want gradients."""
    rng = torch.Generator().manual_seed(seed)
    shape = (4,) if constant else (length, 3, 4)
    size = torch.rand(shape, dtype=REAL, generator=rng)
    a = torch.polar(size, 6 * torch.rand(shape, dtype=REAL, generator=rng)) if dtype.is_complex else size
    b = torch.randn(length, 3, 4, dtype=dtype, generator=rng)
    start = torch.randn(3, 4, dtype=dtype, generator=rng)
    return [x.requires_grad_() for x in (a, b, start)]


def loop(a, b, start):
    h = []
    for time, b_t in enumerate(b):
        start = (a if a.dim() == 1 else a[time]) * start + b_t
        h.append(start)
    return torch.stack(h), start


def gated_loop(gate, candidate, start):
    z = torch.sigmoid(gate)
    return loop(1 - z, z * candidate, start)


def assert_same(one, other, given):
    """Values and the last of them are the same, and so are the gradients of a weighted sum of both."""
    found = []
    for scanned in (one(*given), other(*given)):
        joined = torch.cat([scanned[0], scanned[1][None]])
        weight = torch.randn(joined.shape, dtype=joined.dtype, generator=torch.Generator().manual_seed(1))
        found.append([joined, *torch.autograd.grad((joined * weight).sum().abs(), given)])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("dtype", [REAL, COMPLEX])
def test_linear_scan_is_a_loop(length, constant, dtype):
    assert_same(linear_scan, loop, drawn(length, dtype, constant))


@pytest.mark.parametrize("length", LENGTHS)
def test_gated_scan_is_a_loop(length):
    gate, candidate, start = drawn(length, REAL)
    assert_same(gated_scan, gated_loop, [(8 * gate - 4).detach().requires_grad_(), candidate, start])


@pytest.mark.parametrize("dtype", [REAL, COMPLEX])
@pytest.mark.parametrize("constant", [False, True])
def test_large_steps_go_one_by_one(monkeypatch, dtype, constant):
    monkeypatch.setattr(scan, "LARGE_STEP", 1)
    monkeypatch.setattr(scan, "_chunks", None)
    assert_same(linear_scan, loop, drawn(9, dtype, constant))


@pytest.mark.parametrize("dtype", [REAL, COMPLEX])
@pytest.mark.parametrize("constant", [False, True])
def test_gradients_are_finite_differences(dtype, constant):
    assert torch.autograd.gradcheck(linear_scan, drawn(9, dtype, constant))
    if dtype == REAL:
        assert torch.autograd.gradcheck(gated_scan, drawn(9, dtype))


def test_single_precision_over_a_long_time():
    """A product of a over 5000 steps underflows to zero, not to something that is not a number."""
    given = [x.detach().float() for x in drawn(5000, REAL)]
    y, _ = linear_scan(*given)
    assert torch.isfinite(y).all()
    torch.testing.assert_close(y, loop(*given)[0], rtol=0, atol=1e-5)
    shut, _ = linear_scan(torch.zeros_like(given[0]), given[1], given[2])
    assert torch.equal(shut, given[1])


def test_inputs_are_left_as_they_were():
    given = drawn(50, REAL)
    before = [x.detach().clone() for x in given]
    y, _ = linear_scan(*given)
    kept = y.detach().clone()
    y.sum().backward()
    assert all(torch.equal(x, was) for x, was in zip([*given, y], [*before, kept], strict=True))


@pytest.mark.parametrize("block", [1, 5, 2**19])
def test_blocks_are_one_pass(monkeypatch, block):
    """Whatever the size of the blocks, and a gradient goes through their edges."""
    monkeypatch.setattr(scan, "BLOCK", 2 * 4 * block)
    x = torch.randn(2, 23, 4, dtype=REAL, requires_grad=True)

    def step(piece, state):
        return linear_scan(torch.full_like(piece, 0.9), piece, state)

    y, last = in_blocks(step, x, x.new_zeros(2, 4), 4)
    whole = linear_scan(torch.full((4,), 0.9, dtype=REAL), x.transpose(0, 1), x.new_zeros(2, 4))[0].transpose(0, 1)
    torch.testing.assert_close(y, whole)
    torch.testing.assert_close(last, whole[:, -1])
    by_x = [torch.autograd.grad(v[:, -1].sum(), x)[0] for v in (y, whole)]
    torch.testing.assert_close(by_x[0], by_x[1])
    assert by_x[0][:, 0].abs().min() > 0


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused():
    a, b, start = (x.detach() for x in drawn(5, REAL))
    for given, match in [
        ((a[:-1], b, start), "not \\(4, 3, 4\\)"),
        ((a[:0], b[:0], start), "over \\(0, 3, 4\\)"),
        ((a, b, start[:1]), "from \\(1, 4\\)"),
        ((a.float(), b, start), "one type"),
        ((a, b, start.to(COMPLEX)), "one type"),
    ]:
        with pytest.raises(ValueError, match=match):
            linear_scan(*given)
    with pytest.raises(ValueError, match="does not fit"):
        gated_scan(a[:-1], b, start)
