"""A task in a user's own file: when notes begin, and two methods that can tell.

The folder has sounds and onsets.csv, a line an onset: file, seconds. Scored by F over all onsets, a predicted one being
right within 50 ms of a true one that no other has taken.
"""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from mynah.contracts.model import ByGradient, Model
from mynah.data import scan
from mynah.ground.errors import BadInput
from mynah.ground.randomness import seeded
from mynah.judging.metric import share
from mynah.layers.masks import time_mask
from mynah.layers.standardise import Standardise
from mynah.tasks.task import Task, Words
from mynah.training import Batches
from mynah.training.batches import pad

TOLERANCE_SECONDS = 0.05
TABLE = "onsets.csv"


def hits(true, predicted):
    """Return how many predicted times match a true one each, first come first served; both sorted, in seconds."""
    count = at = 0
    for time in true:
        while at < len(predicted) and predicted[at] < time - TOLERANCE_SECONDS:
            at += 1
        if at < len(predicted) and predicted[at] <= time + TOLERANCE_SECONDS:
            count, at = count + 1, at + 1
    return count


class Onsets(Task):
    """Answers are (clip,) texts: the times in seconds, in order."""

    name = "onsets"
    words = Words(("onset", "onsets"), "of each", "no onset at all")
    metric = share(
        "onset_f",
        "F over onsets",
        meaning="twice the onsets found, over those that are there and those that were predicted",
        function=lambda totals: 2 * totals[..., 0] / np.maximum(totals[..., 1] + totals[..., 2], 1),
    )

    def read(self, place, reading):
        """Read the sounds, and the times from the table beside them."""
        corpus = scan(place, progress=reading.progress)
        try:
            with open(Path(place) / TABLE, newline="", encoding="utf-8") as file:
                rows = [(row["file"], float(row["seconds"])) for row in csv.DictReader(file)]
        except (OSError, KeyError, ValueError) as error:
            raise BadInput("cannot be read: lines of file,seconds are needed", where=TABLE, measured=error) from error
        times = {clip.file: sorted(seconds for file, seconds in rows if file == clip.file) for clip in corpus}
        return corpus.changed(lambda clip: replace(clip, target=tuple(times[clip.file])))

    def answer(self, model, part, names):
        found = model.predict(part.inputs.take(part.test))
        return np.array([" ".join(f"{time:.3f}" for time in times) for times in found]), {}

    def statistics(self, targets, answers, names):
        """Return (clip, 3): onsets found, true ones, predicted ones."""
        pairs = [
            (list(true), [float(time) for time in text.split()]) for true, text in zip(targets, answers, strict=True)
        ]
        return np.array([[hits(true, found), len(true), len(found)] for true, found in pairs], dtype=float)

    def floor(self, targets, names):
        return 0.0


class _Listener(Model):
    """What both methods share: a curve a frame, whose peaks above a threshold are onsets."""

    tasks = ("onsets",)

    def _codes(self, y, count):
        return np.asarray(y, dtype=object)

    def facts(self):
        return {}

    def take_facts(self, facts):
        if facts:
            raise ValueError("unknown facts")

    def predict(self, X):
        frames = self._frames(X, reset=False)
        return [self._times(self._curve(frame)) for frame in frames]

    def _times(self, curve):
        inside = np.concatenate([[-np.inf], curve, [-np.inf]])
        peaks = (inside[1:-1] > inside[:-2]) & (inside[1:-1] >= inside[2:]) & (curve > self.threshold_)
        return np.flatnonzero(peaks) * self.representation_.hop_seconds

    def _choose(self, frames, codes):
        """Take the threshold whose F on the training clips is best."""
        curves = [self._curve(frame) for frame in frames]
        best = -1.0
        for threshold in np.quantile(np.concatenate(curves), np.linspace(0.5, 0.995, 40)):
            self.threshold_ = np.array(threshold)
            found = [self._times(curve) for curve in curves]
            right = sum(hits(list(true), list(times)) for true, times in zip(codes, found, strict=True))
            score = 2 * right / max(1, sum(map(len, codes)) + sum(map(len, found)))
            if score > best:
                best, kept = score, self.threshold_
        self.threshold_ = kept

    def segments(self, clip, seconds):
        return [(float(time), float(time), "onset", None) for time in self.predict([clip])[0]]


class Flux(_Listener):
    """Spectral flux: how much louder the bands of a log-mel spectrum became since the last frame."""

    def _learn(self, frames, codes, groups, keeper):
        self._choose(frames, codes)
        yield from ()

    @staticmethod
    def _curve(frame):
        frame = np.asarray(frame, dtype=float)
        return np.maximum(np.diff(frame, axis=0, prepend=frame[:1]), 0).mean(axis=1)

    def tensors(self):
        return {"threshold": self.threshold_}

    def restore(self, tensors):
        self.threshold_ = tensors["threshold"]


class _Convolution(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.standardise = Standardise(inputs)
        self.first, self.second = nn.Conv1d(inputs, 12, 5, padding=2), nn.Conv1d(12, 1, 3, padding=1)
        self.register_buffer("threshold", torch.zeros(()))

    def forward(self, frames, lengths):
        x = self.standardise(frames, lengths).transpose(1, 2)
        return self.second(torch.relu(self.first(x)))[:, 0]


class _Marks(Batches):
    """Batches whose target is (batch, time): one in the frames of an onset and beside it."""

    def target(self, items):
        longest = int(self.lengths[items].max())
        marks = torch.zeros(len(items), longest)
        for row, item in zip(marks, items, strict=True):
            for time in self.times[item]:
                middle = round(time / self.hop_seconds)
                row[max(0, middle - 1) : middle + 2] = 1
        return marks


class Convolution(_Listener, ByGradient):
    """Two convolutions in time over log-mel frames, trained step by step."""

    def __init__(self, training=None, representation=None, rate=None, random_state=0):
        super().__init__(training, representation, rate, random_state)

    @property
    def threshold_(self):
        return float(self.net_.threshold)

    @threshold_.setter
    def threshold_(self, value):
        self.net_.threshold.fill_(float(value))

    def _new_net(self, seed):
        return seeded(seed, lambda: _Convolution(self.n_features_in_))

    def prepare(self, net, frames, codes):
        net.standardise.learn(frames)

    def batches(self, frames, codes, seed):
        made = _Marks(frames, np.zeros(len(frames)), 1, size=self.settings.batch, seed=seed)
        made.times, made.hop_seconds = codes, self.representation_.hop_seconds
        return made

    def loss(self, net, batch):
        return self._losses(net, batch.frames, batch.lengths, batch.target).mean()

    @staticmethod
    def _losses(net, frames, lengths, target):
        logits, mask = net(frames, lengths), time_mask(lengths, frames.shape[1])
        losses = nn.functional.binary_cross_entropy_with_logits(
            logits, target, reduction="none", pos_weight=torch.tensor(4.0)
        )
        return (losses * mask).sum(dim=1) / mask.sum(dim=1)

    def validation(self, frames, codes, seed):
        held = self.batches(frames, codes, seed)

        def score(net, poll):
            targets = [held.target(np.array([item])) for item in range(len(frames))]
            losses = [float(self._losses(net, *pad([f]), t)) for f, t in zip(frames, targets, strict=True)]
            return float(np.mean(losses)), float(np.std(losses) / np.sqrt(len(losses))), -float(np.mean(losses))

        return score

    def finish(self, frames, codes):
        self._choose(frames, codes)

    @torch.no_grad()
    def _curve(self, frame):
        return self.net_.eval()(*pad([frame]))[0].numpy()
