"""Sounds made a sample at a time: the kernels beside torch and onnxruntime; prints one JSON document.

    python benchmarks/generation_speed.py [--quick] [--rounds 9]

All on one thread in one process, by CPU time; the contestants take turns, figures are medians over the rounds, and
ratios are medians of each round's ratio. Exit code 1 if a gate is missed, but for --quick.

wavenet: 30 layers (3 x dilations 1 to 512), 64 features, 256 in the sum, 256 symbols, drawn from given uniform numbers;
`torch` is the cached generation with one ring a layer, in eager mode. naive: the same at 10 layers, which see 1024
samples, against running the network over these for each sample.
lstm: 64 units, one sample in and one out at 44.1 kHz, which cannot be fed ahead: `eager` is LSTMCell and Linear, `jit`
the same as one scripted loop, `onnxruntime` one call a sample. The kernels get buffers of 64 samples. "in blocks of 64"
is what torch and onnxruntime do where the input of a whole buffer is known, as for an effect, but not for feedback.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _options import exit_code, parse, parser
from torch import Tensor, nn

from mynah import kernels
from mynah.ground.allocator import tune_allocator
from mynah.ground.randomness import seeded
from mynah.layers.next_symbol import NextSymbol
from mynah.models.wavenet import FastStream, dilated, network, stream

RATE, BUFFER, UNITS = 44_100, 64, 64
#: Of the kernels; the last is how bfloat16 is multiplied where the processor has no instruction for it.
PRECISIONS = ("float32", "bfloat16", "bfloat16-portable")
#: A contestant: what makes so many samples, and how many.
Contestants = dict[str, tuple[Callable[[int], Any], int]]


def turns(contestants: Contestants, rounds: int) -> dict[str, list[float]]:
    """Return samples a CPU second of each contestant in each round; the first round warms up."""
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, (make, count) in contestants.items():
            began = time.process_time()
            make(count)
            spent = time.process_time() - began
            if number:
                rates[name].append(count / spent)
    return rates


def over(rates: dict[str, list[float]], name: str, other: str) -> float:
    """Return the median ratio of two contestants, round by round."""
    return statistics.median(one / two for one, two in zip(rates[name], rates[other], strict=True))


def wavenet(rounds: int) -> dict[str, list[float]]:
    net = seeded(0, lambda: network(64, 256, dilated(3, 10))).eval()
    uniforms = np.random.default_rng(0).random(20_000)

    def drawing(made: Any) -> Callable[[int], Any]:
        return lambda count: made.draw(uniforms[:count])

    contestants: Contestants = {"torch": (drawing(FastStream(net)), 300)}
    if kernels.native is not None:
        for precision in PRECISIONS:
            contestants[precision] = (drawing(stream(net, precision=precision)), 4000)
    return turns(contestants, rounds)


def naive(rounds: int) -> dict[str, list[float]]:
    net = seeded(0, lambda: network(64, 256, dilated(1, 10))).eval()
    rng = np.random.default_rng(0)
    seen = torch.from_numpy(rng.integers(0, 256, (1, net.body.sees)))
    uniforms, cached = rng.random(300), FastStream(net)
    return turns({"naive": (_whole(net, seen), 8), "cached": (lambda n: cached.draw(uniforms[:n]), 300)}, rounds)


def _whole(net: NextSymbol, seen: Tensor) -> Callable[[int], None]:
    @torch.no_grad()
    def run(count: int) -> None:
        for _ in range(count):
            net(seen)

    return run


class Loop(nn.Module):
    """LSTMCell and Linear over samples, for torch.jit."""

    def __init__(self, cell: nn.LSTMCell, head: nn.Linear) -> None:
        super().__init__()
        self.cell, self.head = cell, head

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        y: list[Tensor] = []
        for sample in x.unbind(0):
            h, c = self.cell(sample, (h, c))
            y.append(self.head(h))
        return torch.cat(y), h, c


def lstm(rounds: int) -> dict[str, list[float]]:
    torch.manual_seed(0)
    rnn, head, cell = nn.LSTM(1, UNITS, batch_first=True), nn.Linear(UNITS, 1), nn.LSTMCell(1, UNITS)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in rnn.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(200_000, 1)).astype(np.float32)
    loop = Loop(cell, head)
    scripted = torch.jit.script(loop)
    h = c = torch.zeros(1, UNITS)

    def looped(run: Callable[..., Any]) -> Callable[[int], Any]:
        def made(count: int) -> Tensor:
            with torch.no_grad():
                return run(torch.from_numpy(x[:count, None]), h, c)[0]

        return made

    def blocks(count: int) -> Tensor:
        state, y = None, []
        with torch.no_grad():
            for block in torch.from_numpy(x[None, :count]).split(BUFFER, dim=1):
                out, state = rnn(block, state)
                y.append(head(out)[0])
        return torch.cat(y)

    contestants: Contestants = {
        "eager": (looped(loop), 1500),
        "jit": (looped(scripted), 3000),
        "torch in blocks of 64": (blocks, 12_800),
    }
    contestants |= {name: (run, count) for name, run, count in _onnx(rnn, head, x)}
    if kernels.native is not None:
        contestants |= {precision: (_buffers(rnn, head, precision, x), 128_000) for precision in PRECISIONS}
    _agree(contestants, rnn, head, x)
    return turns(contestants, rounds)


def _buffers(rnn: nn.LSTM, head: nn.Linear, precision: str, x: np.ndarray) -> Callable[[int], np.ndarray]:
    def made(count: int) -> np.ndarray:
        run = kernels.RecurrentFilter(rnn, head, precision)
        return np.concatenate([run.run(x[at : at + BUFFER]) for at in range(0, count, BUFFER)])

    return made


def _agree(contestants: Contestants, rnn: nn.LSTM, head: nn.Linear, x: np.ndarray) -> None:
    """Stop unless all contestants make the same sound."""
    with torch.no_grad():
        wanted = head(rnn(torch.from_numpy(x[None, :640]))[0])[0].numpy()
    for name, (make, _) in contestants.items():
        apart = float(np.abs(np.asarray(make(640)) - wanted).max())
        if apart > (1e-3 if name.startswith("bfloat16") else 1e-5):
            sys.exit(f"{name} makes another sound: {apart}")


def _onnx(rnn: nn.LSTM, head: nn.Linear, x: np.ndarray) -> Iterator[tuple[str, Callable[[int], Any], int]]:
    """Yield onnxruntime's contestants, if it is installed with onnx."""
    try:
        import onnx
        import onnxruntime
    except ImportError:
        return
    one, floats = onnx.helper, onnx.TensorProto.FLOAT
    order = [0, 3, 1, 2]  # of gates: i o f c there, i f c o here

    def gates(value: Tensor) -> np.ndarray:
        return value.detach().unflatten(0, (4, UNITS))[order].flatten(0, 1).numpy()

    weights = {
        "W": gates(rnn.weight_ih_l0)[None],
        "R": gates(rnn.weight_hh_l0)[None],
        "B": np.concatenate([gates(rnn.bias_ih_l0), gates(rnn.bias_hh_l0)])[None],
        "V": head.weight.detach().numpy().T,
        "v": head.bias.detach().numpy(),
        "axis": np.array([1], dtype=np.int64),
    }
    nodes = [
        one.make_node("LSTM", ["x", "W", "R", "B", "", "h", "c"], ["hs", "h_out", "c_out"], hidden_size=UNITS),
        one.make_node("Squeeze", ["hs", "axis"], ["flat"]),
        one.make_node("MatMul", ["flat", "V"], ["scaled"]),
        one.make_node("Add", ["scaled", "v"], ["y"]),
    ]
    state = [1, 1, UNITS]
    given = [one.make_tensor_value_info("x", floats, ["time", 1, 1])]
    given += [one.make_tensor_value_info(name, floats, state) for name in ("h", "c")]
    made = [one.make_tensor_value_info("y", floats, ["time", 1, 1])]
    made += [one.make_tensor_value_info(name, floats, state) for name in ("h_out", "c_out")]
    arrays = [onnx.numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in weights.items()]
    graph = one.make_graph(nodes, "lstm", given, made, arrays)
    model = one.make_model(graph, opset_imports=[one.make_opsetid("", 17)], ir_version=9)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(count: int, block: int) -> np.ndarray:
        h = c = np.zeros(state, dtype=np.float32)
        y = []
        for at in range(0, count, block):
            out, h, c = session.run(None, {"x": x[at : at + block, None], "h": h, "c": c})
            y.append(out)
        return np.concatenate(y).reshape(-1, 1)

    yield "onnxruntime", lambda count: run(count, 1), 3000
    yield "onnxruntime in blocks of 64", lambda count: run(count, BUFFER), 12_800


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rounds", type=int, default=9)
    options = parse(made, rounds=1)
    tune_allocator()
    torch.set_num_threads(1)
    nets, whole, effect = wavenet(options.rounds), naive(options.rounds), lstm(options.rounds)
    gates = [("WaveNet, cached over naive at a receptive field of 1024", over(whole, "cached", "naive"), 10.0)]
    if kernels.native is not None:
        real_time = {name: statistics.median(rates) / RATE for name, rates in effect.items()}
        gates += [
            ("WaveNet kernel, bfloat16, samples a second", statistics.median(nets["bfloat16"]), 16_000.0),
            ("WaveNet kernel, bfloat16, over torch cached", over(nets, "bfloat16", "torch"), 30.0),
            ("WaveNet kernel, float32, over torch cached", over(nets, "float32", "torch"), 15.0),
            ("LSTM-64 kernel, float32, times real time at 44.1 kHz", real_time["float32"], 25.0),
            ("LSTM-64 kernel, bfloat16, times real time at 44.1 kHz", real_time["bfloat16"], 45.0),
        ]
    document = {
        "kernels": kernels.state(),
        "torch": torch.__version__,
        "machine": platform.machine(),
        "rounds": options.rounds,
        "quick": options.quick,
        "wavenet": _figures(nets, "torch", 16_000),
        "naive": _figures(whole, "naive", 16_000),
        "lstm": _figures(effect, "eager", RATE),
        "gates": [
            {"gate": name, "measured": round(value, 1), "at_least": bound, "met": value >= bound}
            for name, value, bound in gates
        ],
    }
    print(json.dumps(document, indent=1))
    sys.exit(exit_code(all(value >= bound for _, value, bound in gates), options))


def _figures(rates: dict[str, list[float]], base: str, rate: int) -> dict[str, dict[str, float]]:
    return {
        name: {
            "samples_a_second": round(statistics.median(values)),
            "lowest": round(min(values)),
            "highest": round(max(values)),
            "real_time": round(statistics.median(values) / rate, 3),
            f"over {base}": round(over(rates, name, base), 2),
        }
        for name, values in rates.items()
    }


if __name__ == "__main__":
    main()
