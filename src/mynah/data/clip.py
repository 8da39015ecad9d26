"""One sound, and a folder of them as a lazy sequence."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from mynah import audio
from mynah.data.corpus import ANTIPHASE, Corpus, described


@dataclass(frozen=True, slots=True)
class Clip:
    """One sound on disk or in a packed corpus; nothing is read until `read`.

    Attributes:
        file: path inside the folder, with forward slashes.
        path: where it lies, absolute; one in a packed corpus is fetched when its path is asked for.
        rate, channels: Hz and count, of the file.
        frames: of the clip, at the file's rate.
        start, end: seconds inside the file; `end` None is the file's end.
        label: the class, or None.
        group: what must not be cut by a split.
        fold: official fold, or None.
        format: container and sample format.
        target: the right answer, where it is no label: a number, an array, times of events.
        content: hash of the decoded samples.
        flags: what is odd about it (clipped, truncated ...).
        repair: replace NaN and infinity by zero and take the mean out when reading.
    """

    file: str
    path: os.PathLike[str]
    rate: int
    channels: int
    frames: int
    start: float = 0.0
    end: float | None = None
    label: str | None = None
    group: str = ""
    fold: str | None = None
    format: str = ""
    content: str = ""
    flags: tuple[str, ...] = ()
    repair: bool = False
    target: Any = None

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    @property
    def input(self) -> Clip:
        """What a model without a representation is given: the clip."""
        return self

    def identity(self) -> tuple[Any, ...]:
        """Return what makes this another clip."""
        return (self.file, self.content, self.label, self.group, self.fold, self.start, self.end, self.repair)

    def described(self) -> dict[str, Any]:
        """Return what the page needs to name and to group it, see `mynah.data.corpus.described`."""
        return described(self)

    def read(self, rate: int | None = None, mono: bool = True) -> np.ndarray:
        """Return float32 (channel, time) at `rate` Hz (None: the file's own), one channel when `mono`."""
        mixed, first = mono and not self.repair, mono and ANTIPHASE in self.flags
        wave, own = audio.read(self.path, start=self.start, end=self.end, mono=mixed, first=first)
        if self.repair:
            wave = np.where(np.isfinite(wave), wave, np.float32(0))
            wave -= wave.mean(axis=1, keepdims=True)
            wave = wave.mean(axis=0, keepdims=True) if mono else wave
        return wave if rate is None else audio.resample(wave, own, rate)


@dataclass(frozen=True)
class Wave:
    """A clip already in memory: float32 (channel, time) at `rate` Hz."""

    wave: np.ndarray
    rate: int

    def read(self, rate: int) -> np.ndarray:
        """Return the wave; it is read at its own rate only."""
        return self.wave


@dataclass(frozen=True)
class Sounds(Corpus[Clip]):
    """Clips of a folder, with what is wrong with them; nothing is held in memory but their descriptions."""

    @property
    def clips(self) -> tuple[Clip, ...]:
        """The items."""
        return self.items

    def _repr_html_(self) -> str:
        from html import escape

        counts = Counter(self.labels)
        rows = "".join(f"<tr><td>{escape(name)}<td>{counts[name]}" for name in self.classes)
        return f"<p>{escape(self.name)}: {len(self)} clips</p><table><tr><th>label<th>clips{rows}</table>"
