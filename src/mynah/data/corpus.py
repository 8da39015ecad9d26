"""What a place holds, as a lazy sequence of items: clips, pieces of music, states, whatever a task reads.

An item has a name, an input, a target, a group and, where the data say so, a fold. Splits, comparison, resume and the
page know no more of it than this; only a representation and the player need it to be a sound.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, Self, TypeVar, overload

import numpy as np


@dataclass(frozen=True)
class Item:
    """Something that is learned from and is no sound; `Clip` is the item that is one.

    Attributes:
        file: its name, one of its own.
        input: what a model is given.
        target: the right answer, where it is no label; any value, or an array.
        label: the class or the text, or None.
        group: what must not be cut by a split; empty means the item alone.
        fold: official fold, or None.
        content: hash of the input, so that another input is another item.
    """

    file: str
    input: Any
    target: Any = None
    label: str | None = None
    group: str = ""
    fold: str | None = None
    content: str = ""

    @property
    def seconds(self) -> float | None:
        """Length, or None of what has none."""
        return None

    def identity(self) -> tuple[Any, ...]:
        """Return what makes this another item."""
        return (self.file, self.content, self.label, self.group, self.fold)

    def described(self) -> dict[str, Any]:
        """Return what the page needs to name and to group it, see `described`."""
        return described(self)


def described(item: Any) -> dict[str, Any]:
    """Return what the page needs to name an item and to group it; what is None it has not."""
    return {
        "file": item.file,
        "label": item.label,
        "group": item.group,
        "seconds": item.seconds,
        "rate": getattr(item, "rate", None),
        "channels": getattr(item, "channels", None),
        "flags": list(getattr(item, "flags", ())),
        "start": getattr(item, "start", 0.0),
        "end": getattr(item, "end", None),
    }


#: Kind of problem of a file whose channels cancel each other, so that the first stands for their mean.
ANTIPHASE = "antiphase"


@dataclass(frozen=True)
class Problem:
    """A file that is not as it should be.

    Attributes:
        kind: truncated, unfinished, silent, nan, empty, unreadable, clipped, dc, antiphase, unlabelled, long (one label
            over many minutes), or contradiction (one sound under two labels).
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


#: `Clip`, `Item` or a subclass.
T = TypeVar("T", bound=Any)


@dataclass(frozen=True)
class Corpus(Sequence[T], Generic[T]):
    """The items of a place, with what is wrong with them.

    Attributes:
        name: of the place.
        folder: where it is; folder or URL of a packed corpus.
        items: in the order of the place.
        problems, ignored, duplicates, leaks: what inspection found.
        grouped_by: "recording", or what else the groups are.
        official: what decides the folds: "fold", "split" (columns), "group" (asked for) or "" (nothing).
    """

    name: str
    folder: Any
    items: tuple[T, ...]
    problems: tuple[Problem, ...] = ()
    ignored: dict[str, int] = field(default_factory=dict)
    duplicates: tuple[tuple[str, ...], ...] = ()
    leaks: tuple[Leak, ...] = ()
    grouped_by: str = "recording"
    official: str = ""

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Any:
        return replace(self, items=self.items[index]) if isinstance(index, slice) else self.items[index]

    def __len__(self) -> int:
        return len(self.items)

    def subset(self, numbers: Iterable[int]) -> Self:
        """Return the items with these numbers, in this order."""
        return replace(self, items=tuple(self.items[int(i)] for i in numbers))

    def changed(self, change: Callable[[T], T]) -> Self:
        """Return the items as `change` returns each."""
        return replace(self, items=tuple(change(item) for item in self.items))

    def under(self, label: str) -> Self:
        """Return the items under one label: folds then need not hold labels alike."""
        return self.changed(lambda item: replace(item, label=label))

    def take(self, numbers: Sequence[int] | np.ndarray) -> list[Any]:
        """Return the inputs of these items, in this order: what a model learns from that has no representation."""
        return [self.items[int(i)].input for i in numbers]

    @cached_property
    def labels(self) -> list[str]:
        """One label an item; "" where there is none."""
        return [item.label or "" for item in self.items]

    @cached_property
    def groups(self) -> list[str]:
        """One an item."""
        return [item.group or item.file for item in self.items]

    @cached_property
    def classes(self) -> list[str]:
        """The labels, sorted, each once."""
        return sorted({item.label for item in self.items if item.label is not None})

    @cached_property
    def rates(self) -> Counter[int]:
        """Items per rate in Hz, of those that are sounds."""
        return Counter(rate for rate in (getattr(item, "rate", None) for item in self.items) if rate is not None)

    @property
    def common_rate(self) -> int | None:
        """The commonest rate in Hz, the higher one of a tie; None of what is no sound."""
        return max(self.rates, key=lambda rate: (self.rates[rate], rate), default=None)

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits over content, labels, targets, groups and folds; not over where the place lies."""
        facts = [(*item.identity(), self.official) for item in self.items]
        hashed = hashlib.blake2b(json.dumps(facts).encode(), digest_size=16)
        targets = [item.target for item in self.items]
        if any(target is not None for target in targets):
            hashed.update(json.dumps([np.asarray(target).tolist() for target in targets]).encode())
        return hashed.hexdigest()
