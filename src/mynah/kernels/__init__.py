"""The few loops that torch cannot do well, one sample at a time, in C++; each has a torch twin that it must equal.

They are built with the package where there is a compiler; elsewhere `native` is None and the twins do the work. What a
processor can do is looked up when they run: AVX-512 with bfloat16 products, AVX-512, AVX2, or plain x86-64.

Weights are float32 or bfloat16. The latter are rounded once and halve what is read, which is what bounds the speed;
where the processor multiplies bfloat16 itself, the vectors are rounded too.
"""

from __future__ import annotations

from typing import Any

import numpy as np

native: Any
try:
    from mynah.kernels import _native as native
except ImportError:
    native = None

#: What weights are kept in.
PRECISIONS = ("float32", "bfloat16")
#: Widths of matrices are padded to a multiple of it.
LANE = 16


def state() -> str:
    """Return in words whether the kernels are there, and what they use of this processor."""
    if native is None:
        return "not built (no C++ compiler when Mynah was installed): generation runs in torch, slower"
    return f"{native.level()}, bfloat16 {'products' if native.multiplies_bfloat16() else 'by shifts'}"


class SymbolStream:
    """One sequence of symbols drawn by a kernel; the same as `mynah.layers.next_symbol.Stream`.

    Args:
        net: of `native`, new.
        start: the symbol that stands before the first.
        levels: symbols.
    """

    def __init__(self, net: Any, start: int, levels: int) -> None:
        self.net, self.last, self.levels = net, start, levels

    def feed(self, symbols: np.ndarray) -> np.ndarray:
        """Go on with known symbols (time,); return the logits (time, levels) by which each was to be told."""
        logits = np.empty((len(symbols), self.levels), dtype=np.float32)
        if len(symbols):
            before = np.array([self.last, *symbols[:-1]], dtype=np.int64)
            self.net.feed(before, logits)
            self.last = int(symbols[-1])
        return logits

    def draw(self, uniforms: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """Go on with new symbols, one for each uniform number (time,) in [0, 1); return them, int64 (time,)."""
        drawn = np.empty(len(uniforms), dtype=np.int64)
        if len(uniforms):
            self.net.draw(self.last, np.ascontiguousarray(uniforms, dtype=np.float64), temperature, drawn)
            self.last = int(drawn[-1])
        return drawn


def padded(array: np.ndarray, *axes: int) -> np.ndarray:
    """Return a float32 array whose `axes` are filled up with zeros to a multiple of 16."""
    spare = [(0, -size % LANE if axis in axes else 0) for axis, size in enumerate(array.shape)]
    return np.ascontiguousarray(np.pad(array, spare), dtype=np.float32)
