"""Randomness as a pure function: any draw is named by a key, and no stream has a position to save."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import numpy as np
import torch
from torch import nn

Net = TypeVar("Net", bound=nn.Module)

_ROUNDS = 6
_MASK = np.uint64(0xFFFFFFFFFFFFFFFF)
_JSON = json.JSONEncoder(separators=(",", ":"), sort_keys=True)


def key(*parts: object) -> int:
    """Return the 63-bit integer named by `parts` (JSON-able values), the same on every machine."""
    return int.from_bytes(hashlib.blake2b(_JSON.encode(parts).encode(), digest_size=8).digest(), "big") >> 1


def generator(*parts: object) -> np.random.Generator:
    """Return numpy's counter-based generator named by `parts`."""
    return np.random.Generator(np.random.Philox(key(*parts)))


def seeded(seed: int, build: Callable[[], Net]) -> Net:
    """Return what `build` makes with the first weights of a seed, and leave torch's generator as it was.

    They are drawn on the processor, so that a network begins with the same weights on every device.
    """
    with kept(generators()):
        torch.default_generator.manual_seed(key(seed, "weights"))
        return build()


def generators(device: torch.device | None = None) -> tuple[torch.Generator, ...]:
    """Return the generators that draw where nothing else is said: the processor's, and that of a device."""
    if device is not None and device.type == "cuda":
        torch.cuda.init()  # before, there are none
        return torch.default_generator, torch.cuda.default_generators[device.index or 0]
    if device is not None and device.type == "mps":
        return torch.default_generator, torch.mps._get_default_mps_generator()
    return (torch.default_generator,)


@contextlib.contextmanager
def kept(generators: Iterable[torch.Generator]) -> Iterator[None]:
    """Leave torch's generators as they were before."""
    before = [(generator, generator.get_state()) for generator in generators]
    try:
        yield
    finally:
        for generator, state in before:
            generator.set_state(state)


def _mix(value: np.ndarray) -> np.ndarray:
    """Scramble 64-bit integers (the finaliser of splitmix64; Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = value ^ (value >> np.uint64(31))
    return mixed


def permute(index: np.ndarray | int, size: int, seed: int) -> np.ndarray:
    """Return where a keyed permutation of ``range(size)`` sends each `index`, in constant memory.

    A balanced Feistel network over the smallest even number of bits that holds `size`, walked until the value
    falls inside the range (Black & Rogaway 2002, cycle walking). Only integers: equal on every platform.

    Args:
        index: integers in ``[0, size)``, any shape.
        size: number of items, at least 1.
        seed: the key of the permutation.
    """
    value = np.atleast_1d(np.asarray(index, dtype=np.uint64)).copy()
    if size < 1 or (value.size and int(value.max()) >= size):
        raise ValueError(f"indices must lie in [0, {size})")
    half = np.uint64(max(1, ((size - 1).bit_length() + 1) // 2))
    low = (np.uint64(1) << half) - np.uint64(1)
    keys = [np.uint64(key(seed, turn)) for turn in range(_ROUNDS)]
    todo = np.ones(value.shape, dtype=bool)
    with np.errstate(over="ignore"):
        while todo.any():
            left, right = value[todo] >> half, value[todo] & low
            for turn in keys:
                left, right = right, left ^ (_mix((right ^ turn) & _MASK) & low)
            value[todo] = (left << half) | right
            todo = value >= np.uint64(size)
    return value.astype(np.int64).reshape(np.shape(index))
