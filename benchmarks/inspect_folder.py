"""Time and memory to inspect a folder of many small files, cold and warm, beside a plain loop that reads them.

    python benchmarks/inspect_folder.py [--quick] [--files 100000]

Prints one JSON document: seconds of the first scan, of the second (nothing read again), of the plain loop (soundfile
alone, one process, nothing checked or kept), and the peak memory of the process and its workers together. The gate on
2 cores: 60 s cold, 5 s warm, 1500 MB.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from _options import parse, parser

from mynah.data import scan

CLASSES = 10
RATE = 16000


def make(folder: Path, files: int, seconds: float) -> None:
    """Write `files` different WAV files, spread over ten folders."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(round(seconds * RATE)) / RATE
    for number in range(CLASSES):
        (folder / f"class {number}").mkdir()
    for number in range(files):
        label = number % CLASSES
        wave = 0.3 * np.sin(2 * np.pi * (200 + 100 * label + rng.uniform(0, 50)) * time_axis)
        soundfile.write(folder / f"class {label}" / f"{number:06d}.wav", wave, RATE)


def megabytes() -> float:
    """Return the peak of this process plus that of its largest worker times the workers."""
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (own + workers * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024


def stop_workers() -> None:
    """End the idle worker processes, so that their memory is counted."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--files", type=int, default=100_000)
    made.add_argument("--seconds", type=float, default=0.1, help="length of each file")
    made.add_argument("--workers", type=int, default=None)
    given = parse(made, files=5000)
    with tempfile.TemporaryDirectory() as place:
        folder, cache = Path(place) / "sounds", Path(place) / "inspections.json"
        folder.mkdir()
        make(folder, given.files, given.seconds)
        figures: dict[str, object] = {"files": given.files, "cores": os.cpu_count(), "quick": given.quick}
        for name in ("cold", "warm"):
            start = time.perf_counter()
            sounds = scan(folder, cache=cache, workers=given.workers)
            figures[f"{name}_seconds"] = round(time.perf_counter() - start, 2)
            assert len(sounds) == given.files
        start = time.perf_counter()
        for path in sorted(folder.rglob("*.wav")):
            soundfile.read(path)
        figures["plain_loop_seconds"] = round(time.perf_counter() - start, 2)
        stop_workers()
        figures["peak_megabytes"] = round(megabytes())
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
