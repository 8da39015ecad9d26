"""The text that is written down without listening: of those of training, the one with the fewest errors in all.

    t = argmin_s sum_i d(t_i, s)        d: the edit distance (Levenshtein 1966); s: the commonest texts

What every transcriber must beat.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from mynah.contracts.transcriber import TranscriberModel, Transcript
from mynah.ground.texts import best_constant
from mynah.representations import ClipStatistics, Frames, Representation
from mynah.training import Event, Keeper

CARD = {
    "name": "constant_text",
    "title": "Best constant text",
    "year": 1966,
    "authors": "V. I. Levenshtein",
    "reference": "Binary codes capable of correcting deletions, insertions, and reversals: the edit distance",
    "tasks": ("transcribe",),
    "reading": (),
    "estimator": "ConstantText",
    "cost": "cheap",
    "superseded_by": ("seq2seq",),
    "aliases": (),
}


class ConstantText(TranscriberModel):
    """Clips transcribed without listening to them."""

    default_representation: ClassVar[Representation] = ClipStatistics()

    def _learn(self, frames: Frames, codes: np.ndarray, groups: np.ndarray, keeper: Keeper | None) -> Iterator[Event]:
        text, _ = best_constant(tuple(int(n) for n in row if n > 0) for row in codes)
        self.text_ = np.array(text)
        yield from ()

    def _transcripts(self, frames: Frames) -> list[Transcript]:
        return [Transcript(self.text_.tolist(), 0.0) for _ in range(len(frames))]

    def tensors(self) -> dict[str, np.ndarray]:
        return {"text": self.text_}

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        self.text_ = tensors["text"]
        if self.text_.ndim != 1 or not all(0 < number <= len(self.symbols_) for number in self.text_.tolist()):
            raise ValueError("the text is not made of the symbols")
