"""Small places for the tasks of this folder: made at test time, the same each time."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from mynah import audio

RATE = 8000


def levels(folder: Path, clips: int = 30) -> Path:
    """Noise of levels between -40 and -5 dB, named in labels.csv."""
    rng = np.random.default_rng(0)
    rows = []
    folder.mkdir(parents=True)
    for number in range(clips):
        level_db = float(rng.uniform(-40, -5))
        noise = rng.standard_normal((1, RATE // 4)).astype(np.float32)
        audio.write(folder / f"{number:02d}.wav", 10 ** (level_db / 20) * noise / noise.std() / 4, RATE)
        rows.append((f"{number:02d}.wav", f"{level_db:.2f}"))
    _table(folder / "labels.csv", ("file", "label"), rows)
    return folder


def clicks(folder: Path, clips: int = 24) -> Path:
    """Decaying tones over soft noise, whose onsets stand in onsets.csv."""
    rng = np.random.default_rng(1)
    rows = []
    folder.mkdir(parents=True)
    for number in range(clips):
        wave = 0.003 * rng.standard_normal(RATE)
        for seconds in np.cumsum(rng.uniform(0.12, 0.35, 8)):
            if seconds < 0.9:
                time = np.arange(RATE - int(seconds * RATE)) / RATE
                tone = rng.uniform(0.1, 0.5) * np.exp(-time / 0.05) * np.sin(2 * np.pi * rng.uniform(300, 2000) * time)
                wave[int(seconds * RATE) :] += tone
                rows.append((f"{number:02d}.wav", f"{int(seconds * RATE) / RATE:.4f}"))
        audio.write(folder / f"{number:02d}.wav", wave.astype(np.float32)[None], RATE)
    _table(folder / "onsets.csv", ("file", "seconds"), rows)
    return folder


def corridor(folder: Path, walks: int = 24) -> Path:
    """A corridor of nine places, of which three are swapped."""
    folder.mkdir(parents=True)
    found = {"length": 9, "swapped": [2, 3, 6], "starts": [number % 8 for number in range(walks)]}
    (folder / "corridor.json").write_text(json.dumps(found), encoding="utf-8")
    return folder


def _table(path: Path, head: tuple[str, ...], rows: list[tuple[str, str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
