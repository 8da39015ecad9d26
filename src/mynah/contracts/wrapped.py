"""Classes that know nothing of Mynah as families that name clips: classifiers of scikit-learn, networks of torch."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn

from mynah.contracts.classifier import NetModel, VectorModel
from mynah.contracts.model import ByGradient, Model
from mynah.ground.errors import UsageError
from mynah.representations import Representation
from mynah.training import Training

#: Training clips that a scikit-learn classifier learns from at most, since its model file holds them.
MOST_CLIPS = 10_000
#: Numbers that its model file holds at most: 256 MiB.
MOST_NUMBERS = 1 << 26
#: What a setting may be, so that a model file holds it as text.
_PLAIN = (bool, int, float, str, type(None))


class Refitted(VectorModel):
    """A scikit-learn classifier over clip statistics.

    A fitted estimator could be kept only as a pickle, which runs what it likes when it is read. So the model file
    holds the standardised training vectors, as float32, with their classes, and the estimator is fitted again when
    the file is read: with the same seed, on one thread, on the same numbers. An estimator that draws without a
    `random_state` answers differently then. At most `MOST_CLIPS` clips are learned from, a seeded sample.

    Attributes:
        estimator: the class, with `predict_proba` or `decision_function`.
        most: see `VectorModel`.
    """

    estimator: ClassVar[Any]
    most = MOST_CLIPS

    def learn_arrays(self, X: np.ndarray, codes: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        if X.size > MOST_NUMBERS:
            raise UsageError(
                "its model file would hold too many training vectors",
                where=type(self).__name__,
                measured=f"{X.size} numbers, at most {MOST_NUMBERS}",
                remedy="Give it a representation of fewer features.",
            )
        arrays: dict[str, np.ndarray] = {"vectors": X.astype(np.float32), "codes": codes.astype(np.int64)}
        self.__dict__["_fitted"] = self._fit_again(arrays)
        return arrays

    def log_scores(self, arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        fitted = self.__dict__.get("_fitted")
        if fitted is None:
            fitted = self.__dict__["_fitted"] = self._fit_again(arrays)
        if hasattr(fitted, "predict_proba"):
            return np.log(np.maximum(np.asarray(fitted.predict_proba(X), dtype=np.float64), 1e-12))
        margins = np.asarray(fitted.decision_function(X), dtype=np.float64)
        return margins if margins.ndim == 2 else np.stack([np.zeros(len(X)), margins], axis=1)

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        super().restore(tensors)
        self.__dict__.pop("_fitted", None)

    def _fit_again(self, arrays: dict[str, np.ndarray]) -> Any:
        defaults = _settings(self.estimator, 0)
        given = {name: getattr(self, name) for name, default in defaults.items() if getattr(self, name) != default}
        if "random_state" in inspect.signature(self.estimator).parameters:
            given["random_state"] = self.random_state
        with ThreadpoolController().limit(limits=1):  # as in `fit`: the number of threads must not decide
            return self.estimator(**given).fit(arrays["vectors"].astype(np.float64), arrays["codes"])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_fitted"}


class Network(NetModel):
    """A torch network over frames, made as ``cls(inputs, outputs)``.

    Its `forward` takes standardised frames (batch, time, inputs), zero beyond a clip's end, and, where it has a second
    argument, their (batch,) lengths, None for one clip alone; it returns logits (batch, outputs).

    Attributes:
        module: the class.
    """

    module: ClassVar[Any]

    def build(self, inputs: int, outputs: int) -> nn.Module:
        given = {name: getattr(self, name) for name in _settings(self.module, 2)}
        return _Checked(self.module(inputs, outputs, **given), outputs)


class _Checked(nn.Module):
    """Calls a network with what it takes, and checks what it returns."""

    def __init__(self, net: nn.Module, outputs: int) -> None:
        super().__init__()
        self.net, self.outputs = net, outputs
        self.takes_lengths = len(inspect.signature(net.forward).parameters) > 1

    def forward(self, frames: Tensor, lengths: Tensor | None) -> Tensor:
        logits = self.net(frames, lengths) if self.takes_lengths else self.net(frames)
        wanted = (len(frames), self.outputs)
        if not isinstance(logits, Tensor) or tuple(logits.shape) != wanted:
            got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
            raise ValueError(f"forward of {type(self.net).__name__} must return (batch, outputs), {wanted}, not {got}")
        return logits


def can_wrap(kind: Any) -> bool:
    """Tell whether `as_family` makes a family of it."""
    return isinstance(kind, type) and (issubclass(kind, Model | nn.Module) or _is_estimator(kind))


def as_family(kind: Any, name: str, module: str) -> type[Model]:
    """Return the class of a family: derived from what keeps a Mynah contract, else a wrapper.

    Args:
        kind: subclass of a contract, classifier in the manner of scikit-learn, or subclass of `nn.Module`.
        name: of the family, in tables and model files.
        module: name of the module that a model file gives as its source.

    Raises:
        UsageError: none of these, or it cannot be made without arguments.
    """
    if not can_wrap(kind):
        raise UsageError(
            "is no family: neither of a Mynah contract, nor a classifier of scikit-learn, nor a torch module",
            where=name,
        )
    if issubclass(kind, Model):
        _refuse_arguments(kind, 0, name)
        family = type(kind.__name__, (kind,), {"__doc__": kind.__doc__})
    elif issubclass(kind, nn.Module):
        family = _wrapper(kind, name, Network, "module", 2)
    else:
        family = _wrapper(kind, name, Refitted, "estimator", 0)
    family.__module__, family.family_name = module, name  # type: ignore[attr-defined]
    return family


def _is_estimator(kind: type) -> bool:
    answers = hasattr(kind, "predict_proba") or hasattr(kind, "decision_function")
    return hasattr(kind, "fit") and answers and kind is not BaseEstimator


def _settings(kind: type, taken: int) -> dict[str, Any]:
    """Return name to default of the constructor's plain settings, after so many arguments that are given."""
    found = list(inspect.signature(kind).parameters.values())[taken:]
    return {p.name: p.default for p in found if _is_plain(p.default) and p.name not in _OURS}


def _is_plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)


#: Arguments that every family has.
_OURS = ("representation", "rate", "random_state", "training")


def _refuse_arguments(kind: type, taken: int, name: str) -> None:
    """Raise where the constructor needs more than the arguments it is given."""
    try:
        inspect.signature(kind).bind(*range(taken))
    except TypeError as error:
        given = "(inputs, outputs)" if taken else "no arguments"
        raise UsageError(f"its constructor must take {given}", where=name, measured=error) from error


def _wrapper(kind: Any, name: str, base: type[Model], held: str, taken: int) -> type[Model]:
    _refuse_arguments(kind, taken, name)
    settings = _settings(kind, taken)

    def __init__(self: Any, **given: Any) -> None:
        bound = signature.bind(self, **given)
        bound.apply_defaults()
        for key, value in list(bound.arguments.items())[1:]:
            is_listed = isinstance(value, list) and isinstance(settings.get(key), tuple)  # as JSON has it
            setattr(self, key, tuple(value) if is_listed else value)

    ours: dict[str, Any] = {"representation": None, "rate": None, "random_state": 0}
    if issubclass(base, ByGradient):
        ours = {"training": None, **ours}
    hints: dict[str, Any] = {"training": Training | None, "representation": Representation | None}
    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(inspect.Parameter(key, keyword, default=value) for key, value in {**settings, **ours}.items()),
        ]
    )
    __init__.__signature__ = signature  # type: ignore[attr-defined]
    __init__.__annotations__ = {key: hint for key, hint in hints.items() if key in signature.parameters}
    return type(kind.__name__, (base,), {"__init__": __init__, "__doc__": kind.__doc__, held: kind})
