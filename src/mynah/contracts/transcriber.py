"""The contract of families that write down what sounds: clips in, texts out.

A family derives from `TranscriberModel`, or from `NetTranscriber` where it is a torch network trained by steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from mynah.contracts import checks
from mynah.contracts.model import ByGradient, Model
from mynah.ground.randomness import seeded
from mynah.ground.texts import errors, joint, symbols, vocabulary
from mynah.layers.standardise import Standardise
from mynah.representations import Frames, LogMel, augment_log_mel
from mynah.training import Augment, Batch, Batches, Validation, one_thread
from mynah.training.batches import pad

#: An answer is at most this many times as long as the longest text of training.
LONGEST_ANSWER = 2


@dataclass(frozen=True)
class Transcript:
    """Symbol numbers, and the mean log-probability of each, the end included."""

    numbers: list[int]
    score: float


class TranscriberModel(Model):
    """A family that writes down what sounds.

    Attributes:
        symbols_: the symbols, sorted; number n in an answer is ``symbols_[n - 1]``, since 0 is the end.
        between_: what stands between them in a text: a space or nothing.
    """

    contract: ClassVar[str] = "transcriber"
    tasks: ClassVar[tuple[str, ...]] = ("transcribe",)

    def predict(self, X: Any) -> np.ndarray:
        """Return the (clip,) texts."""
        return np.array([text for text, _ in self.transcribe(X)])

    def transcribe(self, X: Any) -> list[tuple[str, float]]:
        """Return a text a clip, and the geometric mean of the probabilities of its symbols; each clip by itself."""
        check_is_fitted(self, "symbols_")
        frames = self._frames(X, reset=False)
        with one_thread():
            found = self._transcripts(frames)
        return [(self.between_.join(self.symbols_[n - 1] for n in t.numbers), float(np.exp(t.score))) for t in found]

    def _transcripts(self, frames: Frames) -> list[Transcript]:
        raise NotImplementedError(f"{type(self).__name__} must define _transcripts")  # an abstract method

    def _codes(self, y: ArrayLike | None, count: int) -> np.ndarray:
        """Return (clip, longest + 1) symbol numbers from one, then 0 for the end, then -1."""
        texts = list(np.asarray(y, dtype=object).ravel())
        if len(texts) != count:
            raise ValueError(f"{len(texts)} texts for {count} clips")
        for number, text in enumerate(texts):
            if not (isinstance(text, str) and text.strip()):
                raise ValueError(f"clip {number} has no text: {text!r}")
        self.between_, self.symbols_ = joint(texts), vocabulary(texts)
        cut = [symbols(text, self.symbols_) for text in texts]
        number_of = {symbol: number for number, symbol in enumerate(self.symbols_, 1)}
        codes = np.full((count, max(map(len, cut)) + 1), -1)
        for row, text in zip(codes, cut, strict=True):
            row[: len(text) + 1] = [*(number_of[symbol] for symbol in text), 0]
        return codes

    def facts(self) -> dict[str, Any]:
        return {"symbols": self.symbols_, "between": self.between_}

    def take_facts(self, facts: dict[str, Any]) -> None:
        checks.only(facts, "symbols", "between")
        self.symbols_, self.between_ = checks.texts(facts, "symbols"), facts["between"]
        if self.between_ not in ("", " "):
            raise ValueError("a space or nothing stands between symbols")

    @classmethod
    def facts_of_version_1(cls, manifest: dict[str, Any]) -> dict[str, Any]:
        return {"symbols": manifest["labels"], "between": manifest["between"]}


class NetTranscriber(ByGradient, TranscriberModel):
    """A transcriber that is a torch network over frames.

    A family writes `build`; the loss is cross entropy a symbol, the end included.
    """

    def build(self, inputs: int, outputs: int) -> nn.Module:
        """Return a network of `outputs` symbols, the end (0) included.

        ``net(frames, lengths, given)`` returns logits (batch, step, outputs) of the symbols that follow `given`
        (batch, step), which begins with 0; ``net.greedy(frames, lengths, longest)`` a `Transcript` a row.
        """
        raise NotImplementedError(f"{type(self).__name__} must define build")  # an abstract method

    def search(self, net: Any, frames: Tensor, longest: int) -> Transcript:
        """Return the answer to one clip (1, time, feature): the greedy one, unless a family searches further."""
        return net.greedy(frames, None, longest)[0]

    def loss(self, net: Transcriber, batch: Batch) -> Tensor:
        """Return the scalar to descend."""
        return cross_entropy(net, batch)

    def prepare(self, net: Transcriber, frames: Frames, codes: np.ndarray) -> None:
        net.standardise.learn(frames)
        net.longest.fill_(LONGEST_ANSWER * (codes.shape[1] - 1))

    def batches(self, frames: Frames, codes: np.ndarray, seed: int) -> TextBatches:
        vary = self.settings.augment and isinstance(self.representation_, LogMel)
        augment = partial(augment_log_mel, mix=False) if vary else None
        return TextBatches(frames, codes, size=self.settings.batch, seed=seed, augment=augment)

    def validation(self, frames: Frames, codes: np.ndarray, seed: int) -> TextValidation:
        return TextValidation(frames, codes, self.settings.batch)

    def _new_net(self, seed: int) -> Transcriber:
        inputs, outputs = self.n_features_in_, len(self.symbols_) + 1
        return seeded(seed, lambda: Transcriber(self.build(inputs, outputs), inputs))

    @torch.no_grad()
    def _transcripts(self, frames: Frames) -> list[Transcript]:
        net = self.net_.eval()
        longest = int(net.longest)
        clips = (torch.from_numpy(np.array(frame))[None] for frame in frames)
        return [self.search(net.net, net.standardise(clip, None), longest) for clip in clips]


class Transcriber(nn.Module):
    """Standardised input before a family's network; knows how long an answer may be."""

    longest: Tensor

    def __init__(self, net: nn.Module, inputs: int) -> None:
        super().__init__()
        self.standardise = Standardise(inputs)
        self.net: Any = net
        self.register_buffer("longest", torch.tensor(0))

    def forward(self, frames: Tensor, lengths: Tensor | None, given: Tensor) -> Tensor:
        return self.net(self.standardise(frames, lengths), lengths, given)

    def greedy(self, frames: Tensor, lengths: Tensor) -> list[Transcript]:
        """Return the greedy answer a row."""
        return self.net.greedy(self.standardise(frames, lengths), lengths, int(self.longest))


class TextBatches(Batches):
    """Batches whose target is (batch, longest) symbol numbers with -1 after each end; clips are never cut."""

    def __init__(
        self, examples: Sequence[np.ndarray], codes: np.ndarray, *, size: int, seed: int, augment: Augment | None
    ) -> None:
        super().__init__(examples, np.zeros(len(codes), dtype=int), 1, size=size, seed=seed, augment=augment)
        self.codes = torch.from_numpy(codes)

    def target(self, items: np.ndarray) -> Tensor:
        rows = self.codes[torch.from_numpy(items)]
        return rows[:, : int((rows >= 0).sum(dim=1).max())]


def cross_entropy(net: Any, batch: Batch) -> Tensor:
    """Return the mean loss a symbol of the whole batch, the end included and padding left out."""
    whole = batch.target if batch.whole is None else batch.whole
    return losses(net, batch).sum() / (whole >= 0).sum()


def losses(net: Any, batch: Batch) -> Tensor:
    """Return the loss of each symbol (batch, step), zero on padding."""
    begin = torch.zeros(len(batch.target), 1, dtype=torch.int64)
    given = torch.cat([begin, batch.target[:, :-1].clamp(min=0)], dim=1)
    logits = net(batch.frames, batch.lengths, given)
    return nn.functional.cross_entropy(logits.transpose(1, 2), batch.target, ignore_index=-1, reduction="none")


class TextValidation(Validation):
    """Loss a symbol, its standard error, and one minus the error rate of greedy answers, on held-out examples."""

    def __call__(self, net: Any, poll: Callable[[], None]) -> tuple[float, float, float]:
        """Score `net`; `poll` is called between batches, and may raise to end it."""
        means, wrong, count = [], 0, 0
        for part in self.parts:
            poll()
            frames, lengths = pad([self.examples[int(i)] for i in part])
            target = torch.from_numpy(self.codes[part])
            lost = losses(net, Batch(frames, lengths, target)).sum(dim=1)
            means += (lost / (target >= 0).sum(dim=1)).tolist()
            for row, transcript in zip(target.tolist(), net.greedy(frames, lengths), strict=True):
                true = [symbol for symbol in row if symbol > 0]
                wrong, count = wrong + errors(true, transcript.numbers), count + len(true)
        return float(np.mean(means)), float(np.std(means) / np.sqrt(len(means))), 1 - wrong / count
