"""Training steps a second on a GPU, beside two cores of a processor; prints one JSON document.

    python benchmarks/device_speed.py [--quick] [--device auto|cuda|mps] [--precision float32|bfloat16|auto]

ResNet and LSTM name clips of 2 s of log-mel frames (200 frames of 64 bands, batch 32), WaveNet predicts 0.25 s at 16
kHz (batch 8); networks as the families come. All is `mynah.training.Fit` as a user runs it: batches drawn on the
processor and sent, forward, backward, clipping, AdamW, averaged weights. A fit on a processor has one thread, so two
cores run two fits side by side, as `mynah learn` does, and their steps are added; the GPU runs one. Figures are from
the median time between two steps, the first of which are left out. `ratio` is the GPU's by the two cores'. There is
no gate: where there is no GPU, the document says why, and has the processor's figures alone.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _options import parse, parser

from mynah import catalog
from mynah.ground.allocator import tune_allocator
from mynah.ground.device import choose, on_device, why_not
from mynah.training import Fit, Keeper, Training

CORES, CLASSES, CLIPS, RATE = 2, 10, 64, 16_000
FRAMES, BANDS, SAMPLES = 200, 64, 8000
#: Steps that warm up: kernels are chosen and memory is taken.
WARM = 2
#: Batch of each family, steps of a full and of a quick measurement.
WORK = {"resnet": (32, 40, 6), "lstm": (32, 40, 6), "wavenet": (8, 15, 3)}


class Stamps(Keeper):
    """Notes when each step ends; a step waits for its loss, so a GPU is not asked too early."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def look(self, fit: Fit) -> None:
        self.times.append(time.perf_counter())


def steps_per_second(family: str, steps: int, precision: str, device: str) -> float:
    """Train a family on noise."""
    torch.set_num_threads(1)
    tune_allocator()
    rng = np.random.default_rng(0)
    labels = np.arange(CLIPS) % CLASSES
    is_wave = family == "wavenet"
    clips = rng.normal(size=(CLIPS, SAMPLES) if is_wave else (CLIPS, FRAMES, BANDS)).astype(np.float32)
    clips = np.clip(0.1 * clips, -1, 1) if is_wave else clips
    model = catalog.model_class(family)(rate=RATE if is_wave else None)
    batch = WORK[family][0]
    model.training = Training(
        f"{WARM + steps}steps", batch=batch, crop_seconds=0.25, valid=0.0, augment=False, precision=precision
    )
    stamps = Stamps()
    with on_device(device):
        for _ in model.fit_events(clips, labels, keeper=stamps):
            pass
    return 1 / float(np.median(np.diff(stamps.times)[WARM - 1 :]))


def on_cores(family: str, steps: int, precision: str) -> float:
    """Return the steps of fits on all cores, one a process."""
    with ProcessPoolExecutor(CORES, mp_context=multiprocessing.get_context("spawn")) as pool:
        fits = [pool.submit(steps_per_second, family, steps, precision, "cpu") for _ in range(CORES)]
        return sum(fit.result() for fit in fits)


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--device", default="auto", choices=["auto", "cuda", "mps"])
    made.add_argument("--precision", default="float32", choices=["float32", "bfloat16", "auto"])
    options = parse(made)
    device = choose(options.device)
    is_there = device.type != "cpu"
    if is_there:
        gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else "Apple GPU"
    else:
        gpu = f"no GPU here: {why_not('cuda')}; {why_not('mps')}"
    found: dict[str, dict[str, float]] = {}
    for family, (_, full, quick) in WORK.items():
        steps = quick if options.quick else full
        row = found[family] = {"two_cores": round(on_cores(family, steps, options.precision), 2)}
        if is_there:
            row["gpu"] = round(steps_per_second(family, 5 * steps, options.precision, device.type), 2)
            row["ratio"] = round(row["gpu"] / row["two_cores"], 2)
    document = {
        "gpu": gpu,
        "steps_per_second": found,
        "precision": options.precision,
        "cpu": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
    }
    print(json.dumps(document, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
