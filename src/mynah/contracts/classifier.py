"""The contract of families that name clips: of one vector a clip, or a torch network over frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d
from torch import Tensor, nn

from mynah.contracts import checks
from mynah.contracts.model import ByGradient, Model
from mynah.ground.randomness import seeded
from mynah.layers.sampling import stratified_sample
from mynah.layers.standardise import Standardise
from mynah.representations import ClipStatistics, Frames, LogMel, Representation, augment_log_mel
from mynah.training import Batch, Batches, Event, Keeper, Training, Validation, one_thread


class ClassifierModel(ClassifierMixin, Model):
    """A family that names clips.

    Attributes:
        classes_: the labels, sorted.
        temperature_: divides the log-probabilities (1 until calibrated on held-out answers).
        threshold_: below this probability `apply` answers "none of these" (0 until calibrated).
    """

    contract: ClassVar[str] = "classifier"
    tasks: ClassVar[tuple[str, ...]] = ("classify",)

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
        checks.only(facts, "labels", "temperature", "threshold")
        self.classes_ = np.array(checks.labels(facts, "labels"))
        self.temperature_ = checks.positive(facts, "temperature")
        self.threshold_ = checks.number(facts, "threshold", 0, 1)

    @classmethod
    def facts_of_version_1(cls, manifest: dict[str, Any]) -> dict[str, Any]:
        return {name: manifest[name] for name in ("labels", "temperature", "threshold")}

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

    Attributes:
        most: training clips that `learn_arrays` is given at most, a seeded sample with the same share of each class;
            a family whose cost grows faster than their number makes it a setting.
    """

    default_representation: ClassVar[Representation] = ClipStatistics()
    most: int | None = None

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
            X = (X - self.mean_) / self.scale_
            if self.most is not None:
                kept = stratified_sample(codes, self.most, self.random_state)
                X, codes = X[kept], codes[kept]
            learned = self.learn_arrays(X, codes, len(self.classes_))
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

    def check_restored(self) -> None:
        classes = len(self.classes_)
        if bool(self.arrays_) != (classes > 1):
            raise ValueError("one class learns nothing, several learn something")
        codes = self.arrays_.get("codes")
        if codes is not None and not np.array_equal(np.unique(codes), np.arange(classes)):
            raise ValueError("the codes are not those of the labels")
        silence = np.zeros((1, self.n_features_in_), np.float32)
        answer = self.predict_proba(Frames.from_arrays([silence], self.representation_, self.rate_))
        if answer.shape != (1, classes):
            raise ValueError("the arrays are not of as many classes as there are labels")


def _vectors(frames: Frames, *, pooled: bool) -> np.ndarray:
    """Return a float64 vector a clip: its one frame, or, `pooled`, mean and deviation of its frames."""
    clips = (np.asarray(frame, dtype=np.float64) for frame in frames)
    if pooled:
        return np.stack([np.concatenate([clip.mean(axis=0), clip.std(axis=0)]) for clip in clips])
    if frames.lengths.max() > 1:
        raise ValueError("this model learned from one frame a clip, and here are clips of several")
    return np.concatenate(list(clips))


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

    def strata(self, codes: np.ndarray) -> np.ndarray:
        return codes

    def prepare(self, net: Classifier, frames: Frames, codes: np.ndarray) -> None:
        net.standardise.learn(frames)
        net.class_weight.copy_(_class_weight(np.bincount(codes, minlength=len(self.classes_))))

    def batches(self, frames: Frames, codes: np.ndarray, seed: int) -> Batches:
        settings = self.settings
        return Batches(
            frames,
            codes,
            len(self.classes_),
            size=settings.batch,
            seed=seed,
            crop_frames=self._crop_frames(settings),
            augment=augment_log_mel if settings.augment and isinstance(self.representation_, LogMel) else None,
        )

    def validation(self, frames: Frames, codes: np.ndarray, seed: int) -> Validation:
        return Validation(frames, codes, self.settings.batch)

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
