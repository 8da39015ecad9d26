"""Which clips train and which judge: official folds, whole groups, or stratified folds of whole recordings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mynah.data.corpus import Corpus
from mynah.data.labels import TEST
from mynah.ground.errors import NotEnoughData, UsageError

#: Up to this many named groups, each is a fold of its own.
MOST_GROUP_FOLDS = 10
#: Scarce classes do not press the folds below this: with two, half of the sounds would teach nobody.
LEAST_FOLDS = 3
#: What a class needs for an honest score.
LEAST_CLIPS = 5
LEAST_GROUPS = 2


@dataclass(frozen=True)
class Fold:
    """Clip numbers that train and that judge."""

    name: str
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Splits:
    """The folds of a comparison: kind is "official folds", "official split", "groups" or "stratified".

    The description is one sentence without a full stop.
    """

    kind: str
    description: str
    folds: tuple[Fold, ...]

    def first(self, count: int) -> Splits:
        """Return the splits with their first `count` folds alone."""
        if len(self.folds) <= count:
            return self
        words = f"{self.description}; of these, only the first {'judges' if count == 1 else f'{count} judge'}"
        return Splits(self.kind, words, self.folds[:count])


def split(sounds: Corpus[Any], *, folds: int = 5, seed: int = 0) -> Splits:
    """Choose the folds; the same sounds and seed give the same folds.

    A group column that was asked for leaves out one group at a time, or whole groups in `folds` parts if there are
    more than ten. Else the column fold, or the column split, is followed. Else folds are made that keep each group
    whole and hold about as much of each class.

    Args:
        folds: how many, where the data do not decide.
        seed: of the stratified folds.

    Raises:
        UsageError: fewer than two folds asked for.
        NotEnoughData: one group only, or a split with an empty side.
    """
    if folds < 2:
        raise UsageError("a comparison needs at least 2 folds", where="--folds", measured=folds)
    sides = [clip.fold or "" for clip in sounds]
    if sounds.official == "fold" and len(set(sides)) > 1:
        return _by_value(sounds, sides, "official folds", "the {n} official folds")
    if sounds.official == "split":
        return _official_split(sounds, sides)
    groups = sounds.groups
    count = len(set(groups))
    if count < 2:
        raise _one_group(sounds)
    if sounds.official == "group" and count <= MOST_GROUP_FOLDS:
        return _by_value(sounds, groups, "groups", f"{{n}} folds, each judged by one {sounds.grouped_by} left out")
    return _stratified(sounds, folds, seed)


def _by_value(sounds: Corpus[Any], values: Sequence[str], kind: str, words: str) -> Splits:
    array = np.array(values)
    names = sorted(set(values), key=lambda v: (0, int(v), v) if v.isdecimal() else (1, 0, v))
    parts = [Fold(name, np.flatnonzero(array != name), np.flatnonzero(array == name)) for name in names]
    return _described(sounds, kind, words.format(n=len(parts)), parts)


def _official_split(sounds: Corpus[Any], sides: Sequence[str]) -> Splits:
    test = np.array([side in TEST for side in sides], dtype=bool)
    fold = Fold("test", np.flatnonzero(~test), np.flatnonzero(test))
    if not (len(fold.train) and len(fold.test)):
        raise NotEnoughData(
            "the official split has an empty side",
            where=sounds.name,
            measured=f"{len(fold.train)} clips train, {len(fold.test)} judge",
            remedy="Look at what was set aside with `mynah check`, or rename the column split.",
        )
    words = f"the official split: {len(fold.train)} clips train, {len(fold.test)} judge"
    return _described(sounds, "official split", words, [fold])


def _described(sounds: Corpus[Any], kind: str, words: str, parts: Sequence[Fold]) -> Splits:
    """Add to the words which classes are judged but never trained."""
    labels = np.array(sounds.labels)
    for fold in parts:
        unknown = sorted(set(labels[fold.test].tolist()) - set(labels[fold.train].tolist()))
        if unknown:
            words += f"; fold {fold.name} judges {', '.join(map(repr, unknown[:3]))} without any to train on"
    return Splits(kind, words, tuple(parts))


def _stratified(sounds: Corpus[Any], folds: int, seed: int) -> Splits:
    """Make folds of whole groups; a class with fewer groups than folds is missing from some test parts."""
    codes, of_clip = np.unique(np.array(sounds.groups), return_inverse=True)
    label_of_clip = np.unique(np.array(sounds.labels), return_inverse=True)[1]
    spread = Counter(label for _, label in set(zip(of_clip.tolist(), label_of_clip.tolist(), strict=True)))
    count = max(2, min(folds, len(codes), max(LEAST_FOLDS, min(spread.values()))))
    place = _deal(of_clip, label_of_clip, count, seed)[of_clip]
    parts = [
        Fold(str(number + 1), np.flatnonzero(place != number), np.flatnonzero(place == number))
        for number in range(count)
        if (place == number).any()
    ]
    words = f"{len(parts)} stratified folds, each {sounds.grouped_by} in one fold only (seed {seed})"
    return _described(sounds, "stratified", words, parts)


def _deal(group: np.ndarray, label: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return a fold for each group: largest groups first, each where its classes are scarcest so far.

    Args:
        group, label: numbers of the group and the class of each clip.
        count: of the folds.
        seed: of the order among groups of one size.
    """
    pairs, sizes = np.unique(np.stack([group, label]), axis=1, return_counts=True)
    starts = np.searchsorted(pairs[0], np.arange(group.max() + 2))
    totals = np.bincount(label).astype(float)
    held = np.zeros((label.max() + 1, count))  # share of each class in each fold
    clips = np.zeros(count)
    place = np.zeros(len(starts) - 1, dtype=int)
    rng = np.random.default_rng(seed)
    group_sizes = np.bincount(group)
    for g in np.lexsort((rng.random(len(place)), -group_sizes)):
        own = slice(starts[g], starts[g + 1])
        classes = pairs[1, own]
        share = sizes[own] / totals[classes]
        growth = (held[classes] * share[:, None]).sum(axis=0)  # of the sum of squared shares
        fold = int(np.lexsort((clips, growth.round(12)))[0])
        held[classes, fold] += share
        clips[fold] += group_sizes[g]
        place[g] = fold
    return place


def check_enough(sounds: Corpus[Any], *, anyway: bool = False, classes: int = 2) -> list[str]:
    """Return warnings, or refuse a question that these sounds cannot answer.

    Args:
        anyway: with too few clips or groups in a class, warn in place of refusing.
        classes: how many there must be.

    Raises:
        NotEnoughData: no labels, one class, or too few clips or groups in a class.
    """
    if not sounds.classes:
        raise NotEnoughData(
            "the sounds have no labels, so there is nothing to tell apart",
            where=sounds.name,
            measured=f"{len(sounds)} clips",
            remedy="Put them into one folder a label, or name them in labels.csv (columns file,label); to make sounds "
            "like these, `mynah learn` needs no labels.",
        )
    if len(sounds.classes) < classes:
        raise NotEnoughData(
            f"one class only ({sounds.classes[0]!r})",
            where=sounds.name,
            measured=f"{len(sounds)} clips",
            remedy=_for_one_class(sounds),
        )
    if len(set(sounds.groups)) < LEAST_GROUPS:
        raise _one_group(sounds)
    warnings = []
    counts = Counter(sounds.labels)
    groups: dict[str, set[str]] = defaultdict(set)
    for clip in sounds:
        groups[clip.label or ""].add(clip.group)
    for name in sounds.classes:
        if counts[name] < LEAST_CLIPS:
            warnings.append(f"{name!r} has {counts[name]} clips; at least {LEAST_CLIPS} are needed")
        elif len(groups[name]) < LEAST_GROUPS:
            warnings.append(f"all clips of {name!r} are of one {sounds.grouped_by}; at least {LEAST_GROUPS} are needed")
    if warnings and not anyway:
        raise NotEnoughData(
            "too few sounds for an honest score",
            where=sounds.name,
            measured="; ".join(warnings[:5]) + ("; ..." if len(warnings) > 5 else ""),
            remedy="Add more, or use --anyway to train without a score.",
        )
    return warnings


def _one_group(sounds: Corpus[Any]) -> NotEnoughData:
    return NotEnoughData(
        f"all clips are of one {sounds.grouped_by}, so nothing is left to judge by",
        where=sounds.name,
        measured=sounds.groups[0] if sounds.groups else "no clips",
        remedy="Add other recordings, or label parts of a long one by a labels file with start, end and group.",
    )


def _for_one_class(sounds: Corpus[Any]) -> str:
    folders = sorted({clip.file.split("/")[1] for clip in sounds if clip.file.count("/") >= 2})
    if len(folders) > 1:
        first, label = ", ".join(folders[:3]), sounds.classes[0]
        return f"If its folders ({first} ...) are the classes, use the folder {sounds.name}/{label} instead."
    return "Add a folder of other sounds to tell it from (a folder of background will do)."
