"""A tone to be made from nothing: 320 samples at 44.1 kHz of seven partials that die away (7 ms).

After Koutnik et al. 2014 (arXiv:1402.3511), task 4.1: a network without input learns one waveform by heart. The figure
is the squared error over the variance of the waveform.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from mynah.ground.randomness import generator, seeded
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems.answers import EveryFrame
from mynah.papers.problems.descent import PLAIN, descend
from mynah.training import Batch

SAMPLES, RATE, PARTIALS = 320, 44_100, 7
STEPS = 1500


def tone(seed: int) -> np.ndarray:
    """Return (320,) float32 samples of unit deviation: partials of a tone of 150 to 400 Hz, slightly out of tune."""
    rng = generator(seed, "tone")
    time = np.arange(SAMPLES) / RATE
    hertz = rng.uniform(150, 400) * np.arange(1, PARTIALS + 1) * rng.uniform(0.98, 1.02, PARTIALS)
    level = rng.uniform(0.3, 1.0, PARTIALS) / np.arange(1, PARTIALS + 1) ** 0.5
    decay = np.exp(-time[:, None] * rng.uniform(50, 300, PARTIALS))
    wave = (level * decay * np.sin(2 * np.pi * hertz * time[:, None] + rng.uniform(0, 2 * np.pi, PARTIALS))).sum(axis=1)
    return ((wave - wave.mean()) / wave.std()).astype(np.float32)


def learn(body: SequenceNetwork, seed: int, *, learning_rate: float) -> dict[str, float]:
    """Train for 1500 steps, and return "nmse" of the lowest error on the way, and the number of "parameters".

    There is one waveform and nothing to generalise to, so the lowest error is not chosen on other data.
    """
    net = seeded(seed, lambda: EveryFrame(body, 1))
    target = torch.from_numpy(tone(seed))[None, :, None]
    batch = Batch(torch.zeros_like(target), torch.tensor([SAMPLES]), target)
    training = replace(PLAIN, learning_rate=learning_rate, schedule="cosine", warmup_steps=20)
    lowest = float("inf")
    for _ in descend(net, _loss, lambda rng, size: batch, steps=STEPS, seed=seed, training=training):
        with torch.no_grad():
            lowest = min(lowest, float(_loss(net, batch)))
    return {"nmse": lowest, "parameters": float(sum(p.numel() for p in net.parameters()))}


def _loss(net: EveryFrame, batch: Batch) -> Tensor:
    return torch.nn.functional.mse_loss(net(batch.frames), batch.target)  # the waveform has unit variance
