"""What holds of any network that tells each sample from those before it: how far it sees, and what a cache saves."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch

from mynah.ground.randomness import generator

#: Where a sample is changed, and samples after it that are watched beyond what is seen.
PLACE, BEYOND = 100, 300
#: A change of a logit, in float64, that is none.
NOTHING = 1e-13
#: Samples by cache and the naive way in one round, and rounds.
CACHED, NAIVE, ROUNDS = 40, 4, 9


@torch.no_grad()
def structure(net: Any, sees: int, seed: int) -> dict[str, float]:
    """Return what changes of samples do to the logits of a network, in float64.

    Args:
        net: see `mynah.layers.next_symbol.NextSymbol`; it keeps its weights.
        sees: samples that should reach a logit.

    Returns:
        "future": the largest change of a logit by samples that come later. "reached": how many logits one changed
        sample changes, from the first to the last. "apart": the distance of that from `sees`.
    """
    net = deepcopy(net).double().eval()
    symbols = torch.from_numpy(generator(seed, "structure").integers(0, net.levels, (1, PLACE + sees + BEYOND)))
    other, later = symbols.clone(), symbols.clone()
    other[:, PLACE] = (other[:, PLACE] + net.levels // 2) % net.levels
    later[:, PLACE:] = (later[:, PLACE:] + net.levels // 3) % net.levels
    plain = net(symbols)[0]
    felt = torch.nonzero((net(other)[0] - plain).abs().amax(dim=2)[0] > NOTHING)[:, 0]
    future = (net(later)[0] - plain)[:, :PLACE].abs().max()
    reached = int(felt[-1] - felt[0] + 1)
    return {"future": float(future), "reached": float(reached), "apart": float(abs(reached - sees))}


@torch.no_grad()
def gain(net: Any, stream: Any, sees: int, seed: int) -> float:
    """Return the CPU time of a sample the naive way over that by a cache; the median of rounds in turns.

    Args:
        net: run over the last `sees` samples for each new one, the naive way.
        stream: the same network's, new.
    """
    rng = generator(seed, "gain", sees)
    seen, uniforms = torch.from_numpy(rng.integers(0, net.levels, (1, sees))), rng.random(CACHED)
    stream.feed(seen[0].numpy())
    ratios = [
        _seconds(lambda: net(seen), NAIVE) / NAIVE / (_seconds(lambda: stream.draw(uniforms), 1) / CACHED)
        for _ in range(ROUNDS)
    ]
    return statistics.median(ratios)


def _seconds(run: Callable[[], Any], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        run()
    return time.process_time() - began
