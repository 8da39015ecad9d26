"""The contracts of every model: what it accepts, what it learns, what it answers.

A `Model` is a scikit-learn estimator over sounds. A family that names clips is a `ClassifierModel`: it derives from
`VectorModel` (one vector a clip), from `NetModel` (a torch network over frames) or from
`mynah.contracts.sequence.SequenceModel` (one that can stream).

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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn

from mynah import audio
from mynah.ground.randomness import key
from mynah.representations import Frames, LogMel, Representation
from mynah.training import Batch, Batches, Budget, Event, Fit, Keeper, Training, inner_split, one_thread
from mynah.training.loop import PROBE_STEPS

#: (net, poll) to (loss, its standard error, score) on held-out clips, see `mynah.training.Fit`.
Score = Callable[[nn.Module, Callable[[], None]], tuple[float, float, float]]


class Model(BaseEstimator):
    """A family of the reading list: clips in, an answer a clip out.

    Args:
        representation: what the model sees; None means the family's own choice.
        rate: sample rate in Hz that sounds are read at; None takes the rate of the first clip.
        random_state: the random seed.

    Attributes:
        representation_: what was used, or None where the arrays were taken as frames.
        rate_: Hz, or None likewise.
        record_: facts of the fit.
        contract: name of the contract, kept in model files.
        tasks: names of the tasks it serves.
        command: the ``mynah`` command that uses such a model.
    """

    contract: ClassVar[str] = "model"
    tasks: ClassVar[tuple[str, ...]] = ()
    command: ClassVar[str] = "apply"
    default_representation: ClassVar[Representation | None] = LogMel()

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
        """Return what a model file says of the answers, as plain values; which, each contract decides."""
        raise NotImplementedError(f"{type(self).__name__} must define facts")  # an abstract method

    def take_facts(self, facts: dict[str, Any]) -> None:
        """Take back what `facts` returned, read from a file that may be hostile: types, bounds and finite numbers.

        Raises:
            ValueError: facts that are missing, unknown or invalid (see `mynah.contracts.checks`).
        """
        raise NotImplementedError(f"{type(self).__name__} must define take_facts")  # an abstract method

    def tensors(self) -> dict[str, np.ndarray]:
        """Return all that was learned, as named arrays: with settings and facts, enough to answer again."""
        raise NotImplementedError(f"{type(self).__name__} must define tensors")  # an abstract method

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        """Take back what `tensors` returned; facts and `n_features_in_` are set before."""
        raise NotImplementedError(f"{type(self).__name__} must define restore")  # an abstract method

    def check_restored(self) -> None:
        """Raise `ValueError` where facts and arrays that were taken back do not fit each other."""

    @classmethod
    def facts_of_version_1(cls, manifest: dict[str, Any]) -> dict[str, Any]:
        """Return the facts that a manifest of ``mynah.model/1`` holds among the others."""
        raise NotImplementedError(f"{cls.__name__} was never kept in files of version 1")

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


class ByGradient(Model):
    """A family whose network is trained step by step: inner split, network, batches, validation, loop.

    A contract writes `_new_net`, `batches` and `loss`, and, where it needs more, `strata`, `prepare`, `validation` and
    `finish`. In these, `frames` are of some training clips and `codes` are their answers in numbers, as of `_codes`.
    """

    default_training: ClassVar[Training] = Training()
    net_: Any

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

    def strata(self, codes: np.ndarray) -> np.ndarray:
        """Return the (clip,) class numbers of which the inner split holds out a share each: all clips are of one."""
        return np.zeros(len(codes), dtype=int)

    def prepare(self, net: Any, frames: Frames, codes: np.ndarray) -> None:
        """Put into a new network's buffers what is counted rather than descended, from the clips that are kept."""

    def batches(self, frames: Frames, codes: np.ndarray, seed: int) -> Batches:
        """Return the batches of the clips that are kept, in an order drawn by `seed`; `net_` is prepared by then."""
        raise NotImplementedError(f"{type(self).__name__} must define batches")  # an abstract method

    def loss(self, net: Any, batch: Batch) -> Tensor:
        """Return the scalar to descend: the mean over the whole batch, of which the rows given may be a part."""
        raise NotImplementedError(f"{type(self).__name__} must define loss")  # an abstract method

    def validation(self, frames: Frames, codes: np.ndarray, seed: int) -> Score:
        """Return what scores the network on the clips that are held out, see `mynah.training.Fit`."""
        raise NotImplementedError(f"{type(self).__name__} must define validation")  # an abstract method

    def finish(self, frames: Frames, codes: np.ndarray) -> None:
        """Add to the trained network what follows from it and all training clips."""

    def _learn(self, frames: Frames, codes: np.ndarray, groups: np.ndarray, keeper: Keeper | None) -> Iterator[Event]:
        settings, seed = self.settings, int(self.random_state or 0)
        kept, held = inner_split(self.strata(codes), groups, settings.valid, seed)
        self.net_ = self._new_net(seed)
        self.prepare(self.net_, frames.take(kept), codes[kept])
        batches = self.batches(frames.take(kept), codes[kept], key(seed, "batches"))
        validate = None
        if len(held):
            validate = self.validation(frames.take(held), codes[held], key(seed, "validation"))
        fit = Fit(self.net_, self.loss, batches, settings, seed=key(seed, "steps"), validate=validate, keeper=keeper)
        yield from fit
        self.history_ = fit.history
        self.record_ = {
            "steps": fit.steps or max(fit.step, PROBE_STEPS + 1),
            "stop": fit.step if fit.ended == "deadline" else None,
            "trained": fit.step,
            "best_step": fit.best["step"],
            "ended": fit.ended,
            "held_out": len(held),
        }
        self.finish(frames, codes)

    def tensors(self) -> dict[str, np.ndarray]:
        return {name: value.numpy() for name, value in self.net_.state_dict().items()}

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        with torch.device("meta"):  # shapes first: a small file must not make a huge net
            wanted = {name: tuple(value.shape) for name, value in self._new_net(0).state_dict().items()}
        if wanted != {name: value.shape for name, value in tensors.items()}:
            raise ValueError("the arrays do not fit the settings")
        self.net_ = self._new_net(0)
        self.net_.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in tensors.items()})
        self.net_.eval()

    @property
    def parameter_count(self) -> int:
        return sum(value.numel() for value in self.net_.parameters())


def with_budget(model: Model, budget: str | Budget) -> Model:
    """Give a gradient-trained model this budget; others are returned as they are."""
    if isinstance(model, ByGradient):
        model.training = replace(model.settings, budget=budget)
    return model
