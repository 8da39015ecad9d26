"""A task in a user's own file: how loud a clip was played, in dB, and two methods that can tell.

The folder has a labels file whose label is a number of dB. Scored by the root mean square error, so lower is better.
"""

import numpy as np
import torch
from torch import nn

from mynah.contracts.model import ByGradient, Model
from mynah.ground.errors import BadInput
from mynah.ground.randomness import seeded
from mynah.judging.metric import Metric
from mynah.layers.standardise import Standardise
from mynah.tasks.task import Task, Words
from mynah.training import Batches
from mynah.training.batches import pad


class Loudness(Task):
    """Answers are (clip,) levels in dB."""

    name = "loudness"
    words = Words(("level", "levels"), "of each level", "the mean level", ("take", "takes"))
    metric = Metric(
        "rmse_db",
        "root mean square error",
        unit="dB",
        digits=2,
        higher_is_better=False,
        low=0.0,
        meaning="the root of the mean squared difference between predicted and true level",
        function=lambda totals: np.sqrt(totals[..., 1] / totals[..., 0]),
    )

    def check(self, corpus, anyway):
        """Refuse a label that is no number."""
        for clip in corpus:
            try:
                float(clip.label)
            except (TypeError, ValueError):
                raise BadInput("a level in dB is needed", where=clip.file, measured=clip.label) from None
        return corpus, []

    def targets(self, corpus):
        return np.array([float(label) for label in corpus.labels])

    def statistics(self, targets, answers, names):
        """Return (clip, 2): one, and the squared error."""
        return np.stack([np.ones(len(targets)), (targets - answers) ** 2], axis=1)

    def floor(self, targets, names):
        return float(np.std(targets))


class _Level(Model):
    """What both methods share: numbers as answers, nothing in the model file but arrays."""

    tasks = ("loudness",)

    def _codes(self, y, count):
        return np.asarray(y, dtype=float)

    def facts(self):
        return {}

    def take_facts(self, facts):
        if facts:
            raise ValueError("unknown facts")

    def segments(self, clip, seconds):
        return [(0.0, seconds, f"{self.predict([clip])[0]:.1f} dB", None)]


class Ridge(_Level):
    """Ridge regression on mean log-mel frames."""

    def _learn(self, frames, codes, groups, keeper):
        X = self._vectors(frames)
        self.mean_, self.scale_, self.middle_ = X.mean(axis=0), X.std(axis=0) + 1e-6, codes.mean(keepdims=True)
        X = (X - self.mean_) / self.scale_
        self.weights_ = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ (codes - self.middle_))
        yield from ()

    def predict(self, X):
        vectors = (self._vectors(self._frames(X, reset=False)) - self.mean_) / self.scale_
        return vectors @ self.weights_ + self.middle_

    @staticmethod
    def _vectors(frames):
        return np.stack([np.asarray(frame, dtype=float).mean(axis=0) for frame in frames])

    def tensors(self):
        return {"mean": self.mean_, "scale": self.scale_, "weights": self.weights_, "middle": self.middle_}

    def restore(self, tensors):
        for name, value in tensors.items():
            setattr(self, f"{name}_", value)


class _Net(nn.Module):
    def __init__(self, inputs, hidden):
        super().__init__()
        self.standardise = Standardise(inputs)
        self.net = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Dropout(0.1), nn.Linear(hidden, 1))
        self.register_buffer("middle", torch.zeros(()))

    def forward(self, frames, lengths):
        return self.net(self.standardise(frames, lengths).mean(dim=1))[:, 0] * 10 + self.middle


class _Numbers(Batches):
    """Batches whose target is (batch,) dB."""

    def target(self, items):
        return torch.from_numpy(self.levels[items])


class Perceptron(_Level, ByGradient):
    """A network over mean log-mel frames, trained step by step."""

    def __init__(self, hidden=16, training=None, representation=None, rate=None, random_state=0):
        super().__init__(training, representation, rate, random_state)
        self.hidden = hidden

    def _new_net(self, seed):
        return seeded(seed, lambda: _Net(self.n_features_in_, self.hidden))

    def prepare(self, net, frames, codes):
        net.standardise.learn(frames)
        net.middle.fill_(float(codes.mean()))

    def batches(self, frames, codes, seed):
        made = _Numbers(frames, np.zeros(len(frames)), 1, size=self.settings.batch, seed=seed)
        made.levels = codes.astype(np.float32)
        return made

    def loss(self, net, batch):
        return ((net(batch.frames, batch.lengths) - batch.target) ** 2).mean()

    def validation(self, frames, codes, seed):
        def score(net, poll):
            errors = (self._answers(net, frames) - codes) ** 2
            return float(errors.mean()), float(errors.std() / np.sqrt(len(errors))), float(np.sqrt(errors.mean()))

        return score

    def predict(self, X):
        return self._answers(self.net_.eval(), self._frames(X, reset=False))

    @staticmethod
    @torch.no_grad()
    def _answers(net, frames):
        return np.array([float(net(*pad([frame]))[0]) for frame in frames])
