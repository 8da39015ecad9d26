"""Linear recurrences h_t = a_t h_{t-1} + b_t by a parallel scan, forward and backward.

A recurrence of this kind is associative, so a sequence can be cut into chunks (Blelloch 1990, "Prefix sums and their
applications"): all chunks run side by side as if each began from zero, and what a chunk should have begun with is then
added, multiplied by the product of its a. Nothing is divided and no logarithm is taken, so |a| <= 1 stays stable.

On a processor the gain is in calls: about 3 sqrt(time) operations on large pieces in place of `time` on small ones.
Time comes first here, (time, batch, hidden), so that one step lies together in memory.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isqrt
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

#: Numbers of one step from which on a step is worth a call of its own: chunks cost twice the arithmetic.
LARGE_STEP = 2**15
#: Numbers of one tensor in a block of `in_blocks`: a few such tensors stay in a core's cache.
BLOCK = 2**17

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


def linear_scan(a: Tensor, b: Tensor, start: Tensor) -> Tensor:
    """Return h (time, batch, hidden) with h_t = a_t h_{t-1} + b_t, and h_{-1} = `start`.

    Args:
        a: (time, batch, hidden), or (hidden,) for one that is the same at all times; real or complex.
        b: (time, batch, hidden), of the same type.
        start: (batch, hidden), of the same type.

    Raises:
        ValueError: the shapes or types do not fit, or there is no step.
    """
    if b.dim() != 3 or len(b) == 0 or a.shape not in (b.shape, b.shape[2:]) or start.shape != b.shape[1:]:
        shapes = ", ".join(str(tuple(x.shape)) for x in (a, b, start))
        raise ValueError(f"a scan takes (time, batch, hidden), the same, and (batch, hidden), not {shapes}")
    if not a.dtype == b.dtype == start.dtype:
        raise ValueError(f"a scan takes one type, not {a.dtype}, {b.dtype} and {start.dtype}")
    return _LinearScan.apply(a, b, start)


def in_blocks(step: Step, x: Tensor, state: Any, width: int) -> tuple[Tensor, Any]:
    """Run a layer over blocks of time that fit a core's cache, each going on from the state of the one before.

    Args:
        step: ``y, state = step(x, state)`` with x and y (time, batch, feature); gradients go through the state.
        x: (batch, time, feature).
        width: features of the largest tensor that `step` makes.

    Returns:
        (batch, time, feature), and the state after the last block.
    """
    outputs = []
    for block in x.transpose(0, 1).split(max(1, BLOCK // (len(x) * width))):
        y, state = step(block, state)
        outputs.append(y)
    return torch.cat(outputs).transpose(0, 1), state


class _LinearScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, start: Tensor) -> Tensor:
        h = _scan(a, b, start)
        ctx.save_for_backward(a, start, h)
        return h

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """g_t = grad_t + conj(a_{t+1}) g_{t+1} is the gradient by b_t: a scan from the end."""
        a, start, h = ctx.saved_tensors
        back = a.conj().resolve_conj()
        g = torch.empty_like(h)
        g[-1] = grad[-1]
        if len(h) > 1:
            later = back if a.dim() == 1 else back[1:]
            _scan(later, grad[:-1], g[-1], out=g[:-1], backwards=True)
        by_a = _by_factor(a, g, start, h) if ctx.needs_input_grad[0] else None
        by_start = g[0] * (back if a.dim() == 1 else back[0]) if ctx.needs_input_grad[2] else None
        return by_a, g, by_start


def _by_factor(a: Tensor, g: Tensor, start: Tensor, h: Tensor) -> Tensor:
    """Return the gradient by a: g_t conj(h_{t-1}), summed where a is the same at all times."""
    by_a = torch.empty_like(h)
    torch.mul(g[0], start.conj(), out=by_a[0])
    torch.mul(g[1:], h[:-1].conj(), out=by_a[1:])
    return by_a.sum((0, 1)) if a.dim() == 1 else by_a


def _scan(a: Tensor, b: Tensor, start: Tensor, out: Tensor | None = None, backwards: bool = False) -> Tensor:
    """Return the recurrence over b (time, batch, hidden), which may run from the last step to the first.

    In chunks as long as makes the fewest calls; the steps that are left over, fewer than a chunk, follow one by one.
    """
    h = torch.empty_like(b) if out is None else out
    steps = len(b)
    a = a.expand(b.shape[1:]).contiguous().expand(b.shape) if a.dim() == 1 else a
    size = 1 if start.numel() >= LARGE_STEP else max(1, isqrt(steps // 2))
    if size == 1:
        _one_by_one(a, b, h, start, backwards)
        return h
    left = steps % size
    many, few = (slice(left, steps), slice(left)) if backwards else (slice(steps - left), slice(steps - left, steps))
    start = _in_chunks(a[many], b[many], h[many], start, size, backwards)
    _one_by_one(a[few], b[few], h[few], start, backwards)
    return h


def _one_by_one(a: Tensor, b: Tensor, h: Tensor, start: Tensor, backwards: bool) -> None:
    for a_t, b_t, h_t in zip(_in_turn(a, 0, backwards), _in_turn(b, 0, backwards), _in_turn(h, 0, backwards), strict=True):
        start = torch.addcmul(b_t, a_t, start, out=h_t)


def _in_chunks(a: Tensor, b: Tensor, h: Tensor, start: Tensor, size: int, backwards: bool) -> Tensor:
    """Fill h (time, batch, hidden) by chunks of `size` steps side by side; return its last step."""
    is_constant = a.stride(0) == 0
    a, b, h = (x.unflatten(0, (-1, size)) for x in (a, b, h))
    factors = a[:1] if is_constant else a
    product = torch.empty_like(factors, memory_format=torch.contiguous_format)
    now = (*(_in_turn(x, 1, backwards) for x in (a, b, h)), _in_turn(factors, 1, backwards), _in_turn(product, 1, backwards))
    before_h, before_product = None, None
    for a_t, b_t, h_t, factor_t, product_t in zip(*now, strict=True):
        if before_h is None:
            h_t.copy_(b_t)
            product_t.copy_(factor_t)
        else:
            torch.addcmul(b_t, a_t, before_h, out=h_t)
            torch.mul(factor_t, before_product, out=product_t)
        before_h, before_product = h_t, product_t
    end = 0 if backwards else -1
    for chunk, products in zip(_in_turn(h, 0, backwards), _in_turn(product.expand_as(h), 0, backwards), strict=True):
        start = chunk.addcmul_(products, start)[end]
    return start


def _in_turn(x: Tensor, dim: int, backwards: bool) -> tuple[Tensor, ...]:
    """Return the pieces of x along a dimension, in the order of the recurrence."""
    return x.unbind(dim)[::-1] if backwards else x.unbind(dim)
