"""What every battery asks of a fit, whatever the model answers: same bits, alone, from a file, and after a stop."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from mynah import modelfile
from mynah.contracts.model import ByGradient, Model
from mynah.training import Fit

#: (model, clip numbers) to one answer for each of these clips.
Answer = Callable[[Any, Sequence[int]], Any]


def check_fit(
    make: Callable[[], Model], fitted: Model, X: Sequence[Any], y: ArrayLike | None, answer: Answer, away: float = 0.0
) -> None:
    """Run what all batteries share; raises `AssertionError` at the first fault.

    Args:
        make: returns a new unfitted model, the same at each call.
        fitted: such a model after ``fit(X, y)``.
        answer: see `Answer`, about the clips of X.
        away: how far an answer to a clip alone may lie from that among others, relative to it.
    """
    if isinstance(fitted, ByGradient):
        check_resumes(make, fitted, X, y)
    else:
        check_repeats(make, fitted, X, y)
    check_answers_alone(fitted, len(X), answer, away)
    check_file(fitted, lambda model: answer(model, range(len(X))))


def check_repeats(make: Callable[[], Model], fitted: Model, X: Sequence[Any], y: ArrayLike | None) -> None:
    """The same seed gives the same bits."""
    again = make().fit(X, y).tensors()
    for name, value in fitted.tensors().items():
        assert np.array_equal(value, again[name]), f"{name} differs between two fits with one seed"


def check_answers_alone(fitted: Model, count: int, answer: Answer, away: float = 0.0) -> None:
    """An answer does not depend on the clips around it."""
    together = answer(fitted, range(count))
    assert len(together) == count, f"{len(together)} answers to {count} clips"
    for number in range(count):
        (alone,) = answer(fitted, [number])
        near = np.allclose(alone, together[number], rtol=away, atol=0) if away else _same(alone, together[number])
        assert near, "an answer depends on its neighbours"


def check_file(fitted: Model, answers: Callable[[Any], Any]) -> None:
    """A saved and loaded model answers with the same bits, and is saved again as the same file."""
    with tempfile.TemporaryDirectory() as folder:
        path = modelfile.save(fitted, Path(folder) / "a.mynah")
        loaded = load(path, fitted)
        for one, other in zip(answers(loaded), answers(fitted), strict=True):
            assert _same(one, other), "an answer differs after a file"
        assert modelfile.save(loaded, Path(folder) / "b.mynah").read_bytes() == path.read_bytes()


def load(path: Path, fitted: Model) -> Any:
    """Read a model file, of whatever family the fitted model is."""
    return modelfile.load(path, families={modelfile.manifest(path)["family"]: type(fitted)})


def check_resumes(make: Callable[[], Model], fitted: Model, X: Sequence[Any], y: ArrayLike | None) -> None:
    """A fit that is stopped in the middle and restored in a new one ends with the bits of one that was not stopped.

    That one seed gives the same bits follows, and is asked by itself only where they differ, to say which it is.
    """
    halves, whole = make(), fitted.tensors()
    with _interrupted_fits() as interrupted:
        halves.fit(X, y)
    assert interrupted.count, "the fit is too short to be interrupted; give it 20 steps or more"
    for name, value in halves.tensors().items():
        if not np.array_equal(value, whole[name]):
            check_repeats(make, fitted, X, y)
            raise AssertionError(f"{name} differs after an interruption")


def _same(one: Any, other: Any) -> bool:
    """Whether two answers are the same to the bit."""
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else bool(one == other)


class _interrupted_fits:
    """Inside, every fit is left after its third event and goes on in another `Fit` with another net's weights."""

    count = 0

    def __enter__(self) -> _interrupted_fits:
        self.plain = Fit.__iter__
        plain = self.plain

        def interrupted(fit: Fit):
            for number, event in enumerate(plain(fit)):
                yield event
                if number == 2:
                    break
            else:
                return
            self.count += 1
            state = fit.state()
            with torch.no_grad():
                for value in fit.net.parameters():
                    value.add_(1.0)
            other = Fit(fit.net, fit.loss, fit.batches, fit.settings, seed=fit.seed, validate=fit.validate)
            other.restore(state)
            yield from plain(other)
            fit.__dict__.update(other.__dict__)

        Fit.__iter__ = interrupted  # type: ignore[method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        Fit.__iter__ = self.plain  # type: ignore[method-assign]
