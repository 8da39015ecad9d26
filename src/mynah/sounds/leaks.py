"""Warnings: facts about the files, not about the sound, that give the label away."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from mynah.sounds.clip import Clip, Leak

#: A fact is reported when it closes this share of the gap between guessing and knowing ...
LEAST_GAIN = {"rate": 0.25, "codec": 0.25, "channels": 0.25, "duration": 0.6}
#: ... on at least this many clips.
LEAST_CLIPS = 20
_WORDS = {
    "rate": "the sample rate",
    "codec": "the file format",
    "channels": "the number of channels",
    "duration": "the duration",
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
    facts: dict[str, Sequence[object]] = {
        "rate": [clip.rate for clip in clips],
        "codec": [clip.format for clip in clips],
        "channels": [clip.channels for clip in clips],
        "duration": _tenths([clip.seconds for clip in clips]),
    }
    for kind, values in facts.items():
        accuracy = _accuracy(values, labels)
        if len(set(values)) > 1 and (accuracy - chance) / (1 - chance) >= LEAST_GAIN[kind]:
            message = (
                f"{_WORDS[kind]} alone names {100 * accuracy:.0f} % of the clips (the commonest class: "
                f"{100 * chance:.0f} %), so a model may learn that in place of the sound"
            )
            yield Leak(kind, message, accuracy, chance)


def _accuracy(values: Sequence[object], labels: Sequence[str | None]) -> float:
    """Leave-one-out accuracy of the commonest label per value."""
    counts: dict[object, Counter[str | None]] = defaultdict(Counter)
    for value, label in zip(values, labels, strict=True):
        counts[value][label] += 1
    right = 0
    for value, label in zip(values, labels, strict=True):
        others = counts[value]
        mine = others[label] - 1
        right += mine > 0 and mine >= max((n for name, n in others.items() if name != label), default=0)
    return right / len(labels)


def _tenths(seconds: Sequence[float]) -> list[int]:
    edges = sorted(seconds)
    cuts = sorted({edges[len(edges) * i // 10] for i in range(1, 10)})
    return [sum(value > cut for cut in cuts) for value in seconds]
