"""One step ahead of a noisy series: a resonance that random shocks excite, heard through noise.

    s_t = 2 r cos(w) s_{t-1} - r^2 s_{t-2} + e_t,    x_t = s_t + noise,    to be said: s_{t+1}

Each series has its own pitch w. There is nothing slow in it to be remembered.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from mynah.ground.randomness import generator, seeded
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems.answers import EveryFrame
from mynah.papers.problems.descent import PLAIN, descend
from mynah.training import Batch

LENGTH, TESTED, STEPS = 100, 512, 600
#: Frames at the start that are not judged: the pitch must be heard first.
SETTLING = 20


def draw(rng: np.random.Generator, size: int) -> Batch:
    """Return frames and targets (size, 100, 1)."""
    pole, angle = 0.97, rng.uniform(0.1, 0.6, size)
    signal = np.zeros((LENGTH + 3, size))
    for time in range(2, LENGTH + 3):
        before, earlier = signal[time - 1], signal[time - 2]
        signal[time] = 2 * pole * np.cos(angle) * before - pole**2 * earlier + rng.normal(0, 0.3, size)
    signal = signal[2:].T[:, :, None] / 3
    heard = signal[:, :-1] + rng.normal(0, 0.2, (size, LENGTH, 1))
    return Batch(_tensor(heard), torch.full((size,), LENGTH), _tensor(signal[:, 1:]))


def learn(body: SequenceNetwork, seed: int) -> dict[str, float]:
    """Train for 600 steps, and return the "rmse" on new series, and the number of "parameters"."""
    net = seeded(seed, lambda: EveryFrame(body, 1))
    training = replace(PLAIN, learning_rate=5e-3, batch=32, schedule="cosine", warmup_steps=20)
    for _ in descend(net, _loss, draw, steps=STEPS, seed=seed, training=training):
        pass
    with torch.no_grad():
        error = float(_loss(net, draw(generator(seed, "forecasting", "test"), TESTED)))
    return {"rmse": error**0.5, "parameters": float(sum(p.numel() for p in net.parameters()))}


def _loss(net: nn.Module, batch: Batch) -> Tensor:
    return torch.nn.functional.mse_loss(net(batch.frames)[:, SETTLING:], batch.target[:, SETTLING:])


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
