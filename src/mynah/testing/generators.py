"""The battery of generators, beside `mynah.testing.models`; outside models can be put through it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from mynah.contracts.generator import GeneratorModel
from mynah.testing.fits import check_file, check_fit
from mynah.testing.models import RATE, ToyClip, toy


def check_generator(make: Callable[[], GeneratorModel]) -> None:
    """Run the battery of generators on what `make` returns; raises `AssertionError` at the first fault.

    Args:
        make: returns a new unfitted model, the same at each call; it must learn the toy of this module well enough
            that its prediction error is lower on new clips than on white noise of their length and power.
    """
    clips, labels = toy()
    fitted = make().fit(clips, labels)
    check_prediction_error(fitted)
    check_sounds(fitted)

    def answer(model: GeneratorModel, which: Sequence[int]) -> np.ndarray:
        return model.prediction_error([clips[i] for i in which], labels[list(which)])

    check_fit(make, fitted, clips, labels, answer, away=1e-6)
    check_file(fitted, lambda model: [_whole(next(model.generate(seed=3)))])
    for some in (clips[:3], [ToyClip(np.zeros((1, RATE // 5), np.float32))] * 2):
        sound = _whole(next(make().fit(some).generate(seconds=0.1)))
        assert sound.shape == (RATE // 10,), "nothing was learned from three clips without labels, or from silence"


def check_prediction_error(fitted: GeneratorModel) -> None:
    """The prediction error is lower on new clips than on white noise, and only labels that were learned are taken."""
    clips, labels = toy(clips_per_class=3, seed=1)
    rng = np.random.default_rng(0)
    noise = [ToyClip((rng.normal(size=c.wave.shape) * c.wave.std()).astype(np.float32)) for c in clips]
    error = fitted.prediction_error(clips, labels)
    assert fitted.unit, "the unit of the prediction error has no name"
    assert error.shape == (len(clips),)
    assert error.mean() < fitted.prediction_error(noise, labels).mean(), "noise is expected more than what was learned"
    assert np.isfinite(fitted.prediction_error([ToyClip(np.zeros((1, 800), np.float32))], labels[:1])).all(), "silence"
    for wrong in (None, ["unheard of"] * len(clips)):
        _refused(partial(fitted.prediction_error, clips, wrong), f"labels {wrong}")


def check_sounds(fitted: GeneratorModel) -> None:
    """Sounds are made as they are read, number i from seed and i alone, as long as asked, from any sound to go on."""
    one, two, three = (_whole(sound) for sound in fitted.generate(3, seconds=0.3, seed=5))
    assert len(one) == round(0.3 * RATE), f"{len(one)} samples where 0.3 s were asked"
    assert one.dtype == np.float32
    assert np.abs(one).max() <= 1
    assert one[-1] == 0, "a sound ends in a click"
    last = list(fitted.generate(3, seconds=0.3, seed=5))[2]  # its neighbours are never read
    assert np.array_equal(_whole(last), three), "a sound depends on others"
    assert not np.array_equal(_whole(next(fitted.generate(seconds=0.3, seed=6))), one), "the seed changes nothing"
    assert not np.array_equal(one, two)
    label = fitted.classes_[1]
    assert np.array_equal(_whole(next(fitted.generate(seconds=0.3, seed=5, label=label))).shape, one.shape)
    longest = fitted.lengths_.max()
    assert all(0 < len(_whole(sound)) <= longest for sound in fitted.generate(3)), "longer than any clip of training"
    first = next(next(fitted.generate(seconds=3600.0)))  # would take long, and 115 MB, were it made whole
    assert 0 < len(first) <= 10 * RATE, "an hour of sound is not made in blocks"
    for like in (one[:1], one, np.zeros(2 * RATE, np.float32)):
        assert np.isfinite(_whole(next(fitted.generate(seconds=0.1, like=like, label=label)))).all()
    assert np.isfinite(_whole(next(fitted.generate(seconds=0.1, like=one)))).all()
    still = [_whole(next(fitted.generate(seconds=0.1, temperature=0, seed=seed, label=label))) for seed in (1, 2)]
    assert np.array_equal(still[0], still[1]), "the most probable sound depends on the seed"
    wrong: list[dict[str, Any]] = [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"seconds": 0.0},
        {"label": "unheard of"},
        {"count": 0},
        {"like": one[:0]},
        {"like": one[None]},
    ]
    for arguments in wrong:
        _refused(partial(fitted.generate, **arguments), str(arguments))


def _refused(call: Callable[[], object], what: str) -> None:
    try:
        call()
    except ValueError:
        return
    raise AssertionError(f"{what} was accepted")


def _whole(sound: Iterator[np.ndarray]) -> np.ndarray:
    return np.concatenate(list(sound))
