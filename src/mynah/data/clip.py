"""One sound, and a folder of them as a lazy sequence."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import overload

import numpy as np

from mynah import audio


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

    @property
    def seconds(self) -> float:
        return self.frames / self.rate

    def read(self, rate: int | None = None, mono: bool = True) -> np.ndarray:
        """Return float32 (channel, time) at `rate` Hz (None: the file's own), one channel when `mono`."""
        wave, own = audio.read(self.path, start=self.start, end=self.end, mono=mono and not self.repair)
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
class Problem:
    """A file that is not as it should be.

    Attributes:
        kind: truncated, silent, nan, empty, unreadable, clipped, dc, unlabelled, long (one label over many minutes),
            or contradiction (one sound under two labels).
        action: "set aside" (not used), "flagged" (used as it is) or "repaired" (used after repair).
        detail: what was measured.
        remedy: what to do.
    """

    file: str
    kind: str
    action: str
    detail: str
    remedy: str


@dataclass(frozen=True)
class Leak:
    """Something about the files that predicts the label, or a split that parts what belongs together.

    Attributes:
        kind: rate, codec, channels or duration (a fact that predicts the label); duplicates or groups (one sound, or
            clips of one recording or group, on both sides of a given split); takes (files that look like takes of a
            few recordings, which splits cannot keep together).
        message: in plain words.
        accuracy, chance: share of clips that a fact alone names, and that the commonest class names; for the other
            kinds the share of clips it is about (of groups: of the clips that judge), and 0.
    """

    kind: str
    message: str
    accuracy: float
    chance: float


@dataclass(frozen=True)
class Sounds(Sequence[Clip]):
    """Clips of a folder, with what is wrong with them; nothing is held in memory but their descriptions.

    Attributes:
        name: of the folder.
        folder: where it is; folder or URL of a packed corpus.
        problems, ignored, duplicates, leaks: what inspection found.
        grouped_by: "recording", or the column given.
        official: what decides the folds: "fold", "split" (columns), "group" (asked for) or "" (nothing).
    """

    name: str
    folder: str | os.PathLike[str]
    clips: tuple[Clip, ...]
    problems: tuple[Problem, ...] = ()
    ignored: dict[str, int] = field(default_factory=dict)
    duplicates: tuple[tuple[str, ...], ...] = ()
    leaks: tuple[Leak, ...] = ()
    grouped_by: str = "recording"
    official: str = ""

    @overload
    def __getitem__(self, index: int) -> Clip: ...
    @overload
    def __getitem__(self, index: slice) -> Sounds: ...
    def __getitem__(self, index: int | slice) -> Clip | Sounds:
        if isinstance(index, slice):
            return replace(self, clips=self.clips[index])
        return self.clips[index]

    def __len__(self) -> int:
        return len(self.clips)

    def subset(self, indices: Iterable[int]) -> Sounds:
        """Return the clips with these numbers, in this order."""
        return replace(self, clips=tuple(self.clips[int(i)] for i in indices))

    @cached_property
    def labels(self) -> list[str]:
        """One label a clip; "" where there is none."""
        return [clip.label or "" for clip in self.clips]

    @cached_property
    def groups(self) -> list[str]:
        return [clip.group for clip in self.clips]

    @cached_property
    def classes(self) -> list[str]:
        """The labels, sorted, each once."""
        return sorted({clip.label for clip in self.clips if clip.label is not None})

    @cached_property
    def rates(self) -> Counter[int]:
        return Counter(clip.rate for clip in self.clips)

    @property
    def common_rate(self) -> int:
        """The commonest rate in Hz; the higher one of a tie."""
        return max(self.rates, key=lambda rate: (self.rates[rate], rate))

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over content, labels, groups and folds; not over where the folder lies."""
        facts = [
            (c.file, c.content, c.label, c.group, c.fold, c.start, c.end, c.repair, self.official) for c in self.clips
        ]
        return hashlib.blake2b(json.dumps(facts).encode(), digest_size=16).hexdigest()

    def _repr_html_(self) -> str:
        from html import escape

        counts = Counter(self.labels)
        rows = "".join(f"<tr><td>{escape(name)}<td>{counts[name]}" for name in self.classes)
        return f"<p>{escape(self.name)}: {len(self)} clips</p><table><tr><th>label<th>clips{rows}</table>"
