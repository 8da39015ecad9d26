"""The battery of composers, beside `mynah.testing.models`; outside models can be put through it too."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mynah.contracts.composer import Composer
from mynah.music import Piece
from mynah.testing.fits import check_file, check_fit


def check_composer(make: Callable[[], Composer], known: Sequence[Piece], new: Sequence[Piece]) -> None:
    """Run the battery of composers on what `make` returns; raises `AssertionError` at the first fault.

    Args:
        make: returns a new unfitted model, the same at each call; it must learn `known` well enough to expect `new`
            better than by how often each event comes.
        known, new: pieces to learn, and others like them.
    """
    fitted = make().fit(known)
    found = fitted.prediction_error(new)
    assert found.shape == (len(new),)
    baseline = fitted.counting_baseline(known, new)
    assert (found < baseline).all(), "new pieces are expected no better than by the counting baseline"
    check_fit(make, fitted, known, None, lambda model, which: model.prediction_error([known[i] for i in which]))
    check_file(fitted, lambda model: list(model.generate(2, bars=2)))
    check_file(fitted, lambda model: list(model.generate(2, bars=2, like=new[0])))
    check_pieces(fitted)
    assert np.isfinite(make().fit(known[:1]).prediction_error(new)).all(), "one piece is not enough"


def check_pieces(fitted: Composer) -> None:
    """A new piece depends on the seed and its number alone, and at temperature 0 on neither."""
    one, two = fitted.generate(2, bars=2, seed=5)
    assert one != two, "two pieces of a seed are alike"
    assert next(fitted.generate(1, bars=2, seed=5)) == one, "a piece depends on others"
    assert next(fitted.generate(1, bars=2, seed=6)) != one, "the seed changes nothing"
    still = [next(fitted.generate(1, bars=2, temperature=0, seed=seed)) for seed in (0, 1)]
    assert still[0] == still[1], "the most probable piece depends on the seed"
