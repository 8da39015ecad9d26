"""Bearing-only tracking: where a target is, from the noisy direction in which it is seen.

After Mittelman 2015 (arXiv:1508.00317). The target crosses a box of side 20 at a constant speed and is thrown back by
its walls; the sensor in the middle hears the bearing alone. Since the speed is known, the way in which the bearing
turns tells the range. Figures (as another's generator documents them): 0.2 a step, 500 steps, deviations of 0.005 for
the steps and, in radians, for the bearing.

Neither the wrap of the angle nor what cannot be known yet may decide the score: bearings are given as sine and cosine,
and the first 125 frames are neither trained nor judged.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from mynah.ground.randomness import generator, seeded
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems.answers import EveryFrame
from mynah.papers.problems.descent import PLAIN, descend
from mynah.training import Batch

INPUTS, LENGTH, TESTED = 2, 500, 200
#: Half the side of the box; the unit of the targets.
WALL = 10.0
SPEED, STEP_NOISE, BEARING_NOISE = 0.2, 0.005, 0.005
#: Frames at the start that are not judged.
SETTLING = 125
#: Paths a step, and steps whose CPU time tells how many fit into a given one.
BATCH, PROBED = 5, 50


def paths(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return positions (size, 500, 2) between -10 and 10.

    A path that walls throw back is a straight one, folded: where they stood it goes on in a mirror.
    """
    heading = rng.uniform(0, 2 * np.pi, (size, 1))
    velocity = SPEED * np.stack([np.cos(heading), np.sin(heading)], axis=2)
    steps = velocity + rng.normal(0, STEP_NOISE, (size, LENGTH, 2))
    straight = rng.uniform(-WALL, WALL, (size, 1, 2)) + np.cumsum(steps, axis=1)
    return WALL - np.abs((straight + WALL) % (4 * WALL) - 2 * WALL)


def draw(rng: np.random.Generator, size: int) -> Batch:
    """Return frames (size, 500, 2), sine and cosine of the bearing, and targets (size, 500, 2) in units of 10."""
    position = paths(rng, size)
    bearing = np.arctan2(position[:, :, 1], position[:, :, 0]) + rng.normal(0, BEARING_NOISE, (size, LENGTH))
    frames = np.stack([np.sin(bearing), np.cos(bearing)], axis=2)
    return Batch(_tensor(frames), torch.full((size,), LENGTH), _tensor(position / WALL))


def loss(net: nn.Module, batch: Batch) -> Tensor:
    """Mean squared error over the frames that are judged, in units of 100 (half the side, squared)."""
    return torch.nn.functional.mse_loss(net(batch.frames)[:, SETTLING:], batch.target[:, SETTLING:])


@torch.no_grad()
def error(net: nn.Module, seed: int) -> float:
    """Return the mean squared error of a coordinate on 200 new paths, in the units of the box.

    The middle of the box, said always, has 33.3.
    """
    net.eval()
    return WALL**2 * float(loss(net, draw(generator(seed, "tracking", "test"), TESTED)))


def learn(body: Callable[[], SequenceNetwork], seed: int, *, learning_rate: float, steps: int) -> dict[str, float]:
    """Train the network that `body` makes for so many steps of 5 new paths.

    Returns:
        "mse", see `error`, the CPU "seconds" of the training alone, and "steps".
    """
    net = seeded(seed, lambda: EveryFrame(body(), 2))
    training = replace(PLAIN, learning_rate=learning_rate, batch=BATCH, schedule="cosine", warmup_steps=20)
    began = time.process_time()
    for _ in descend(net, loss, draw, steps=steps, seed=seed, training=training):
        pass
    seconds = time.process_time() - began
    return {"mse": error(net, seed), "seconds": seconds, "steps": float(steps)}


def learn_for(
    seconds: float, body: Callable[[], SequenceNetwork], seed: int, *, learning_rate: float
) -> dict[str, float]:
    """Do what `learn` does, for as many steps as take so many seconds of CPU by a trial of the first few."""
    probe = learn(body, seed, learning_rate=learning_rate, steps=PROBED)
    steps = math.ceil(seconds / probe["seconds"] * PROBED)
    return learn(body, seed, learning_rate=learning_rate, steps=steps)


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
