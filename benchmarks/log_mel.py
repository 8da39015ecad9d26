"""CPU time of the log-mel spectrogram of one minute at 44.1 kHz, beside librosa's, each on one thread.

    python benchmarks/log_mel.py [--quick] [--rounds 15]

Prints one JSON document: the medians of `process_time` over alternated rounds, their ratio (the gate is 1.2), and
the largest difference of the two in dB (the gate is 1e-4).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from statistics import median

import librosa
import numpy as np
import torch
from _options import parse, parser
from threadpoolctl import threadpool_limits

from mynah.representations import LogMel

RATE = 44_100


def sound(seconds: float) -> np.ndarray:
    """Return decaying tones over quiet noise: loud and nearly empty bands in every frame."""
    rng = np.random.default_rng(0)
    axis = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * axis) for hertz in (110.0, 997.0, 5000.0))
    return (0.2 * tones * np.exp(-(axis % 1.0) / 0.1) + rng.normal(0, 1e-4, len(axis))).astype(np.float32)


def contenders(wave: np.ndarray) -> tuple[Callable[[], np.ndarray], Callable[[], np.ndarray]]:
    """Return two functions that compute (time, band) dB of the wave: Mynah's and librosa's."""
    settings = LogMel()
    module = settings.build(RATE).eval()
    stft = module.stft

    def ours() -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(wave)[None, None])[0].numpy()

    def theirs() -> np.ndarray:
        power = librosa.feature.melspectrogram(
            y=wave,
            sr=RATE,
            n_fft=stft.size,
            win_length=stft.width,
            hop_length=stft.hop,
            n_mels=settings.bands,
            fmin=settings.low_hz,
        )
        return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T

    return ours, theirs


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--seconds", type=float, default=60.0, help="length of the sound")
    made.add_argument("--rounds", type=int, default=15)
    given = parse(made, rounds=5)
    torch.set_num_threads(1)
    threadpool_limits(1)
    ours, theirs = contenders(sound(given.seconds))
    difference = float(np.abs(ours() - theirs()).max())  # and both are warm
    times: dict[str, list[float]] = {"mynah": [], "librosa": []}
    for _ in range(given.rounds):
        for name, function in (("mynah", ours), ("librosa", theirs)):
            began = time.process_time()
            function()
            times[name].append(time.process_time() - began)
    medians = {name: median(values) for name, values in times.items()}
    print(
        json.dumps(
            {
                "seconds": given.seconds,
                "rounds": given.rounds,
                "quick": given.quick,
                "mynah_ms": round(1000 * medians["mynah"], 2),
                "librosa_ms": round(1000 * medians["librosa"], 2),
                "ratio": round(medians["mynah"] / medians["librosa"], 3),
                "difference_db": difference,
                "librosa": librosa.__version__,
                "torch": torch.__version__,
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
