"""What the tuned allocator gives: forward and backward of nn.LSTM over long sequences; prints one JSON document.

    python benchmarks/allocator.py [--quick] [--runs 5]

Each figure is the median over fresh processes, which take turns, of the median CPU time of several steps, in
milliseconds: one thread, 64 units, batch 64. `ratio` is default by tuned: above 1, tuning is faster.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from _options import parse, parser

LENGTHS = (1024, 2048, 4096)
STEP = """
import sys, time, statistics
from mynah.ground.allocator import tune_allocator
tune_allocator()
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
net, x = torch.nn.LSTM(64, 64, batch_first=True), torch.randn(64, int(sys.argv[1]), 64)
times = []
for _ in range(4):
    began = time.process_time()
    net(x)[0].sum().backward()
    times.append(time.process_time() - began)
print(1000 * statistics.median(times[1:]))
"""


def measure(length: int, kind: str) -> float:
    environment = os.environ | {"MYNAH_MALLOC": kind, "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-c", STEP, str(length)]
    done = subprocess.run(program, env=environment, stdout=subprocess.PIPE, check=True)
    return float(done.stdout)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--runs", type=int, default=5)
    made.add_argument("--lengths", type=int, nargs="*", default=LENGTHS)
    options = parse(made, runs=1, lengths=LENGTHS[:2])
    rows = []
    for length in options.lengths:
        times: dict[str, list[float]] = {"default": [], "tuned": []}
        for _ in range(options.runs):
            for kind, values in times.items():
                values.append(measure(length, kind))
        default, tuned = (statistics.median(values) for values in times.values())
        rows.append(
            {
                "T": length,
                "default_ms": round(default, 1),
                "tuned_ms": round(tuned, 1),
                "ratio": round(default / tuned, 2),
            }
        )
    print(
        json.dumps({"nn.LSTM": rows, "units": 64, "batch": 64, "runs": options.runs, "quick": options.quick}, indent=1)
    )


if __name__ == "__main__":
    main()
