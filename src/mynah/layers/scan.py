"""Linear recurrences h_t = a_t h_{t-1} + b_t by a parallel scan, forward and backward.

A recurrence of this kind is associative, so a sequence can be cut into chunks (Blelloch 1990, "Prefix sums and their
applications"): all chunks run side by side as if each began from zero, and what a chunk should have begun with is then
added, times the product of its a. Nothing is divided and no logarithm is taken, so |a| <= 1 stays stable.

On a processor the gain is in calls: about 3 sqrt(time) on large pieces in place of `time` on small ones. Where the
kernels are built, float32 on a processor takes those in place of chunks: one pass, step by step, all units in line.
Time comes first here, (time, batch, hidden), so that one step lies together in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float, Inexact
from torch import Tensor
from torch.autograd.function import once_differentiable

from mynah import kernels

#: Numbers of one step from which on a step is worth its own call: chunks cost twice the arithmetic.
LARGE_STEP = 2**15
#: Numbers of the largest tensor in a block of `in_blocks`, 2 MiB in float32: a few of them stay in the cache.
BLOCK = 2**19

Step = Callable[[Float[Tensor, "time batch feature"], Any], tuple[Float[Tensor, "time batch width"], Any]]


def linear_scan(
    a: Inexact[Tensor, "time batch hidden"] | Inexact[Tensor, " hidden"],
    b: Inexact[Tensor, "time batch hidden"],
    start: Inexact[Tensor, "batch hidden"],
) -> tuple[Inexact[Tensor, "time batch hidden"], Inexact[Tensor, "batch hidden"]]:
    """Return h (time, batch, hidden) with h_t = a_t h_{t-1} + b_t and h_{-1} = `start`; and its last step.

    Args:
        a: (time, batch, hidden), or (hidden,) where it is the same at all times; real or complex.
        b: (time, batch, hidden), of the same type.
        start: (batch, hidden), of the same type.

    Raises:
        ValueError: the shapes or types do not fit, or there is no step.
    """
    if a.shape not in (b.shape, b.shape[2:]):
        raise ValueError(f"a is (time, batch, hidden) as b is, {tuple(b.shape)}, or (hidden,), not {tuple(a.shape)}")
    _check(a, b, start)
    if b.dtype == torch.complex64 and a.dim() == 1 and _has_kernel(b):
        return _RotatedKernel.apply(a.expand_as(start), b, start)
    return _LinearScan.apply(a, b, start)


def gated_scan(
    gate: Float[Tensor, "time batch hidden"],
    candidate: Float[Tensor, "time batch hidden"],
    start: Float[Tensor, "batch hidden"],
) -> tuple[Float[Tensor, "time batch hidden"], Float[Tensor, "batch hidden"]]:
    """Return h (time, batch, hidden) with h_t = (1 - z_t) h_{t-1} + z_t candidate_t, z = sigmoid(gate); and its last.

    The same as `linear_scan` of 1 - z and z candidate, in fewer passes over memory.

    Args:
        gate, candidate: (time, batch, hidden), real.
        start: (batch, hidden).

    Raises:
        ValueError: the shapes or types do not fit, or there is no step.
    """
    if gate.shape != candidate.shape:
        raise ValueError(f"a gate of shape {tuple(gate.shape)} does not fit {tuple(candidate.shape)}")
    _check(gate, candidate, start)
    scan = _GatedKernel if gate.dtype == torch.float32 and _has_kernel(gate) else _GatedScan
    return scan.apply(gate, candidate, start)


def in_blocks(
    step: Step, x: Float[Tensor, "batch time feature"], state: Any, width: int
) -> tuple[Float[Tensor, "batch time width"], Any]:
    """Run layers over blocks of time that fit the cache, each going on from the state of the one before.

    Args:
        step: ``y, state = step(x, state)`` with x and y (time, batch, feature); gradients go through the state.
        x: (batch, time, feature).
        state: what `step` takes first.
        width: features of the largest tensor that `step` makes.

    Returns:
        (batch, time, feature), and the state after the last block.
    """
    outputs = []
    for block in x.transpose(0, 1).split(max(1, BLOCK // (len(x) * width))):
        y, state = step(block.contiguous(), state)
        outputs.append(y)
    return torch.cat(outputs).transpose(0, 1), state


def _check(a: Tensor, b: Tensor, start: Tensor) -> None:
    if b.dim() != 3 or len(b) == 0 or start.shape != b.shape[1:]:
        raise ValueError(
            f"a scan goes over (time, batch, hidden) from (batch, hidden), not over {tuple(b.shape)} "
            f"from {tuple(start.shape)}"
        )
    if not a.dtype == b.dtype == start.dtype:
        raise ValueError(f"a scan takes one type, not {a.dtype}, {b.dtype} and {start.dtype}")


class _Scan(torch.autograd.Function):
    """Gives h (time, batch, hidden) and its last step."""

    apply: ClassVar[Callable[..., tuple[Tensor, Tensor]]]


class _LinearScan(_Scan):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        h = _forwards(a, b, start)
        ctx.save_for_backward(a, start, h)
        return h, h[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_last: Tensor) -> tuple[Tensor | None, ...]:
        a, start, h = ctx.saved_tensors
        back = a.conj().resolve_conj()
        g = _backwards(back, grad, grad_last)
        by_a = None
        if ctx.needs_input_grad[0]:  # g_t conj(h_{t-1}), over all steps where a is the same
            by_a = torch.empty_like(h)
            torch.mul(g[0], start.conj(), out=by_a[0])
            torch.mul(g[1:], h[:-1].conj(), out=by_a[1:])
            by_a = by_a.sum((0, 1)) if a.dim() == 1 else by_a
        return by_a, g, g[0] * (back if a.dim() == 1 else back[0])


class _GatedScan(_Scan):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, candidate: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        z = gate.sigmoid()
        h = _forwards(1 - z, z * candidate, start)
        ctx.save_for_backward(z, candidate, start, h)
        return h, h[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_last: Tensor) -> tuple[Tensor, ...]:
        z, candidate, start, h = ctx.saved_tensors
        keep = 1 - z
        g = _backwards(keep, grad, grad_last)
        by_start = g[0] * keep[0]
        by_candidate = g.mul_(z)
        change = torch.empty_like(candidate)
        torch.sub(candidate[0], start, out=change[0])
        torch.sub(candidate[1:], h[:-1], out=change[1:])
        return keep.mul_(by_candidate).mul_(change), by_candidate, by_start


def _has_kernel(x: Tensor) -> bool:
    return kernels.native is not None and x.device.type == "cpu"


def _flat(x: Tensor, dims: int) -> np.ndarray:
    """Return (time, units) or (units,), complex numbers as pairs, for a kernel to read or, if it is new, to fill."""
    x = x.detach()
    x = (torch.view_as_real(x) if x.is_complex() else x).contiguous()
    return (x.flatten(1) if dims == 2 else x.flatten()).numpy()


class _GatedKernel(_Scan):
    """`_GatedScan` in one pass over memory each way."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, candidate: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.empty_like(gate, memory_format=torch.contiguous_format)
        kernels.native.gated_forwards(_flat(gate, 2), _flat(candidate, 2), _flat(start, 1), _flat(h, 2))
        ctx.save_for_backward(gate, candidate, start, h)
        return h, h[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_last: Tensor) -> tuple[Tensor, ...]:
        gate, candidate, start, h = ctx.saved_tensors
        by_gate, by_candidate, by_start = torch.empty_like(h), torch.empty_like(h), grad_last.contiguous().clone()
        kernels.native.gated_backwards(
            *(_flat(x, dims) for x, dims in ((gate, 2), (candidate, 2), (start, 1), (h, 2), (grad, 2))),
            *(_flat(x, dims) for x, dims in ((by_gate, 2), (by_candidate, 2), (by_start, 1))),
        )
        return by_gate, by_candidate, by_start


class _RotatedKernel(_Scan):
    """`_LinearScan` of complex numbers whose a is the same at all times, in one pass over memory each way."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, start: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.empty_like(b, memory_format=torch.contiguous_format)
        kernels.native.rotated_forwards(_flat(a, 1), _flat(b, 2), _flat(start, 1), _flat(h, 2))
        ctx.save_for_backward(a, start, h)
        return h, h[-1].clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor, grad_last: Tensor) -> tuple[Tensor, ...]:
        a, start, h = ctx.saved_tensors
        by_a, by_b, by_start = torch.empty_like(start), torch.empty_like(h), grad_last.contiguous().clone()
        kernels.native.rotated_backwards(
            *(_flat(x, dims) for x, dims in ((a, 1), (start, 1), (h, 2), (grad, 2))),
            *(_flat(x, dims) for x, dims in ((by_a, 1), (by_b, 2), (by_start, 1))),
        )
        return by_a, by_b, by_start


def _forwards(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    h = torch.empty_like(b, memory_format=torch.contiguous_format)
    _scan(a, b, start, h, forwards=True)
    return h


def _backwards(a: Tensor, grad: Tensor, grad_last: Tensor) -> Tensor:
    """Return the gradient by b, a scan from the end: g_t = grad_t + a_{t+1} g_{t+1}.

    The last step is an output of its own, lest every block of a sequence have a gradient of zeros but for one step.
    """
    g = torch.empty_like(grad, memory_format=torch.contiguous_format)
    torch.add(grad[-1], grad_last, out=g[-1])
    if len(g) > 1:
        _scan(a if a.dim() == 1 else a[1:], grad[:-1], g[-1], g[:-1], forwards=False)
    return g


def _scan(a: Tensor, b: Tensor, start: Tensor, h: Tensor, forwards: bool) -> None:
    """Fill h (time, batch, hidden), from the first step to the last or from the last to the first.

    In chunks whose size makes the fewest calls; the steps that are left over, fewer than a chunk, follow one by one.
    """
    steps = len(b)
    if a.dim() == 1:
        a = a.expand_as(start).contiguous().expand_as(b)
    size = 1 if start.numel() >= LARGE_STEP else max(1, isqrt(steps // 2))
    if size > 1:
        left = steps % size
        many, few = (slice(steps - left), slice(steps - left, None)) if forwards else (slice(left, None), slice(left))
        start = _chunks(a[many], b[many], start, h[many], size, forwards)
        a, b, h = a[few], b[few], h[few]
    for a_t, b_t, h_t in zip(*(_in_turn(x, 0, forwards) for x in (a, b, h)), strict=True):
        start = torch.addcmul(b_t, a_t, start, out=h_t)


def _chunks(a: Tensor, b: Tensor, start: Tensor, h: Tensor, size: int, forwards: bool) -> Tensor:
    """Fill h (time, batch, hidden), a whole number of chunks of `size` steps; return its last step."""
    is_constant = a.stride(0) == 0
    a, b, h = (x.unflatten(0, (-1, size)) for x in (a, b, h))
    factors = a[:1] if is_constant else a
    product = torch.empty_like(factors, memory_format=torch.contiguous_format)
    now = zip(*(_in_turn(x, 1, forwards) for x in (a, b, h, factors, product)), strict=True)
    a_t, b_t, h_t, factor_t, product_t = next(now)
    h_before, product_before = h_t.copy_(b_t), product_t.copy_(factor_t)
    for a_t, b_t, h_t, factor_t, product_t in now:
        h_before = torch.addcmul(b_t, a_t, h_before, out=h_t)
        product_before = torch.mul(factor_t, product_before, out=product_t)
    last = -1 if forwards else 0
    for chunk, products in zip(_in_turn(h, 0, forwards), _in_turn(product.expand_as(h), 0, forwards), strict=True):
        start = chunk.addcmul_(products, start)[last]
    return start


def _in_turn(x: Tensor, dim: int, forwards: bool) -> tuple[Tensor, ...]:
    """Return the pieces of x along a dimension, in the order of the recurrence."""
    return x.unbind(dim) if forwards else x.unbind(dim)[::-1]
