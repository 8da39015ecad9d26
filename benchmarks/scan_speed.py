"""Training a layer of minGRU, minLSTM or LRU against nn.LSTM, over long sequences; prints one JSON document.

    python benchmarks/scan_speed.py [--quick] [--runs 9]

Each figure is the median CPU time, in milliseconds, of forward, backward and the gradients of all weights, by runs in
which the layers take turns in one process: one thread, the tuned allocator, batch 32, 4096 frames, 64 features in and
64 out, no gradient by the input. `ratio` is the LSTM by the layer: above 1, the layer is faster. The LRU keeps 64 real
numbers, 32 complex, as the LSTM's h; and 64 complex ones, which is twice that.
"""

from __future__ import annotations

import json
import statistics
import time

from mynah.ground.allocator import tune_allocator

tune_allocator()
import torch  # noqa: E402
from _options import parse, parser  # noqa: E402
from torch import Tensor, nn  # noqa: E402

from mynah.layers.scan import in_blocks  # noqa: E402
from mynah.models.lru import LRULayer  # noqa: E402
from mynah.models.mingru import MinGRULayer  # noqa: E402
from mynah.models.minlstm import MinLSTMLayer  # noqa: E402


class Whole(nn.Module):
    """A layer over (batch, time, feature), as nn.LSTM is."""

    def __init__(self, layer: nn.Module, width: int) -> None:
        super().__init__()
        self.layer, self.width = layer, width

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return in_blocks(self.layer, x, None, self.width)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--runs", type=int, default=9)
    made.add_argument("--batch", type=int, default=32)
    made.add_argument("--length", type=int, default=4096)
    made.add_argument("--width", type=int, default=64)
    options = parse(made, runs=3, length=2048)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    width = options.width
    layers: dict[str, nn.Module] = {
        "nn.LSTM": nn.LSTM(width, width, batch_first=True),
        "minGRU": Whole(MinGRULayer(width, width), width),
        "minLSTM": Whole(MinLSTMLayer(width, width), width),
        f"LRU, {width // 2} complex": Whole(LRULayer(width, width // 2), width),
        f"LRU, {width} complex": Whole(LRULayer(width, width), 2 * width),
    }
    x = torch.randn(options.batch, options.length, width)
    times: dict[str, list[float]] = {name: [] for name in layers}
    for run in range(options.runs + 1):
        for name, layer in layers.items():
            began = time.process_time()
            layer(x)[0].sum().backward()
            if run:  # the first warms up
                times[name].append(1000 * (time.process_time() - began))
    lstm = statistics.median(times["nn.LSTM"])
    rows = [
        {
            "layer": name,
            "parameters": sum(value.numel() for value in layers[name].parameters()),
            "ms": round(statistics.median(values), 1),
            "ratio": round(lstm / statistics.median(values), 2),
            "ratio_range": [round(one / other, 2) for one, other in _extremes(times["nn.LSTM"], values)],
        }
        for name, values in times.items()
    ]
    shape = {
        "batch": options.batch,
        "frames": options.length,
        "width": width,
        "runs": options.runs,
        "quick": options.quick,
    }
    print(json.dumps({"layers": rows, **shape}, indent=1))


def _extremes(lstm: list[float], layer: list[float]) -> list[tuple[float, float]]:
    """Return the pair of one run with the lowest, and with the highest ratio."""
    pairs = sorted(zip(lstm, layer, strict=True), key=lambda pair: pair[0] / pair[1])
    return [pairs[0], pairs[-1]]


if __name__ == "__main__":
    main()
