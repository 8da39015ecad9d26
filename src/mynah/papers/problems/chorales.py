"""Polyphonic music: which of 88 notes sound next (Boulanger-Lewandowski et al. 2012, arXiv:1206.6392).

The figure is the negative log-likelihood of a frame: the sum over 88 notes, the mean over real frames only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mynah.layers.masks import time_mask
from mynah.papers.problems.answers import EveryFrame
from mynah.papers.problems.descent import PLAIN, descend
from mynah.papers.problems.recordings import folder
from mynah.training import Batch, Training, pad

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


#: Chung et al. 2014, section 4: RMSprop, gradients clipped to norm 1; the noise on the weights has this deviation.
TRAINING = replace(PLAIN, batch=8, optimizer="RMSprop", learning_rate=1e-3)
WEIGHT_NOISE = 0.075


def noisy_loss(net: EveryFrame, batch: Batch) -> Tensor:
    """Return the loss with normal noise on every weight (Graves 2011), drawn anew at each call."""
    noisy = {name: value + WEIGHT_NOISE * torch.randn_like(value) for name, value in net.named_parameters()}
    return nll(torch.func.functional_call(net, noisy, (batch.frames, batch.lengths)), batch)


def plain_loss(net: EveryFrame, batch: Batch) -> Tensor:
    """Return the loss without noise."""
    return nll(net(batch.frames, batch.lengths), batch)


@torch.no_grad()
def evaluate(net: nn.Module, part: str) -> float:
    """Return nats a frame over "train", "valid" or "test"."""
    net.eval()
    batch = batch_of(list(rolls(part)))
    return float(nll(net(batch.frames, batch.lengths), batch))


#: Most epochs, and those without a better validation part that end the training.
EPOCHS, PATIENCE = 400, 80


def learn(
    net: nn.Module,
    seed: int,
    epochs: int = EPOCHS,
    *,
    loss: Callable[[Any, Batch], Tensor] = noisy_loss,
    score: Callable[[Any, str], float] | None = None,
    training: Training | None = None,
) -> dict[str, float]:
    """Train, with noise unless told otherwise, keep the weights that are best on the validation part, and test those.

    Args:
        net: logits of what sounds, from what sounded before; any network with a `loss` and a `score` of its own.
        epochs: at most.
        loss: (net, batch) to what is descended.
        score: (net, part) to nats a frame; None is `evaluate`.
        training: None is `TRAINING`.

    Returns:
        "nll" and "valid" of the kept weights, the "epoch" they are of, and the number of "parameters".
    """
    score, training = score or evaluate, training or TRAINING
    steps_per_epoch = len(rolls("train")) / training.batch
    best, kept = {"valid": float("inf"), "epoch": 0.0}, net.state_dict()
    for step in descend(net, loss, draw, steps=round(epochs * steps_per_epoch), seed=seed, training=training):
        valid = score(net, "valid")
        if valid < best["valid"]:
            best = {"valid": valid, "epoch": step / steps_per_epoch}
            kept = {name: value.clone() for name, value in net.state_dict().items()}
        elif step / steps_per_epoch - best["epoch"] >= PATIENCE:
            break
    net.load_state_dict(kept)
    return {**best, "nll": score(net, "test"), "parameters": float(sum(p.numel() for p in net.parameters()))}
