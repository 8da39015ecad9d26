"""Warnings: facts about the files that give the label away, and splits that part what belongs together."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Sequence

from mynah.data.clip import Clip
from mynah.data.corpus import Leak
from mynah.data.groups import uneven_takes
from mynah.data.labels import TEST

#: A fact is reported when it closes this share of the gap between guessing and knowing; durations belong to many
#: sounds (a kick is short), so they must give nearly all away ...
LEAST_GAIN = {"rate": 0.25, "codec": 0.25, "channels": 0.25, "duration": 0.6}
#: ... on at least this many clips, and so far above guessing, in standard deviations of a guess a group.
LEAST_CLIPS, LEAST_DEVIATIONS = 20, 3.0
#: How many of many classes a warning names.
SHOWN = 3
_WORDS = {
    "rate": ("the sample rate", "Record or export every class at one rate."),
    "codec": ("the file format", "Export every class from the originals in one format."),
    "channels": ("the number of channels", "Record or export every class with as many channels."),
    "duration": ("the duration", "Cut every class to like lengths."),
}


def find_leaks(clips: Sequence[Clip]) -> Iterator[Leak]:
    """Yield the facts that predict the label well above the commonest class.

    Each clip is named by the commonest label among the other clips that share the fact; durations share a fact
    when they fall into the same tenth of all durations.
    """
    labels = [clip.label for clip in clips]
    if len(clips) < LEAST_CLIPS or len(set(labels)) < 2:
        return
    chance = Counter(labels).most_common(1)[0][1] / len(labels)
    deviation = math.sqrt(chance * (1 - chance) / len({clip.group for clip in clips}))
    facts: dict[str, Sequence[Hashable]] = {
        "rate": [f"{clip.rate} Hz" for clip in clips],
        "codec": [clip.format for clip in clips],
        "channels": [f"{clip.channels} channel{'s' * (clip.channels > 1)}" for clip in clips],
        "duration": _tenths([clip.seconds for clip in clips]),
    }
    for kind, values in facts.items():
        if len(set(values)) == 1:
            continue
        accuracy = _accuracy(values, labels)
        if accuracy - chance >= max(LEAST_GAIN[kind] * (1 - chance), LEAST_DEVIATIONS * deviation):
            what, remedy = _WORDS[kind]
            example = "" if kind == "duration" else f" ({_example(values, labels)})"
            message = (
                f"{what} alone names {100 * accuracy:.0f} % of the clips (the commonest class: "
                f"{100 * chance:.0f} %), so a model may learn that in place of the sound{example}. {remedy}"
            )
            yield Leak(kind, message, accuracy, chance)


def find_copies(clips: Sequence[Clip], official: str) -> Iterator[Leak]:
    """Yield one warning if folds that were given hold the same sound on both sides; made folds never do."""
    torn = _torn(clips, official)
    if torn:
        share = len(torn) / len(clips)
        message = (
            f"{len(torn)} clips are the same sound in several folds of the column {official} (such as "
            f"{torn[0].file}), so a model is judged by sounds it was trained on. Remove the copies"
        )
        yield Leak("duplicates", message, share, 0.0)


def find_cuts(clips: Sequence[Clip], official: str, grouped_by: str) -> Iterator[Leak]:
    """Yield one warning if folds that were given part a recording or group; made folds never do.

    Copies are left to `find_copies`.
    """
    if official not in ("fold", "split"):
        return
    copies = {clip.content for clip in _torn(clips, official)}
    sides = _sides(clips, official)
    parted = _on_several_sides([clip.group for clip in clips], sides)
    judged = [(clip, side) for clip, side in zip(clips, sides, strict=True) if official == "fold" or side == "test"]
    torn = [(clip, side) for clip, side in judged if clip.group in parted and clip.content not in copies]
    if torn:
        first, own = torn[0]
        other = next(c for c, side in zip(clips, sides, strict=True) if c.group == first.group and side != own)
        message = (
            f"{len(torn)} of {len(judged)} judged clips come from a {grouped_by} that also trains (such as "
            f"{_place(first)}, with {_place(other)}), because the column {official} parts it, so scores say little "
            f"about a new {grouped_by}. Rename the column {official} to have folds of whole {grouped_by}s made"
        )
        yield Leak("groups", message, len(torn) / len(judged), 0.0)


def find_takes(clips: Sequence[Clip], official: str) -> Iterator[Leak]:
    """Yield one warning naming the classes whose file names look like takes that `join` could not keep together.

    Where folds were given, only takes that they part count.
    """
    takes = uneven_takes([clip.file for clip in clips], [clip.label for clip in clips])
    if official:
        parted = _on_several_sides(takes, _sides(clips, official))
        takes = [take if take in parted else "" for take in takes]
    names: dict[str, set[str]] = defaultdict(set)
    for clip, take in zip(clips, takes, strict=True):
        if take and clip.label is not None:
            names[clip.label].add(take)
    if not names:
        return
    (label, found), *others = sorted(names.items())
    others_shown = "".join(f", of {label!r} like {len(found)}" for label, found in others[: SHOWN - 1])
    more = f" (and {len(names) - SHOWN} more classes)" if len(names) > SHOWN else ""
    message = (
        f"files of {label!r} look like {len(found)} recordings of several takes{others_shown}{more}, too few or too "
        "uneven to split by, so that each file counts as a recording: takes of one recording may be on both sides. "
        "Give a group column in a labels file"
    )
    yield Leak("takes", message, sum(map(bool, takes)) / len(clips), 0.0)


def _place(clip: Clip) -> str:
    return clip.file if clip.end is None and not clip.start else f"{clip.file} from {clip.start:g} s"


def _sides(clips: Sequence[Clip], official: str) -> list[str | None]:
    """Return for each clip with which part of given folds it trains or judges."""
    if official == "split":
        return ["test" if clip.fold in TEST else "train" for clip in clips]
    return [clip.group if official == "group" else clip.fold for clip in clips]


def _on_several_sides(keys: Sequence[str], sides: Sequence[str | None]) -> set[str]:
    """Return the keys whose clips are not all on one side."""
    first: dict[str, str | None] = {}
    return {key for key, side in zip(keys, sides, strict=True) if first.setdefault(key, side) != side}


def _torn(clips: Sequence[Clip], official: str) -> list[Clip]:
    """Return the clips whose sound given folds have on several sides."""
    if not official:
        return []
    torn = _on_several_sides([clip.content for clip in clips], _sides(clips, official))
    return [clip for clip in clips if clip.content in torn]


def _example(values: Sequence[Hashable], labels: Sequence[str | None]) -> str:
    """Say for the two commonest facts which label they mostly mean."""
    counts: dict[Hashable, Counter[str | None]] = defaultdict(Counter)
    for value, label in zip(values, labels, strict=True):
        counts[value][label] += 1
    common = sorted(counts, key=lambda value: -counts[value].total())[:2]
    return ", ".join(f"{value}: mostly {counts[value].most_common(1)[0][0]}" for value in common)


def _accuracy(values: Sequence[Hashable], labels: Sequence[str | None]) -> float:
    """Leave-one-out accuracy of the commonest label per value; ties go to the clip's own."""
    counts: dict[Hashable, Counter[str | None]] = defaultdict(Counter)
    for value, label in zip(values, labels, strict=True):
        counts[value][label] += 1
    right = 0
    for counter in counts.values():
        (top, most), *rest = counter.most_common(2)
        second = rest[0][1] if rest else 0
        right += sum(n for label, n in counter.items() if n > 1 and n - 1 >= (second if label == top else most))
    return right / len(labels)


def _tenths(seconds: Sequence[float]) -> list[int]:
    ordered = sorted(seconds)
    cuts = sorted({ordered[len(ordered) * i // 10] for i in range(1, 10)})
    return [bisect_left(cuts, value) for value in seconds]
