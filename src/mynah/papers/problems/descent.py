"""How `reproduce` trains: the loop of every fit, over examples that are drawn anew at each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from mynah.ground.randomness import generator, key
from mynah.training import Batch, Budget, Fit, Training

#: ``draw(rng, size)`` returns a `Batch`; its frames may be any tensor with the batch first.
Draw = Callable[[np.random.Generator, int], Batch]

#: Training of the experiments, unless a paper says otherwise: nothing but the optimizer.
PLAIN = Training(
    batch=50,
    optimizer="Adam",
    learning_rate=1e-3,
    schedule="constant",
    warmup_steps=0,
    weight_decay=0.0,
    clip_norm=1.0,
    average=0.0,
    valid=0.0,
    augment=False,
)


@dataclass(frozen=True)
class Drawn:
    """Batch n, drawn by a generator that is named by the seed and n; an epoch is one step.

    Args:
        draw: see `Draw`.
        size: examples a batch.
        seed: key of all draws.
    """

    draw: Draw
    size: int
    seed: int
    steps_per_epoch: int = 1

    def __getitem__(self, step: int) -> Batch:
        return self.draw(generator(self.seed, "step", step), self.size)


def descend(
    net: nn.Module,
    loss: Callable[[Any, Batch], Tensor],
    draw: Draw,
    *,
    steps: int,
    seed: int,
    training: Training = PLAIN,
) -> Iterator[int]:
    """Train `net` in place, yielding the steps done after each twentieth of `steps`; leave it to end early.

    Between the yields the net is in training mode; a caller that evaluates it need not put it back.

    Raises:
        Diverged: the loss is not a number.
    """
    settings = replace(training, budget=Budget(steps=steps))
    batches: Any = Drawn(draw, settings.batch, key(seed, "examples"))
    for event in Fit(net, loss, batches, settings, seed=key(seed, "steps")):
        yield event.step


def steps_until(descent: Iterator[int], reached: Callable[[], bool]) -> int | None:
    """Train until `reached` says so at a yield of `descent`; return the steps that took, None if it never did."""
    return next((step for step in descent if reached()), None)
