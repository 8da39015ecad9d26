"""One fit on several processes: who they are, and how they agree. Started by torchrun; alone without it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor

from mynah.ground.device import current


@dataclass(frozen=True)
class World:
    """The processes of one fit: this one is `rank` of `size`."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process reads, writes and tells for all."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """Return the rows of a batch of `count` that are this process's: the only thing that depends on the size."""
        return slice(self.rank * count // self.size, (self.rank + 1) * count // self.size)

    def total(self, *values: float) -> tuple[float, ...]:
        """Return the sums over all processes."""
        if self.size == 1:
            return values
        sums = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(sums)
        return tuple(sums.tolist())

    def same(self, value: Any) -> Any:
        """Return the first process's value, in all."""
        if self.size == 1:
            return value
        box = [value]
        distributed.broadcast_object_list(box, src=0)
        return box[0]


def world() -> World:
    """Return the processes that were joined, or this one alone."""
    if distributed.is_available() and distributed.is_initialized():
        return World(distributed.get_rank(), distributed.get_world_size())
    return World()


@contextlib.contextmanager
def joined() -> Iterator[World]:
    """Inside, the processes that torchrun started are one world.

    They talk by gloo of what lies on the processor (losses, values, who must stop). On a GPU, which `on_device` chose
    before, gradients meet by nccl.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1 or distributed.is_initialized():
        yield world()
        return
    distributed.init_process_group(_backends(current()))
    try:
        yield world()
        distributed.barrier()  # who leaves first would cut the others off
    finally:
        distributed.destroy_process_group()


def _backends(device: torch.device) -> str:
    """Return how processes talk that train on such devices, one each."""
    if device.type != "cuda":
        return "gloo"
    torch.cuda.set_device(device)  # else all processes would begin on the first GPU
    return "cpu:gloo,cuda:nccl"


class _Rows:
    """Which rows of the whole batch the net sees now: what is drawn a row must not depend on who computes it."""

    def __init__(self) -> None:
        self.part, self.count = slice(None), 0


_ROWS = _Rows()


@contextlib.contextmanager
def rows(part: slice, count: int) -> Iterator[None]:
    """Inside, nets see the rows `part` of a batch of `count`."""
    before = _ROWS.part, _ROWS.count
    _ROWS.part, _ROWS.count = part, count
    try:
        yield
    finally:
        _ROWS.part, _ROWS.count = before


def draw_rows(x: Tensor, share: float) -> Tensor:
    """Return ones and zeros like `x` (batch, ...), zero with probability `share`: this process's rows of the whole
    batch's draw."""
    count = _ROWS.count or len(x)
    drawn = torch.empty((count, *x.shape[1:]), dtype=x.dtype, device=x.device).bernoulli_(1 - share)
    return drawn[_ROWS.part] if _ROWS.count else drawn
