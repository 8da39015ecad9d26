"""The contract of families that make sounds like those they learned from: clips in, new waves out, block by block.

A family derives from `GeneratorModel`, or from `NetGenerator` where it is a torch network trained by steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from mynah.contracts import checks
from mynah.contracts.model import ByGradient, Model, Score
from mynah.ground.randomness import generator, key, seeded
from mynah.layers.temperature import checked
from mynah.representations import Frames, Representation, Waveform
from mynah.training import Batch, Batches, one_thread

#: How the lengths of a class are remembered: as so many quantiles, from the shortest to the longest.
LENGTH_QUANTILES = 11
#: Every sound ends with a fade and, unless it goes on from another, begins with a rise of this length, without a click.
FADE_SECONDS, RISE_SECONDS = 0.01, 0.001
#: Samples beyond this are bent towards full scale.
KNEE = 0.8
#: No model has learned from a longer sound.
LONGEST_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Request:
    """One sound to make.

    Attributes:
        code: number of its class.
        samples: most samples it may have; what comes after is cut off.
        ends: whether no length was asked for, so that it may end earlier.
        like: float32 (time,) at the model's rate to go on from, or None; never empty.
        temperature: 0 is the most probable sound, 1 is as random as what was learned.
        seed: the key of everything drawn for this sound.
    """

    code: int
    samples: int
    ends: bool
    like: np.ndarray | None
    temperature: float
    seed: int

    @cached_property
    def draws(self) -> np.random.Generator:
        """Numpy's generator of this sound, made once."""
        return generator(self.seed, "draws")


class GeneratorModel(Model):
    """A family that makes sounds like those it learned from.

    A family writes `_learn`, `_prediction_errors`, `_sound`, `tensors` and `restore`.

    Attributes:
        unit: of `prediction_error`, such as "bits a sample" or "nats a bin"; figures of different units cannot be
            compared.
        ends_itself: whether `_sound` ends where the sound does, rather than going on for ever.
        classes_: the labels, sorted; one, "", where there were none.
        lengths_: (class, quantile) samples of the training clips, ascending.
    """

    contract: ClassVar[str] = "generator"
    tasks: ClassVar[tuple[str, ...]] = ("generate",)
    command: ClassVar[str] = "generate"
    unit: ClassVar[str] = ""
    ends_itself: ClassVar[bool] = False
    default_representation: ClassVar[Representation] = Waveform()

    def fit(self, X: Any, y: ArrayLike | None = None, groups: ArrayLike | None = None) -> GeneratorModel:
        """Learn from clips, and from their labels where there are any.

        Args:
            X: clips, see `mynah.contracts.model`; arrays need the `rate` of the constructor.
            y: (clip,) labels; None is one class.
            groups: (clip,) recordings; an inner validation split never cuts through one.

        Raises:
            ValueError: shapes that do not fit, NaN or infinity, frames without a rate.
        """
        super().fit(X, y, groups)
        return self

    def prediction_error(self, X: Any, y: ArrayLike | None = None) -> np.ndarray:
        """Return the (clip,) mean loss of clips in `unit`: lower where the model expects them.

        Args:
            X: held-out clips.
            y: (clip,) labels among `classes_`; None where there is one class only.

        Raises:
            ValueError: labels that were not learned, or none where there are several classes.
        """
        check_is_fitted(self, "classes_")
        frames = self._frames(X, reset=False)
        if y is None and len(self.classes_) > 1:
            raise ValueError(f"this model learned {len(self.classes_)} classes, so it needs the labels of these clips")
        labels = np.full(len(frames), self.classes_[0]) if y is None else np.asarray(y)
        if len(labels) != len(frames):
            raise ValueError(f"{len(labels)} labels for {len(frames)} clips")
        codes = np.array([self._code(label) for label in labels.tolist()])
        with one_thread(), torch.no_grad():
            return np.asarray(self._prediction_errors(frames, codes), dtype=np.float64)

    def generate(
        self,
        count: int = 1,
        *,
        seconds: float | None = None,
        label: object = None,
        like: np.ndarray | None = None,
        temperature: float = 1.0,
        seed: int = 0,
    ) -> Iterator[Iterator[np.ndarray]]:
        """Return `count` sounds, each an iterator of float32 blocks (time,) at `rate_` Hz, made as they are read.

        Memory does not grow with `count` or `seconds`. Sound number i depends on the settings, `seed` and i alone:
        not on `count`, nor on whether other sounds were read. Blocks may be of any length but zero.

        Args:
            count: at least 1.
            seconds: length of each; None lets it end where the family ends it, at the latest when the longest clip of
                its class did, or else draws the length of such a clip.
            label: what to make; None takes the classes in turn, or, with `like`, the one that it fits best.
            like: wave (time,) at `rate_` Hz to go on from; it is not part of the sound.
            temperature: 0 is the most probable sound, 1 is as random as what was learned, 10 is the most there is.
            seed: the random seed.

        Raises:
            ValueError: an invalid argument; at once, not when the first block is read.
        """
        check_is_fitted(self, "classes_")
        if count < 1:
            raise ValueError(f"count must be at least 1, got {count}")
        temperature = checked(temperature)
        if seconds is not None and not (math.isfinite(seconds) and seconds * self._rate >= 1):
            raise ValueError(f"seconds must be at least one sample of {self._rate} Hz, got {seconds}")
        begun = None if like is None else self._checked(like)
        codes = self._codes_to_make(label, begun)
        requests = (self._request(codes[i % len(codes)], i, seconds, begun, temperature, seed) for i in range(count))
        return (self._blocks(request) for request in requests)

    @property
    def is_slow(self) -> bool:
        """Whether sound is made much more slowly than it is played."""
        return False

    # --- what a family writes

    def _prediction_errors(self, frames: Frames, codes: np.ndarray) -> np.ndarray:
        """Return the (clip,) mean loss in `unit` of clips of these classes; each clip by itself, on one thread."""
        raise NotImplementedError(f"{type(self).__name__} must define _prediction_errors")  # an abstract method

    def _sound(self, request: Request) -> Iterator[np.ndarray]:
        """Yield one sound in blocks (time,), in constant memory; fewer samples than asked mean that it has ended.

        It runs on one thread and without gradients. All that it draws comes from `request.draws` or `request.seed`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define _sound")  # an abstract method

    # --- what all families share

    @property
    def _rate(self) -> int:
        if self.rate_ is None:
            raise ValueError("a generator learns from sounds of a known rate: pass clips, or the rate of the arrays")
        return self.rate_

    def _frames(self, X: Any, *, reset: bool) -> Frames:
        frames = super()._frames(X, reset=reset)
        if reset:
            self._clip_samples = np.array([self._samples_of(n, self._rate) for n in frames.lengths.tolist()])
        return frames

    def _samples_of(self, frames: int, first: int) -> int:
        """Return the most samples that have so many frames, found by halving."""
        front: Any = self._front_end
        count = front.frame_count
        low, high = 0, max(1, first)  # count(low) <= frames < count(high)
        while count(high) <= frames:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if count(middle) <= frames else (low, middle)
        return max(1, low)

    def _codes(self, y: ArrayLike | None, count: int) -> np.ndarray:
        labels = np.full(count, "") if y is None else np.asarray(y)
        if labels.shape != (count,):
            raise ValueError(f"labels of shape {labels.shape} for {count} clips")
        self.classes_, codes = np.unique(labels, return_inverse=True)
        shares = np.linspace(0, 1, LENGTH_QUANTILES)
        of_class = [self._clip_samples[codes == code] for code in range(len(self.classes_))]
        self.lengths_ = np.stack([np.quantile(lengths, shares).round().astype(np.int64) for lengths in of_class])
        del self._clip_samples
        return codes

    def _code(self, label: object) -> int:
        found = np.flatnonzero(self.classes_ == label)
        if len(found) != 1:
            names = ", ".join(map(str, self.classes_[:20]))
            raise ValueError(f"no sounds labelled {label!r} were learned; there are: {names or 'none with a label'}")
        return int(found[0])

    def _checked(self, like: np.ndarray) -> np.ndarray:
        wave = np.asarray(like, dtype=np.float32)
        if wave.ndim != 1 or not len(wave) or not np.isfinite(wave).all():
            raise ValueError(f"a sound to go on from is a finite wave (time,) that is not empty, got {wave.shape}")
        return wave

    def _codes_to_make(self, label: object, begun: np.ndarray | None) -> list[int]:
        if label is not None:
            return [self._code(label)]
        if begun is None or len(self.classes_) == 1:
            return list(range(len(self.classes_)))
        return self._best_classes(self._represent(iter([begun[None]]))).tolist()

    def _best_classes(self, frames: Frames) -> np.ndarray:
        with one_thread(), torch.no_grad():
            table = [self._prediction_errors(frames, np.full(len(frames), code)) for code in range(len(self.classes_))]
        return np.argmin(table, axis=0)

    def _request(
        self, code: int, number: int, seconds: float | None, begun: np.ndarray | None, temperature: float, seed: int
    ) -> Request:
        own = key(seed, "sound", number)
        if seconds is None and self.ends_itself:
            samples = int(self.lengths_[code, -1])
        elif seconds is None:
            place = generator(own, "length").random() * (LENGTH_QUANTILES - 1)
            samples = max(1, round(np.interp(place, np.arange(LENGTH_QUANTILES), self.lengths_[code])))
        else:
            samples = max(1, round(seconds * self._rate))
        return Request(code, samples, seconds is None, begun, temperature, own)

    def _blocks(self, request: Request) -> Iterator[np.ndarray]:
        """Yield what the family makes, without clicks at its ends and within full scale.

        A sound of which a length was asked for is cut or filled to it; so is any of a family that does not end itself.
        """
        rise = 0 if request.like is not None else round(RISE_SECONDS * self._rate)
        fade = max(1, round(FADE_SECONDS * self._rate))
        source, made, held = self._sound(request), 0, np.zeros(0, np.float32)
        while made < request.samples:
            with one_thread(), torch.no_grad():
                block = next(source, None)
            if block is None:
                if request.ends and self.ends_itself:
                    break
                block = np.zeros(min(request.samples - made, self._rate), np.float32)
            wave = np.array(block, dtype=np.float32)[: request.samples - made]
            if not np.isfinite(wave).all():
                raise FloatingPointError(f"{type(self).__name__} made a sound that is not finite, at sample {made}")
            wave *= _eased((made + np.arange(len(wave))) / max(1, rise)) if made < rise else 1
            made += len(wave)
            held = np.concatenate([held, wave])  # the last samples, which fade if none come after
            if len(held) > fade:
                yield limited(held[:-fade])
                held = held[-fade:]
        end = held if made else np.zeros(fade, np.float32)
        yield limited(end * _eased(np.arange(len(end))[::-1] / fade))

    def facts(self) -> dict[str, Any]:
        return {"labels": self.classes_.tolist(), "samples": self.lengths_.tolist()}

    def take_facts(self, facts: dict[str, Any]) -> None:
        checks.only(facts, "labels", "samples")
        self.classes_ = np.array(checks.labels(facts, "labels"))
        self.lengths_ = np.array(facts["samples"])
        whole = self.lengths_.dtype.kind == "i" and self.lengths_.shape == (len(self.classes_), LENGTH_QUANTILES)
        rising = whole and (np.diff(self.lengths_, axis=1) >= 0).all()
        possible = whole and (self.lengths_ > 0).all() and (self.lengths_ <= LONGEST_SECONDS * self._rate).all()
        if not (rising and possible):
            raise ValueError("the lengths of the sounds are invalid")

    @classmethod
    def facts_of_version_1(cls, manifest: dict[str, Any]) -> dict[str, Any]:
        return {name: manifest[name] for name in ("labels", "samples")}


def _eased(place: np.ndarray) -> np.ndarray:
    """Return a quarter of a sine from 0 to 1, and 1 beyond."""
    return np.sin(np.pi / 2 * np.clip(place, 0, 1)).astype(np.float32)


def limited(wave: np.ndarray) -> np.ndarray:
    """Return a wave within full scale: its peaks above `KNEE` are bent, not cut."""
    over = np.abs(wave) - np.float32(KNEE)
    bent = np.sign(wave) * (KNEE + (1 - KNEE) * np.tanh(over / (1 - KNEE)))
    return np.where(over > 0, bent, wave).astype(np.float32)


class NetGenerator(ByGradient, GeneratorModel):
    """A generator that is a torch network over frames.

    A family writes `build`, `losses` and `_sound`; `prepare` where something is counted before descending, and
    `examples` where the network's input is something else than the frames.
    """

    def build(self, inputs: int, classes: int) -> nn.Module:
        """Return the network over frames of `inputs` features, given one of `classes` classes."""
        raise NotImplementedError(f"{type(self).__name__} must define build")  # an abstract method

    def losses(self, net: Any, batch: Batch) -> Tensor:
        """Return the (batch,) mean loss of each example, in `unit`.

        Args:
            net: what `build` returned.
            batch: excerpts; `batch.target` is (batch, class), one where an example is of a class.
        """
        raise NotImplementedError(f"{type(self).__name__} must define losses")  # an abstract method

    def examples(self, net: Any, frames: Frames, codes: np.ndarray) -> Sequence[np.ndarray]:
        """Return the network's input for clips of such classes, each (time, feature)."""
        return frames

    def loss(self, net: Any, batch: Batch) -> Tensor:
        """Return the scalar to descend: the mean over the whole batch of the rows' part of it."""
        whole = batch.target if batch.whole is None else batch.whole
        return self.losses(net, batch).sum() / len(whole)

    def strata(self, codes: np.ndarray) -> np.ndarray:
        return codes

    def batches(self, frames: Frames, codes: np.ndarray, seed: int) -> Batches:
        front: Any = self._front_end
        crop = front.frame_count(max(1, round(self.settings.crop_seconds * self._rate)))
        known = self.examples(self.net_, frames, codes)
        return Batches(known, codes, len(self.classes_), size=self.settings.batch, seed=seed, crop_frames=crop)

    def validation(self, frames: Frames, codes: np.ndarray, seed: int) -> Score:
        return _Validation(self.losses, self.batches(frames, codes, seed))

    def _new_net(self, seed: int) -> nn.Module:
        return seeded(seed, lambda: self.build(self.n_features_in_, len(self.classes_)))

    def _prediction_errors(self, frames: Frames, codes: np.ndarray) -> np.ndarray:
        """Return the loss of whole clips, one at a time; a family overrides it where these do not fit into memory."""
        net, one_hot = self.net_.eval(), torch.eye(len(self.classes_))
        rows = (
            Batch(torch.from_numpy(np.array(clip))[None], torch.tensor([len(clip)]), one_hot[code][None])
            for clip, code in zip(self.examples(net, frames, codes), codes.tolist(), strict=True)
        )
        return torch.cat([self.losses(net, row) for row in rows]).numpy()


class _Validation:
    """Mean loss, its standard error and the loss reversed, on the same excerpts of held-out clips every time."""

    def __init__(self, losses: Callable[[Any, Batch], Tensor], batches: Batches) -> None:
        self.losses, self.batches = losses, batches

    def __call__(self, net: nn.Module, poll: Callable[[], None]) -> tuple[float, float, float]:
        """Score `net`; `poll` is called between batches, and may raise to end it."""
        found = []
        for step in range(self.batches.steps_per_epoch):
            poll()
            found.append(self.losses(net, self.batches[step]))
        each = torch.cat(found)
        error = float(each.std(unbiased=False)) / math.sqrt(len(each))
        return float(each.mean()), error, -float(each.mean())
