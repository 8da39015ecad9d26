"""The Mackey-Glass delay equation (Mackey & Glass 1977), to be continued 84 steps ahead.

    dy/dt = 0.2 y(t - tau) / (1 + y(t - tau)^10) - 0.1 y(t)

Protocol of Jaeger 2001 (GMD report 148, section 5): integrated by Euler's method in steps of 0.1, one of ten kept,
shifted and squashed into tanh(y - 1) for the network; the error is taken in the original coordinates.
"""

from __future__ import annotations

import numpy as np

#: Variance of y, as the paper rounds it.
VARIANCE = 0.067
#: Integration steps a kept sample, and time of each.
SUBSTEPS, DT = 10, 0.1
#: Samples before the first that is kept: the start is no part of the attractor.
TRANSIENT = 1000


def series(rng: np.random.Generator, count: int, length: int, *, tau: int = 17) -> np.ndarray:
    """Return (length, count) float64 samples, one time unit apart, of `count` solutions with random starts."""
    delay = round(tau / DT)
    kept = np.empty((TRANSIENT + length, count))
    past = 1.2 + 0.2 * (rng.random((delay, count)) - 0.5)
    y = past[-1].copy()
    for step in range((TRANSIENT + length) * SUBSTEPS):
        late = past[step % delay].copy()
        past[step % delay] = y
        y = y + DT * (0.2 * late / (1 + late**10) - 0.1 * y)
        if step % SUBSTEPS == 0:
            kept[step // SUBSTEPS] = y
    return kept[TRANSIENT:]


def squash(y: np.ndarray) -> np.ndarray:
    """Return tanh(y - 1), what the network sees."""
    return np.tanh(y - 1)


def unsquash(z: np.ndarray) -> np.ndarray:
    """Return y of what the network says; beyond what it can say, the nearest it can."""
    return np.arctanh(np.clip(z, -1 + 1e-9, 1 - 1e-9)) + 1


def nrmse(said: np.ndarray, true: np.ndarray) -> float:
    """Return the root of the mean squared error over trials (trial,), in the original y, over the variance."""
    return float(np.sqrt(np.mean((unsquash(said) - true) ** 2) / VARIANCE))
