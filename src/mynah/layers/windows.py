"""Truncated backpropagation through time: a sequence in windows, each going on from the state of the one before.

Gradients end at the edges of the windows, values do not (Williams & Peng 1990, "An efficient gradient-based algorithm
for on-line training of recurrent network trajectories", Neural Computation 2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor


def in_windows(
    net: Callable[..., Any],
    x: Float[Tensor, "batch time feature"],
    window: int | None,
    lengths: Int[Tensor, " batch"] | None = None,
) -> Float[Tensor, "batch time width"]:
    """Return what a sequence network makes of x (batch, time, feature), in windows of so many frames.

    Args:
        net: ``y, state = net(x, state, lengths)``.
        window: frames that a gradient may go back at most; None is the whole sequence.
        lengths: (batch,) real frames of each row; None is all.
    """
    if window is None:
        return net(x, None, lengths)[0]
    if window < 1:
        raise ValueError(f"a window needs at least one frame, not {window}")
    state, outputs = None, []
    for number, piece in enumerate(x.split(window, dim=1)):
        y, state = net(piece, state, None if lengths is None else (lengths - number * window).clamp(0, window))
        state = detached(state)
        outputs.append(y)
    return torch.cat(outputs, dim=1)


def detached(state: Any) -> Any:
    """Return a state, a tensor or tuples and lists of them, that no gradient goes through."""
    if isinstance(state, Tensor):
        return state.detach()
    if isinstance(state, tuple | list):
        return type(state)(detached(part) for part in state)
    return state
