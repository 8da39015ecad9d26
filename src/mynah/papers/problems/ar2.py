"""A noisy resonance in mu-law symbols, whose entropy can be computed: how well can the next symbol be told at all?

    x_t = 2 r cos(w) x_{t-1} - r^2 x_{t-2} + s e_t,    e_t normal           an AR(2) process, stationary
    q_t = the mu-law symbol of x_t                                          what is seen

The symbols hide the samples, so two of them do not tell all that the past can tell, though with this noise nearly all.
The exact probability of the next one is a filter: over the two last samples lies a density, confined to the cells of
their symbols,

    P(q_t = k | q_1 ... q_{t-1}) = int int P(x_t in cell k | x_{t-1}, x_{t-2}) p(x_{t-1}, x_{t-2} | q_1 ... q_{t-1})

and is carried on by Bayes' rule. Here it is held at Gauss-Legendre nodes in each cell, in float64; what the filter says
of a sequence is what the best possible model would say of it, on average the entropy rate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from mynah.ground.randomness import generator
from mynah.papers.problems.descent import PLAIN, descend
from mynah.representations.mulaw import edges, encode
from mynah.training import Batch

#: Radius and angle of the pole, and deviation of the noise; x has a deviation of about 0.2.
RADIUS, ANGLE, NOISE = 0.95, 2 * math.pi / 20, 0.027
#: Symbols a sequence, sequences a step, and sequences of the test.
LENGTH, BATCH, TESTED = 1024, 8, 64
#: Symbols at the start of a tested sequence that are not judged: a model may need some past to come to its best.
SETTLING = 128
#: Nodes of the quadrature in each cell.
NODES = 6


def samples(rng: np.random.Generator, count: int, length: int) -> np.ndarray:
    """Return (count, length) float64 samples of the stationary process; a few of millions lie beyond full scale."""
    first, second = 2 * RADIUS * math.cos(ANGLE), -(RADIUS**2)
    before = rng.multivariate_normal(np.zeros(2), covariance(), size=count)
    x = np.empty((count, length + 2))
    x[:, :2] = before
    x[:, 2:] = rng.normal(0, NOISE, (count, length))
    for t in range(2, length + 2):
        x[:, t] += first * x[:, t - 1] + second * x[:, t - 2]
    return x[:, 2:]


def covariance() -> np.ndarray:
    """Return the (2, 2) covariance of two samples in a row (Yule-Walker)."""
    first, second = 2 * RADIUS * math.cos(ANGLE), -(RADIUS**2)
    correlation = first / (1 - second)
    variance = NOISE**2 / (1 - first * correlation - second * (first * correlation + second))
    return variance * np.array([[1, correlation], [correlation, 1]])


def symbols(rng: np.random.Generator, count: int, length: int = LENGTH) -> np.ndarray:
    """Return (count, length) int64 mu-law symbols."""
    return encode(torch.from_numpy(samples(rng, count, length))).numpy()


def bits(sequences: np.ndarray, nodes: int = NODES) -> np.ndarray:
    """Return -log2 of the exact probability of each symbol given those before it, (count, length).

    Args:
        sequences: (count, length) symbols.
        nodes: of the quadrature in each cell and each direction.
    """
    first, second = 2 * RADIUS * math.cos(ANGLE), -(RADIUS**2)
    bounds = np.concatenate([[-np.inf], edges().numpy(), [np.inf]])
    place, weight = np.polynomial.legendre.leggauss(nodes)
    # a cell beyond full scale is cut where next to nothing lies
    low, high = np.maximum(bounds[:-1], -3.0), np.minimum(bounds[1:], 3.0)
    node = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * place  # (symbol, node)
    share = (high - low)[:, None] / 2 * weight
    deviation = math.sqrt(covariance()[0, 0])
    conditional = covariance()[0, 1] / deviation**2
    told = np.empty(sequences.shape)

    q = sequences[:, 0]
    told[:, 0] = ndtr(bounds[q + 1] / deviation) - ndtr(bounds[q] / deviation)
    old = node[q]  # (count, node)
    density = share[q] * np.exp(-0.5 * (old / deviation) ** 2)
    density /= density.sum(axis=1, keepdims=True)
    q = sequences[:, 1]
    mean, spread = conditional * old, deviation * math.sqrt(1 - conditional**2)
    told[:, 1] = (density * _between(bounds, q, mean, spread)).sum(axis=1)
    new = node[q]  # joint: (count, new, old)
    joint = share[q][:, :, None] * _normal(new[:, :, None], mean[:, None], spread) * density[:, None]
    for t in range(2, sequences.shape[1]):
        joint /= joint.sum(axis=(1, 2), keepdims=True)
        q = sequences[:, t]
        mean = first * new[:, :, None] + second * old[:, None]
        told[:, t] = (joint * _between(bounds, q, mean, NOISE)).sum(axis=(1, 2))
        after = node[q]
        carried = np.einsum("bij,bkij->bki", joint, _normal(after[:, :, None, None], mean[:, None], NOISE))
        joint = share[q][:, :, None] * carried
        old, new = new, after
    with np.errstate(divide="ignore"):  # a symbol that cannot come
        return -np.log2(told)


def _normal(x: np.ndarray, mean: np.ndarray, deviation: float) -> np.ndarray:
    """Return the normal density without its constant, which the sums take out."""
    return np.exp(-0.5 * ((x - mean) / deviation) ** 2)


def _between(bounds: np.ndarray, q: np.ndarray, mean: np.ndarray, deviation: float) -> np.ndarray:
    """Return the probability of the cells q (count,) about means (count, ...)."""
    shape = (-1,) + (1,) * (mean.ndim - 1)
    low, high = bounds[q].reshape(shape), bounds[q + 1].reshape(shape)
    # the upper tail by the lower: there, ndtr keeps its digits
    flip = np.where(low > mean, -1.0, 1.0)
    ends = ndtr(flip * (high - mean) / deviation), ndtr(flip * (low - mean) / deviation)
    return np.abs(ends[0] - ends[1])


def draw(rng: np.random.Generator, size: int) -> Batch:
    """Return frames (size, 1024, 1), the symbols; they are their own target."""
    frames = torch.from_numpy(symbols(rng, size)[:, :, None].astype(np.float32))
    return Batch(frames, torch.full((size,), LENGTH), frames)


def learn(net: Any, seed: int, *, steps: int, learning_rate: float) -> dict[str, float]:
    """Train a network that tells each symbol from those before it, and compare it with what can be told.

    Args:
        net: ``net.nats(symbols (batch, time)) -> (batch, time)``, see `mynah.layers.next_symbol`.

    Returns:
        "bits" a symbol on 64 new sequences, the "entropy" that the filter finds on the same, and the "excess".
    """
    training = replace(PLAIN, learning_rate=learning_rate, batch=BATCH, schedule="cosine", warmup_steps=20)
    for _ in descend(net, loss, draw, steps=steps, seed=seed, training=training):
        pass
    return judge(net, seed)


def loss(net: Any, batch: Batch) -> Tensor:
    """Mean nats a symbol."""
    return net.nats(batch.frames[:, :, 0].long()).mean()


@torch.no_grad()
def judge(net: Any, seed: int) -> dict[str, float]:
    """Return what `learn` does, of a network as it is."""
    net.eval()
    tested = symbols(generator(seed, "ar2", "test"), TESTED)
    nats = torch.cat([net.nats(torch.from_numpy(rows)) for rows in np.split(tested, TESTED // BATCH)])
    said = float(nats[:, SETTLING:].double().mean()) / math.log(2)
    entropy = float(bits(tested)[:, SETTLING:].mean())
    return {"bits": said, "entropy": entropy, "excess": said - entropy}


def rounding(stream: Callable[..., Any], seed: int) -> float:
    """Return how far weights in bfloat16 are from float32 in the bits of 5000 new symbols, relative to them.

    Args:
        stream: ``stream(precision=...)`` returns a new one of a network, see `mynah.layers.next_symbol.Stream`.
    """
    (tested,) = symbols(generator(seed, "ar2", "rounding"), 1, 5000)
    target = torch.from_numpy(tested)
    exact, rounded = (
        float(torch.nn.functional.cross_entropy(torch.from_numpy(stream(precision=name).feed(tested)), target))
        for name in ("float32", "bfloat16")
    )
    return abs(rounded / exact - 1)
