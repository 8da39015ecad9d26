"""The text that is written down without listening: of those of training, the one with the fewest errors in all.

    t = argmin_s sum_i d(t_i, s)        d: the edit distance (Levenshtein 1966); s: the commonest texts

What every transcriber must beat.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import ClassVar

import numpy as np

from mynah.representations import ClipStatistics, Frames, Representation
from mynah.texts import errors
from mynah.training import Event, Keeper
from mynah.transcriber import TranscriberModel, Transcript

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

#: The commonest texts, among which the best is sought.
CANDIDATES = 50


class ConstantText(TranscriberModel):
    """Clips transcribed without listening to them."""

    default_representation: ClassVar[Representation] = ClipStatistics()

    def _learn(self, frames: Frames, codes: np.ndarray, groups: np.ndarray, keeper: Keeper | None) -> Iterator[Event]:
        texts = Counter(tuple(int(n) for n in row if n > 0) for row in codes)
        candidates = [text for text, _ in texts.most_common(CANDIDATES)]
        total = [sum(count * errors(text, said) for text, count in texts.items()) for said in candidates]
        self.text_ = np.array(candidates[int(np.argmin(total))])
        yield from ()

    def _transcripts(self, frames: Frames) -> list[Transcript]:
        return [Transcript(self.text_.tolist(), 0.0) for _ in range(len(frames))]

    def tensors(self) -> dict[str, np.ndarray]:
        return {"text": self.text_}

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        self.text_ = tensors["text"]
        if self.text_.ndim != 1 or not all(0 < number <= len(self.symbols_) for number in self.text_.tolist()):
            raise ValueError("the text is not made of the symbols")
