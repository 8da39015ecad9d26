"""CPU time of a clockwork layer, which computes the rows that fire, beside one that computes all; prints JSON.

    python benchmarks/clockwork_speed.py [--quick] [--rounds 9] [--units 36 90 180 360 576 720]

Forward and backward over 256 frames of 8 features, batch 32, 9 modules, one thread, allocator tuned. The other is an
equal-sized tanh network in its cheapest form: the triangle is masked once a pass, then every row is computed at every
step, and nothing is held. `ratio` is its time by the clockwork's: above 1, the clockwork is faster. Figures are medians
of `time.process_time` in milliseconds over rounds in which the two take turns; `torch` is torch.nn.RNN of that size,
whose loop is not in Python. By operations alone the ratio would be at most 4.5 = 9 / (1 + 1/2 + 1/4 + ...).
Gate: 2 at 576 units; the exit code says whether it is met. Where a step is small, the bookkeeping costs more than the
rows that are left out: no gate there.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from _options import exit_code, parse, parser
from torch import Tensor, nn

from mynah.ground.allocator import tune_allocator
from mynah.models.clockwork import ClockworkLayer

FRAMES, BATCH, INPUTS, MODULES = 256, 32, 8, 9
GATED, GATE = 576, 2.0


class Masked(nn.Module):
    """A tanh network whose modules read slower ones only; all are computed at every step."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.into = nn.Parameter(torch.randn(hidden, INPUTS) * INPUTS**-0.5)
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.inner = nn.Parameter(torch.randn(hidden, hidden) * hidden**-0.5)
        module = torch.arange(hidden) // (hidden // MODULES)
        self.register_buffer("mask", (module[:, None] <= module[None]).float())

    def forward(self, x: Tensor) -> Tensor:
        inner = (self.inner * self.mask).T.contiguous()
        y = x.new_zeros(len(x), len(self.bias))
        outputs = []
        for drive in nn.functional.linear(x, self.into, self.bias).transpose(0, 1).unbind():
            y = torch.tanh(torch.addmm(drive, y, inner))
            outputs.append(y)
        return torch.stack(outputs, dim=1)


def milliseconds(run: Callable[[Tensor], Tensor], x: Tensor) -> float:
    began = time.process_time()
    run(x).square().mean().backward()
    return 1000 * (time.process_time() - began)


def measure(hidden: int, rounds: int) -> dict[str, float]:
    clockwork, masked = ClockworkLayer(INPUTS, hidden, MODULES), Masked(hidden)
    plain = nn.RNN(INPUTS, hidden, batch_first=True)
    runs: dict[str, Callable[[Tensor], Tensor]] = {
        "clockwork": lambda x: clockwork(x)[0],
        "masked": masked,
        "torch": lambda x: plain(x)[0],
    }
    x = torch.randn(BATCH, FRAMES, INPUTS)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            spent = milliseconds(run, x)
            if number:  # the first warms up
                times[name].append(spent)
    medians = {name: statistics.median(values) for name, values in times.items()}
    figures = {f"{name}_ms": round(value, 1) for name, value in medians.items()}
    return {"units": hidden, **figures, "ratio": round(medians["masked"] / medians["clockwork"], 2)}


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--rounds", type=int, default=9)
    made.add_argument("--units", type=int, nargs="*", default=(36, 90, 180, 360, 576, 720))
    options = parse(made, rounds=3, units=(90, GATED))
    tune_allocator()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rows = [measure(hidden, options.rounds) for hidden in sorted({GATED, *options.units})]
    met = all(row["ratio"] >= GATE for row in rows if row["units"] == GATED)
    print(
        json.dumps(
            {"rows": rows, "gate": {"units": GATED, "ratio": GATE, "met": met}, "quick": options.quick}, indent=1
        )
    )
    sys.exit(exit_code(met, options))


if __name__ == "__main__":
    main()
