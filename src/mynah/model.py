"""The contracts of every model: what it accepts, what it learns, what it answers.

A `Model` is a scikit-learn estimator over sounds. A family that names clips is a `ClassifierModel`: it derives from
`VectorModel` (one vector a clip), from `NetModel` (a torch network over frames) or from
`mynah.sequence.SequenceModel` (one that can stream).

What `X` may be, in every method:

- `Frames`, as `mynah.representations.compute` returns them: used as they are;
- the path of a sound file, or a list of paths;
- a sequence of clips (anything with ``rate`` and ``read(rate) -> (channel, time)``): represented first;
- an array (clip, sample) of waves, when the constructor got their `rate` in Hz: represented first;
- an array (clip, feature) or (clip, time, feature), when `rate` is None: taken as frames, one or many a clip.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, check_is_fitted, column_or_1d, validate_data
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn

from mynah import audio
from mynah.layers.standardise import Standardise
from mynah.representations import ClipStatistics, Frames, LogMel, Representation, augment_log_mel
from mynah.training import (
    Batch,
    Batches,
    Budget,
    Event,
    Fit,
    Keeper,
    Training,
    Validation,
    inner_split,
    key,
    one_thread,
    seeded,
)
from mynah.training.loop import PROBE_STEPS


class Model(BaseEstimator):
    """A family of the reading list: clips in, an answer a clip out.

    Args:
        representation: what the model sees; None means the family's own choice.
        rate: sample rate in Hz that sounds are read at; None takes the rate of the first clip.
        random_state: seed of everything random.

    Attributes:
        representation_: what was used, or None where the arrays were taken as frames.
        rate_: Hz, or None likewise.
        record_: facts of the fit.
        command: the ``mynah`` command that uses such a model.
    """

    command: ClassVar[str] = "apply"
    default_representation: ClassVar[Representation] = LogMel()

    def __init__(
        self, representation: Representation | None = None, rate: int | None = None, random_state: int = 0
    ) -> None:
        self.representation = representation
        self.rate = rate
        self.random_state = random_state

    # --- the scikit-learn verbs

    def fit(self, X: Any, y: ArrayLike | None, groups: ArrayLike | None = None) -> Model:
        """Learn from clips and the right answers.

        Args:
            X: clips, see the module.
            y: (clip,) labels or texts; None where a family needs none.
            groups: (clip,) recordings or speakers; an inner validation split never cuts through one.

        Raises:
            ValueError: shapes that do not fit, NaN or infinity, answers of another kind.
        """
        for _ in self.fit_events(X, y, groups):
            pass
        return self

    def fit_events(
        self, X: Any, y: ArrayLike | None, groups: ArrayLike | None = None, keeper: Keeper | None = None
    ) -> Iterator[Event]:
        """Do what `fit` does, yielding an `Event` now and then (never, for families that learn in one go).

        Args:
            keeper: restores and saves the fit on its way (see `mynah.training.Saver`).
        """
        frames = self._frames(X, reset=True)
        codes = self._codes(y, len(frames))
        self.record_: dict[str, Any] = {}
        groups = np.arange(len(codes)) if groups is None else np.asarray(groups)
        if len(groups) != len(codes):
            raise ValueError(f"{len(groups)} groups for {len(codes)} clips")
        began = time.process_time()
        with ThreadpoolController().limit(limits=1):  # the number of threads must not decide how sums are rounded
            yield from self._learn(frames, codes, groups, keeper)
        self.record_["cpu_seconds"] = time.process_time() - began

    def predict(self, X: Any) -> np.ndarray:
        """Return the (clip,) answers."""
        raise NotImplementedError(f"{type(self).__name__} must define predict")  # an abstract method

    # --- what a kind of model writes

    def _codes(self, y: ArrayLike | None, count: int) -> np.ndarray:
        """Check the answers to `count` clips, remember what they are made of, and return them in numbers."""
        raise NotImplementedError(f"{type(self).__name__} must define _codes")  # an abstract method

    def _learn(self, frames: Frames, codes: np.ndarray, groups: np.ndarray, keeper: Keeper | None) -> Iterator[Event]:
        raise NotImplementedError(f"{type(self).__name__} must define _learn")  # an abstract method

    def facts(self) -> dict[str, Any]:
        """Return what a model file says of the answers, as plain values: `labels`, `temperature`, `threshold`."""
        raise NotImplementedError(f"{type(self).__name__} must define facts")  # an abstract method

    def take_facts(self, facts: dict[str, Any]) -> None:
        """Take back what `facts` returned; `ValueError` where it cannot be meant."""
        raise NotImplementedError(f"{type(self).__name__} must define take_facts")  # an abstract method

    def tensors(self) -> dict[str, np.ndarray]:
        """Return all that was learned, as named arrays: with settings and facts, enough to answer again."""
        raise NotImplementedError(f"{type(self).__name__} must define tensors")  # an abstract method

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        """Take back what `tensors` returned; facts and `n_features_in_` are set before."""
        raise NotImplementedError(f"{type(self).__name__} must define restore")  # an abstract method

    @property
    def parameter_count(self) -> int:
        """Numbers that were learned."""
        return int(sum(array.size for array in self.tensors().values()))

    # --- input

    def _frames(self, X: Any, *, reset: bool) -> Frames:
        if _is_path(X):
            X = [X]
        if isinstance(X, list) and X and all(map(_is_path, X)):
            X = [File(path) for path in X]
        if isinstance(X, Frames):
            if reset:
                self.representation_, self.rate_ = X.representation, X.rate
        elif _are_clips(X):
            self._choose_representation(X[0].rate, reset=reset)
            X = self._represent(clip.read(self.rate_) for clip in X)
        elif self.rate is not None:
            self._choose_representation(self.rate, reset=reset)
            waves = check_array(X, dtype=np.float32, ensure_min_features=1)
            X = self._represent(wave[None] for wave in waves)
        else:
            X = self._arrays(X, reset=reset)
        if not len(X):
            raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required.")
        if reset:
            self.n_features_in_ = X.feature_count
        elif X.feature_count != self.n_features_in_:
            raise ValueError(
                f"X has {X.feature_count} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        return X

    def _choose_representation(self, rate: int, *, reset: bool) -> None:
        if reset:
            self.representation_ = self.representation or self.default_representation
            self.rate_ = self.rate or rate

    @property
    def _front_end(self) -> nn.Module:
        """The representation at this rate, built once; not part of a pickle or a clone."""
        assert self.representation_ is not None
        assert self.rate_ is not None
        wanted = (self.representation_, self.rate_)
        held = self.__dict__.get("_built")
        if held is None or held[0] != wanted:
            held = self._built = (wanted, self.representation_.build(self.rate_).eval())
        return held[1]

    def _represent(self, waves: Iterator[np.ndarray]) -> Frames:
        with one_thread(), torch.no_grad():
            arrays = [self._front_end(torch.from_numpy(wave)[None])[0].numpy() for wave in waves]
        return Frames.from_arrays(arrays, representation=self.representation_, rate=self.rate_)

    def _arrays(self, X: Any, *, reset: bool) -> Frames:
        if reset:
            self.representation_ = self.rate_ = None
        if getattr(X, "ndim", 2) == 3:
            cube = check_array(X, dtype=np.float32, allow_nd=True)
        else:
            cube = validate_data(self, X, dtype=np.float32, reset=reset)[:, None, :]
        return Frames.from_arrays(list(cube))

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in super().__getstate__().items() if k != "_built"}


@dataclass(frozen=True)
class File:
    """A sound file as a clip."""

    path: str | os.PathLike[str]

    @property
    def rate(self) -> int:
        """Hz, from the header."""
        return audio.info(self.path).rate

    def read(self, rate: int) -> np.ndarray:
        """Return float32 (1, time) at `rate` Hz."""
        return audio.read(self.path, rate=rate, mono=True)[0]


def _is_path(X: Any) -> bool:
    return isinstance(X, str | os.PathLike)


def _are_clips(X: Any) -> bool:
    return isinstance(X, Sequence) and len(X) > 0 and hasattr(X[0], "read")


class ClassifierModel(ClassifierMixin, Model):
    """A family that names clips.

    Attributes:
        classes_: the labels, sorted.
        temperature_: divides the log-probabilities (1 until calibrated on held-out answers).
        threshold_: below this probability `apply` answers "none of these" (0 until calibrated).
    """

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return (clip, class) calibrated probabilities; a clip's row does not depend on the other clips.

        They hold where all classes are equally common, as training weighs them; in a place where one is rare, weigh
        its column by how rare it is.
        """
        check_is_fitted(self, "classes_")
        frames = self._frames(X, reset=False)
        with one_thread():
            logits = self._log_scores(frames).astype(np.float64) / self.temperature_
        logits -= logits.max(axis=1, keepdims=True)
        odds = np.exp(logits)
        return odds / odds.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """Return the (clip,) most probable labels."""
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def _log_scores(self, frames: Frames) -> np.ndarray:
        """Return (clip, class) log-probabilities up to a constant a row."""
        raise NotImplementedError(f"{type(self).__name__} must define _log_scores")  # an abstract method

    def facts(self) -> dict[str, Any]:
        return {
            "labels": self.classes_.tolist(),
            "temperature": float(self.temperature_),
            "threshold": float(self.threshold_),
        }

    def take_facts(self, facts: dict[str, Any]) -> None:
        self.classes_ = np.array(facts["labels"])
        self.temperature_, self.threshold_ = float(facts["temperature"]), float(facts["threshold"])

    def _codes(self, y: ArrayLike | None, count: int) -> np.ndarray:
        self.classes_, codes = np.unique(self._labels(y, count), return_inverse=True)
        self.temperature_, self.threshold_ = 1.0, 0.0
        return codes

    def _labels(self, y: ArrayLike | None, count: int) -> np.ndarray:
        if y is None:
            raise ValueError(f"requires y to be passed, but the target y is None: {type(self).__name__}")
        labels: np.ndarray = column_or_1d(y, warn=True)
        if len(labels) != count:
            raise ValueError(f"Found input variables with inconsistent numbers of samples: [{count}, {len(labels)}]")
        if type_of_target(labels) != "unknown" and labels.dtype.kind == "f" and not np.isfinite(labels).all():
            raise ValueError("Input y contains NaN or infinity.")
        check_classification_targets(labels)
        return labels


class VectorModel(ClassifierModel):
    """A family that sees one vector a clip; sequences are pooled to mean and deviation over time.

    A family writes two methods over standardised vectors: `learn_arrays` and `log_scores`. What it learned is
    a dictionary of arrays, so that a saved model needs no pickle.
    """

    default_representation: ClassVar[Representation] = ClipStatistics()

    def learn_arrays(self, X: np.ndarray, codes: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        """Learn from (clip, feature) float64 vectors and (clip,) class numbers; at least two classes."""
        raise NotImplementedError(f"{type(self).__name__} must define learn_arrays")  # an abstract method

    def log_scores(self, arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        """Return (clip, class) log-probabilities up to a constant a row, for (clip, feature) float64 vectors."""
        raise NotImplementedError(f"{type(self).__name__} must define log_scores")  # an abstract method

    def learn_vectors(self, frames: Frames) -> np.ndarray:
        """Return the (clip, feature) float64 vectors of training clips, after learning what makes them, if anything."""
        return _vectors(frames, pooled=bool(frames.lengths.max() > 1))

    def vectors(self, frames: Frames) -> np.ndarray:
        """Return the vectors of other clips."""
        pooled = len(self.mean_) > self.n_features_in_  # as in training, whatever the length of these clips
        return _vectors(frames, pooled=pooled)

    def _learn(self, frames: Frames, codes: np.ndarray, groups: np.ndarray, keeper: Keeper | None) -> Iterator[Event]:
        X = self.learn_vectors(frames)
        self.mean_ = X.mean(axis=0)
        scale = X.std(axis=0)
        self.scale_ = np.where(scale > 1e-9, scale, 1.0)
        self.arrays_: dict[str, np.ndarray] = {}
        if len(self.classes_) > 1:
            learned = self.learn_arrays((X - self.mean_) / self.scale_, codes, len(self.classes_))
            # one memory order, before and after a file: the order decides how products are rounded
            self.arrays_ = {name: np.ascontiguousarray(array) for name, array in learned.items()}
        yield from ()

    def _log_scores(self, frames: Frames) -> np.ndarray:
        if not self.arrays_:
            return np.zeros((len(frames), len(self.classes_)))
        return self.log_scores(self.arrays_, (self.vectors(frames) - self.mean_) / self.scale_)

    def tensors(self) -> dict[str, np.ndarray]:
        return {"mean": self.mean_, "scale": self.scale_, **{f"arrays.{k}": v for k, v in self.arrays_.items()}}

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        self.mean_, self.scale_ = tensors["mean"], tensors["scale"]
        self.arrays_ = {k[len("arrays.") :]: v for k, v in tensors.items() if k.startswith("arrays.")}


def _vectors(frames: Frames, *, pooled: bool) -> np.ndarray:
    """Return a float64 vector a clip: its one frame, or, `pooled`, mean and deviation of its frames."""
    clips = (np.asarray(frame, dtype=np.float64) for frame in frames)
    if pooled:
        return np.stack([np.concatenate([clip.mean(axis=0), clip.std(axis=0)]) for clip in clips])
    if frames.lengths.max() > 1:
        raise ValueError("this model learned from one frame a clip, and here are clips of several")
    return np.concatenate(list(clips))


class ByGradient(Model):
    """A family whose network is trained step by step; a kind of model writes `_new_net` and `_learn`."""

    default_training: ClassVar[Training] = Training()

    def __init__(
        self,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(representation, rate, random_state)
        self.training = training

    @property
    def settings(self) -> Training:
        """How it is trained: what was given, or the family's own choice."""
        return self.training or self.default_training

    def train_to_the_end(self, steps: int) -> None:
        """Ask for exactly `steps` steps on all clips, none held out to stop early."""
        self.training = replace(self.settings, budget=Budget(steps=steps), valid=0.0)

    def _new_net(self, seed: int) -> nn.Module:
        """Return a network with the first weights of this seed, from settings, facts and `n_features_in_`."""
        raise NotImplementedError(f"{type(self).__name__} must define _new_net")  # an abstract method

    def _descend(self, fit: Fit, held_out: int) -> Iterator[Event]:
        """Run a fit, and record how it went."""
        yield from fit
        self.history_ = fit.history
        self.record_ = {
            "steps": fit.steps or max(fit.step, PROBE_STEPS + 1),
            "stop": fit.step if fit.ended == "deadline" else None,
            "trained": fit.step,
            "best_step": fit.best["step"],
            "ended": fit.ended,
            "held_out": held_out,
        }

    def tensors(self) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in self.net_.state_dict().items()}

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        with torch.device("meta"):  # shapes first: a small file must not make a huge net
            wanted = {name: tuple(value.shape) for name, value in self._new_net(0).state_dict().items()}
        if wanted != {name: value.shape for name, value in tensors.items()}:
            raise ValueError("the arrays do not fit the settings")
        self.net_: Any = self._new_net(0)
        self.net_.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
        self.net_.eval()

    @property
    def parameter_count(self) -> int:
        return sum(value.numel() for value in self.net_.parameters())


class NetModel(ByGradient, ClassifierModel):
    """A family that is a torch network over frames.

    A family writes `build`; the default `loss` is cross entropy against soft targets, each class weighing the
    same. `fit` is build, train, remember.
    """

    def build(self, inputs: int, outputs: int) -> nn.Module:
        """Return a network: (frames (batch, time, inputs), lengths (batch,)) to logits (batch, outputs)."""
        raise NotImplementedError(f"{type(self).__name__} must define build")  # an abstract method

    def loss(self, net: Classifier, batch: Batch) -> Tensor:
        """Return the scalar to descend: weighted cross entropy with the batch's soft targets."""
        return _cross_entropy(net(batch.frames, batch.lengths), batch, self.settings, net.class_weight)

    def _learn(self, frames: Frames, codes: np.ndarray, groups: np.ndarray, keeper: Keeper | None) -> Iterator[Event]:
        settings, seed = self.settings, int(self.random_state or 0)
        kept, held = inner_split(codes, groups, settings.valid, seed)
        batches = Batches(
            frames.take(kept),
            codes[kept],
            len(self.classes_),
            size=settings.batch,
            seed=key(seed, "batches"),
            crop_frames=self._crop_frames(settings),
            augment=augment_log_mel if settings.augment and isinstance(self.representation_, LogMel) else None,
        )
        self.net_ = self._new_net(seed)
        self.net_.standardise.learn(frames.take(kept))
        counts = np.bincount(codes[kept], minlength=len(self.classes_))
        self.net_.class_weight.copy_(_class_weight(counts))
        validate = Validation(frames.take(held), codes[held], settings.batch) if len(held) else None
        fit = Fit(self.net_, self.loss, batches, settings, seed=key(seed, "steps"), validate=validate, keeper=keeper)
        yield from self._descend(fit, len(held))

    def _new_net(self, seed: int) -> Classifier:
        inputs, outputs = self.n_features_in_, len(self.classes_)
        return seeded(seed, lambda: Classifier(self.build(inputs, outputs), inputs, outputs))

    def _crop_frames(self, settings: Training) -> int | None:
        hop = getattr(self.representation_, "hop_seconds", None)
        return None if hop is None else max(1, round(settings.crop_seconds / hop))

    @torch.no_grad()
    def _log_scores(self, frames: Frames) -> np.ndarray:
        self.net_.eval()
        rows = [self.net_(torch.from_numpy(np.array(frame))[None], None) for frame in frames]
        return torch.cat(rows).numpy()


class Classifier(nn.Module):
    """Standardised input before a family's network; padding stays zero."""

    class_weight: Tensor

    def __init__(self, net: nn.Module, inputs: int, outputs: int) -> None:
        super().__init__()
        self.standardise = Standardise(inputs)
        self.net = net
        self.register_buffer("class_weight", torch.ones(outputs))

    def forward(self, frames: Tensor, lengths: Tensor | None) -> Tensor:
        return self.net(self.standardise(frames, lengths), lengths)


def _class_weight(counts: np.ndarray) -> Tensor:
    """Weigh every class alike: inverse frequency, mean one over the examples."""
    weight = counts.sum() / (len(counts) * np.maximum(counts, 1))
    return torch.from_numpy(weight.astype(np.float32))


def _cross_entropy(logits: Tensor, batch: Batch, settings: Training, weight: Tensor) -> Tensor:
    """Return the weighted mean over the whole batch of the rows' part of it."""
    smooth = settings.label_smoothing
    target = batch.target * (1 - smooth) + smooth / batch.target.shape[1]
    whole = batch.target if batch.whole is None else batch.whole
    per_example = -(target * torch.log_softmax(logits, dim=1)).sum(dim=1)
    return (per_example * (target @ weight)).sum() / ((whole * (1 - smooth) + smooth / whole.shape[1]) @ weight).sum()


def with_budget(model: Model, budget: str | Budget) -> Model:
    """Give a gradient-trained model this budget; others are returned as they are."""
    if isinstance(model, ByGradient):
        model.training = replace(model.settings, budget=budget)
    return model
