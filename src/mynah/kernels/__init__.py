"""The few loops that torch cannot do well, one sample at a time, in C++; each has a torch twin that it must equal.

They are built with the package where there is a compiler; elsewhere `native` is None and the twins do the work. What a
processor can do is looked up when they run: AVX-512 with bfloat16 products, AVX-512, AVX2, or plain x86-64.

Weights are float32 or bfloat16. The latter are rounded once and halve what is read, which is what bounds the speed;
where the processor multiplies bfloat16 itself, the vectors are rounded too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

#: The compiled module, or None.
native: Any = None
_why = ""
try:
    native = import_module("mynah.kernels._native")
except ModuleNotFoundError:
    _why = "not built (no C++ compiler when Mynah was installed)"
except ImportError as error:  # built for another system
    _why = f"cannot be loaded ({error})"

#: Widths of matrices are padded to a multiple of it.
LANE = 16


def state() -> str:
    """Return in words whether the kernels are there, and what they use of this processor."""
    if native is None:
        return f"{_why}: torch does their work, slower, with the same results but for rounding"
    return f"{native.level()}, bfloat16 {'products' if native.multiplies_bfloat16() else 'by shifts'}"


class SymbolStream:
    """One sequence of symbols drawn by a kernel; the same as `mynah.layers.next_symbol.Stream`.

    Args:
        net: of `native`, new.
        start: the symbol that stands before the first.
        levels: symbols.
        given: what the net's `condition` takes for conditions (conditions,).
    """

    def __init__(self, net: Any, start: int, levels: int, given: Callable[[Any], np.ndarray]) -> None:
        self.net, self.last, self.levels, self.given = net, start, levels, given

    def condition(self, conditions: Any) -> None:
        """Go on under other conditions (conditions,), from the next symbol on."""
        self.net.condition(self.given(conditions))

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


def by_gates(array: np.ndarray, gates: int, axis: int) -> np.ndarray:
    """Return a float32 array whose `axis`, so many gates of as many units, has each gate padded on its own."""
    apart = np.moveaxis(array, axis, 0)
    apart = padded(apart.reshape(gates, -1, *apart.shape[1:]), 1)
    return np.ascontiguousarray(np.moveaxis(apart.reshape(-1, *apart.shape[2:]), 0, axis))


def packed_cell(rnn: Any) -> dict[str, Any]:
    """Return the weights of one layer of torch's LSTM or GRU as the kernels take them.

    Returns:
        "cell", its number of "gates", "into" (rows, inputs), "start" (rows,), "inner" (rows, units) and "inner_start".
    """
    cell, gates = ("lstm", 4) if rnn.mode == "LSTM" else ("gru", 3)
    into, inner, into_bias, inner_bias = (
        getattr(rnn, f"{name}_l0").detach().numpy() for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    )
    # of an LSTM all biases are added outside; of a GRU one lies within the reset
    outside, inside = (into_bias + inner_bias, 0 * inner_bias) if cell == "lstm" else (into_bias, inner_bias)
    return {
        "cell": cell,
        "gates": gates,
        "into": by_gates(into, gates, axis=0),
        "start": by_gates(outside, gates, axis=0),
        "inner": padded(by_gates(inner, gates, axis=0), 1),
        "inner_start": by_gates(inside, gates, axis=0),
    }


class RecurrentFilter:
    """One layer of torch's LSTM or GRU with an affine output, run over frames and carried on from call to call.

    Args:
        rnn: ``nn.LSTM`` or ``nn.GRU`` of one layer.
        head: ``nn.Linear`` from its units to the outputs.
        precision: of the recurrent weights, "float32" or "bfloat16".
    """

    def __init__(self, rnn: Any, head: Any, precision: str = "float32") -> None:
        arrays = packed_cell(rnn)
        arrays.pop("gates")
        out, start = head.weight.detach().numpy(), head.bias.detach().numpy()
        self.outputs = len(out)
        self.net = native.recurrent_filter(
            **arrays, out=padded(out, 1), out_start=np.ascontiguousarray(start), precision=precision
        )

    def run(self, x: np.ndarray) -> np.ndarray:
        """Return y (time, outputs) of the next x (time, inputs), float32."""
        y = np.empty((len(x), self.outputs), dtype=np.float32)
        self.net.run(np.ascontiguousarray(x, dtype=np.float32), y)
        return y
