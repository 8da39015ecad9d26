"""Polyphonic music: which of 88 notes sound next (Boulanger-Lewandowski et al. 2012, arXiv:1206.6392).

The figure is the negative log-likelihood of a frame: the sum over 88 notes, the mean over real frames only.
"""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import torch
from torch import Tensor

from mynah.layers.masks import time_mask
from mynah.problems.recordings import folder
from mynah.training import Batch, pad

#: Name of the data set: J. S. Bach's chorales in quarter notes.
DATA = "jsb_chorales"
NOTES, LOWEST = 88, 21


@cache
def rolls(part: str) -> tuple[np.ndarray, ...]:
    """Return the (time, 88) float32 piano rolls of "train", "valid" or "test"."""
    text = (folder(DATA) / "jsb-chorales-quarter.json").read_text(encoding="utf-8")
    return tuple(_roll(piece) for piece in json.loads(text)[part])


def _roll(piece: list[list[int]]) -> np.ndarray:
    roll = np.zeros((len(piece), NOTES), dtype=np.float32)
    for time, pitches in enumerate(piece):
        for pitch in pitches:
            if LOWEST <= pitch < LOWEST + NOTES:  # -1 and 0 are silence
                roll[time, int(pitch) - LOWEST] = 1
    return roll


def batch_of(pieces: list[np.ndarray]) -> Batch:
    """Return frames (batch, time, 88), each what sounds one step before its target; the first is silence."""
    target, lengths = pad(pieces)
    before = torch.cat([torch.zeros(len(pieces), 1, NOTES), target[:, :-1]], dim=1)
    return Batch(before, lengths, target)


def draw(rng: np.random.Generator, size: int) -> Batch:
    """Return `size` pieces of the training part."""
    pieces = rolls("train")
    return batch_of([pieces[i] for i in rng.choice(len(pieces), size, replace=False)])


def nll(logits: Tensor, batch: Batch) -> Tensor:
    """Return the negative log-likelihood a frame, in nats, of logits (batch, time, 88)."""
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, batch.target, reduction="none").sum(dim=2)
    mask = time_mask(batch.lengths, logits.shape[1])
    return (each * mask).sum() / mask.sum()
