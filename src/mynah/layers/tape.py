"""Stacks, queues and deques with fractional strengths, as intervals on a tape.

A row of strength s_i covers an interval as long as s_i, one behind the other from the front; `edges` are their ends,
(batch, rows), so that s_i = edges_i - edges_{i-1}. To take u from the front is to cut off what lies before u:
max(0, edges - u), which leaves max(0, s_i - max(0, u - (strengths before i))) of each row, the recurrence of
Grefenstette et al. 2015 (arXiv:1506.02516), without a loop. What is read is the tape from 0 to 1.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def strengths(edges: Float[Tensor, "batch rows"]) -> Float[Tensor, "batch rows"]:
    """Return (batch, rows), how much there is of each row."""
    return torch.diff(edges, dim=1, prepend=torch.zeros_like(edges[:, :1]))


def total(edges: Float[Tensor, "batch rows"]) -> Float[Tensor, "batch 1"]:
    """Return (batch, 1), the length of the tape."""
    return edges[:, -1:] if edges.shape[1] else edges.new_zeros(len(edges), 1)


def pop_front(edges: Float[Tensor, "batch rows"], amount: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch rows"]:
    """Return the edges after an `amount` (batch, 1) was taken from the front."""
    return torch.relu(edges - amount)


def pop_back(edges: Float[Tensor, "batch rows"], amount: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch rows"]:
    """Return the edges after an `amount` (batch, 1) was taken from the back."""
    return torch.minimum(edges, torch.relu(total(edges) - amount))


def push_front(edges: Float[Tensor, "batch rows"], amount: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch rows+1"]:
    """Return the edges, one more, after a row of strength `amount` (batch, 1) was put in front."""
    return torch.cat([amount, edges + amount], dim=1)


def push_back(edges: Float[Tensor, "batch rows"], amount: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch rows+1"]:
    """Return the edges, one more, after a row of strength `amount` (batch, 1) was put behind."""
    return torch.cat([edges, total(edges) + amount], dim=1)


def read_front(
    edges: Float[Tensor, "batch rows"], values: Float[Tensor, "batch rows width"]
) -> Float[Tensor, "batch width"]:
    """Return (batch, width): values (batch, rows, width) weighted by their part of the first unit of tape."""
    return _sum(strengths(edges.clamp(max=1.0)), values)


def read_back(
    edges: Float[Tensor, "batch rows"], values: Float[Tensor, "batch rows width"]
) -> Float[Tensor, "batch width"]:
    """Return (batch, width): values (batch, rows, width) weighted by their part of the last unit of tape."""
    before = torch.relu(total(edges) - 1.0)
    return _sum(strengths(torch.relu(edges - before)), values)


def _sum(weights: Tensor, values: Tensor) -> Tensor:
    return torch.bmm(weights[:, None], values)[:, 0]
