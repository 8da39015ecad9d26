"""Which clips train and which judge: official folds, whole groups, or stratified folds of whole recordings."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mynah.errors import NotEnoughData, UsageError
from mynah.sounds.clip import Sounds

#: Up to this many named groups, each is a fold of its own.
MOST_GROUP_FOLDS = 10
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
    """The folds of a comparison: kind is "official folds", "official split", "groups" or "stratified"."""

    kind: str
    description: str
    folds: tuple[Fold, ...]


def split(sounds: Sounds, *, folds: int = 5, seed: int = 0) -> Splits:
    """Choose the folds; the same sounds and seed give the same folds.

    Args:
        folds: how many, where the data do not decide.
        seed: of the stratified folds.

    Raises:
        UsageError: fewer than two folds asked for.
        NotEnoughData: one group only.
    """
    if folds < 2:
        raise UsageError("a comparison needs at least 2 folds", where="--folds", measured=folds)
    if sounds.official == "fold":
        return _by_value([clip.fold or "" for clip in sounds], "official folds", "the {n} official folds")
    if sounds.official == "split":
        return _official_split(sounds)
    groups = np.array(sounds.groups)
    count = len(np.unique(groups))
    if count < 2:
        raise NotEnoughData(
            "all clips are of one group, so nothing is left to judge by", where=sounds.name, measured=groups[0]
        )
    if sounds.grouped_by != "recording" and count <= MOST_GROUP_FOLDS:
        return _by_value(list(groups), "groups", f"one fold for each {sounds.grouped_by} ({{n}})")
    return _stratified(sounds, groups, folds, seed)


def _by_value(values: Sequence[str], kind: str, words: str) -> Splits:
    array = np.array(values)
    names = sorted(set(values), key=lambda v: (len(v), v) if v.isdigit() else (99, v))
    parts = tuple(Fold(name, np.flatnonzero(array != name), np.flatnonzero(array == name)) for name in names)
    return Splits(kind, words.format(n=len(parts)), parts)


def _official_split(sounds: Sounds) -> Splits:
    test = np.array([(clip.fold or "").lower() == "test" for clip in sounds])
    fold = Fold("test", np.flatnonzero(~test), np.flatnonzero(test))
    words = f"the official split: {len(fold.train)} clips train, {len(fold.test)} judge"
    return Splits("official split", words, (fold,))


def _stratified(sounds: Sounds, groups: np.ndarray, folds: int, seed: int) -> Splits:
    from sklearn.model_selection import StratifiedGroupKFold

    labels = np.array(sounds.labels)
    fewest = min(len(np.unique(groups[labels == name])) for name in np.unique(labels))
    count = max(2, min(folds, fewest))
    cut = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    parts = tuple(
        Fold(str(number), train, test)
        for number, (train, test) in enumerate(cut.split(labels, labels, groups), 1)
        if len(test)
    )
    words = f"{count} stratified folds, each {sounds.grouped_by} in one fold only (seed {seed})"
    return Splits("stratified", words, parts)


def check_enough(sounds: Sounds, *, anyway: bool = False) -> list[str]:
    """Return warnings, or refuse a question that these sounds cannot answer.

    Args:
        anyway: with too few clips or groups in a class, warn in place of refusing.

    Raises:
        NotEnoughData: no labels, one class, or too few clips or groups in a class.
    """
    if not sounds.classes:
        raise NotEnoughData(
            "the sounds have no labels, so there is nothing to tell apart",
            where=sounds.name,
            measured=f"{len(sounds)} clips",
            remedy="Put them into one folder a label, or name them in labels.csv (columns file,label).",
        )
    if len(sounds.classes) < 2:
        raise NotEnoughData(
            f"one class only ({sounds.classes[0]!r})",
            where=sounds.name,
            measured=f"{len(sounds)} clips",
            remedy="Add a folder of other sounds to tell it from (a folder of background will do).",
        )
    warnings = []
    counts, groups = Counter(sounds.labels), defaultdict(set)
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
