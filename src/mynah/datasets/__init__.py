"""Sounds to learn from without having any: the built-in synthesiser, as a folder of labelled clips."""

from __future__ import annotations

import os
from pathlib import Path

from mynah.progress import Progress, silent


def builtin(
    folder: str | os.PathLike[str],
    *,
    clips_per_class: int = 40,
    rate: int = 16_000,
    seed: int = 0,
    progress: Progress = silent,
) -> Path:
    """Write the ten kinds of synthesised sounds as WAV files, one sub-folder a kind; the same bytes for a seed.

    Files already there are kept. Returns the folder.
    """
    import numpy as np

    from mynah import audio
    from mynah.datasets.synth import KINDS, render
    from mynah.training.keyed import key

    root = Path(folder)
    total, done = clips_per_class * len(KINDS), 0
    for kind in KINDS:
        (root / kind).mkdir(parents=True, exist_ok=True)
        for number in range(clips_per_class):
            path = root / kind / f"{kind}_{number:03d}.wav"
            if not path.exists():
                rng = np.random.Generator(np.random.Philox(key(seed, kind, number, rate)))
                audio.write(path, render(kind, rate=rate, rng=rng), rate)
            done += 1
            progress("render", done, total, kind)
    return root


__all__ = ["builtin"]
