"""The task of making sounds like those of a folder: with labels, sounds of each; without, sounds like all.

One fold is held out, or in small folders one after the other of several. For each of its clips that are judged by, a
model makes one sound of the same label, and the two crowds are compared (see `mynah.judging.likeness`). Families are
ranked by their likeness, since the units of their prediction errors differ: 100 % is as near to the held-out clips as
real ones are, 0 % is as far off as white noise of the same lengths.
"""

from __future__ import annotations

import itertools
import math
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from mynah.contracts.generator import FADE_SECONDS, RISE_SECONDS
from mynah.data import Clip, Fold, Sounds, Splits, check_enough, split
from mynah.data.clip import Wave
from mynah.data.corpus import Problem
from mynah.ground.errors import BadInput, NotEnoughData
from mynah.ground.randomness import generator, key
from mynah.judging import likeness
from mynah.judging.metric import Metric, share
from mynah.representations import ClipStatistics, Frames, LogMel
from mynah.representations.cache import represent
from mynah.tasks.task import Gathered, Part, Task, Words, recorded_rows

#: Shorter clips than this are set aside: there is no course of a sound to learn in them.
SHORTEST_SECONDS = 0.05
#: Sounds are judged by their beginning, as far as this.
BEGINNING_SECONDS = 2.0
#: So much sound is made to judge a model, and at least and at most so many sounds.
JUDGED_SECONDS, LEAST_JUDGED, MOST_JUDGED = 24.0, 12, 60
#: A crowd to compare with is of two at least.
LEAST_HELD = 2
#: Sounds of each model that the page plays: so many, or one of each label, but no more than the second.
SHOWN, MOST_SHOWN = 6, 12
#: They are played this far, but of a family that is slow at making sound only as far as it is judged.
SHOWN_SECONDS = 10.0
#: A copy may begin this much earlier or later than its original.
SHIFT_SECONDS = 0.1
#: Training clips whose distance to their nearest other one says what a copy is.
KNOWN = 200
#: Draws of training clips that are compared with the held-out ones, as made sounds are.
REFERENCES = 20
#: Where white noise is nearer to the sounds than this (MMD^2), likeness is measured by this instead.
LEAST_FAR = 0.1


def _beginning(clip: Clip) -> Clip:
    if clip.seconds <= BEGINNING_SECONDS:
        return clip
    frames = round(BEGINNING_SECONDS * clip.rate)
    cut = f"{clip.content}:{BEGINNING_SECONDS}" if clip.content else ""
    return replace(clip, end=clip.start + BEGINNING_SECONDS, frames=frames, content=cut)


def _spread(length: int, count: int) -> np.ndarray:
    """Return at most `count` numbers below `length`, evenly."""
    return np.unique(np.linspace(0, length - 1, min(count, length)).round().astype(int))


def _of(frames: Frames) -> Any:
    assert frames.representation is not None
    return frames.representation


def _vectors(frames: Frames, clips: np.ndarray) -> np.ndarray:
    return np.concatenate([np.asarray(row, dtype=np.float64) for row in frames.take(clips)])


def _made(model: Any, part: Part, clip: int, seconds: float) -> np.ndarray:
    """Return the beginning of a sound of a clip's label, whatever other clips are judged."""
    label = part.targets[clip] if part.targets[clip] in model.classes_ else None
    sound = next(model.generate(label=label, seed=key(part.seed, "judged", clip)))
    return beginning(sound, round(seconds * model.rate_))


def beginning(sound: Any, samples: int) -> np.ndarray:
    """Return at most so many samples of a sound in blocks; no block is made beyond them."""
    blocks, made = [], 0
    for block in sound:
        blocks.append(block)
        made += len(block)
        if made >= samples:
            break
    return np.concatenate(blocks)[:samples]


def _of_all_labels(labels: np.ndarray) -> list[int]:
    """Return the numbers of the sounds that the page plays: each label in turn, evenly among its own."""
    found = [_spread(int((labels == name).sum()), SHOWN) for name in np.unique(labels)]
    own = [np.flatnonzero(labels == name)[places] for name, places in zip(np.unique(labels), found, strict=True)]
    turns = [int(number) for turn in itertools.zip_longest(*own) for number in turn if number is not None]
    return sorted(turns[: max(SHOWN, min(len(own), MOST_SHOWN))])


def _prediction_error(model: Any, part: Part) -> float | None:
    """Return the mean prediction error at the held-out clips whose labels were learned, in the model's unit."""
    known = part.test[np.isin(part.targets[part.test], model.classes_)]
    return float(model.prediction_error(part.inputs.take(known), part.targets[known]).mean()) if len(known) else None


def _noise(part: Part, rate: int) -> list[Wave]:
    """Return white noise as long as each held-out clip, at -20 dB."""
    mel = part.judged[1]
    waves = []
    for clip, frames in zip(part.test.tolist(), mel.take(part.test), strict=True):
        samples = max(1, round((len(frames) - 1) * mel.representation.hop_seconds * rate))  # type: ignore[union-attr]
        wave = generator(part.seed, "white noise", clip).standard_normal((1, samples))
        waves.append(Wave((0.1 * wave).astype(np.float32), rate))
    return waves


def _reference(part: Part, train: np.ndarray, real: np.ndarray, width: float) -> float:
    """Return the discrepancy of the held-out clips and as many training clips, the mean of some draws."""
    rng = generator(part.seed, "reference")
    count = min(len(real), len(train))
    drawn = [(rng.permutation(len(real))[:count], rng.permutation(len(train))[:count]) for _ in range(REFERENCES)]
    return float(np.mean([likeness.mmd2(real[a], train[b], width) for a, b in drawn]))


def _copies(part: Part, vectors: Sequence[np.ndarray], courses: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return the nearest training clip of each made sound, its distance, and whether that makes it a copy."""
    train, real, new = vectors
    mel: Any = _of(part.judged[1])
    shift = round(SHIFT_SECONDS / mel.hop_seconds)
    spans = [math.ceil((span + mel.window_seconds / 2) / mel.hop_seconds) for span in (RISE_SECONDS, FADE_SECONDS)]
    edges = (spans[0], spans[1])  # frames that hear the rise, and the fade
    known = part.judged[1].take(part.train)
    some = _spread(len(train), KNOWN)
    apart = likeness.nearest(known.take(some), train[some], known, train, shift, edges, own=some)[1]
    threshold = likeness.copy_threshold(apart)
    found, distances = likeness.nearest(courses, new, known, train, shift, edges)
    held_out = likeness.nearest(part.judged[1].take(part.test), real, known, train, shift, edges)[1]
    return {
        "threshold": threshold,
        "nearest": part.train[found],
        "distances": distances,
        "is_copy": distances < threshold,
        "real": float((held_out < threshold).mean()),
    }


def _named(part: Part, names: np.ndarray, vectors: Sequence[np.ndarray]) -> list[np.ndarray] | None:
    """Return the labels that held-out clips and made sounds are given, or None without labels to tell apart."""
    labels = part.targets[part.train]
    if len(names) < 2 or len(np.unique(labels)) < 2:
        return None
    return likeness.named_right(vectors[0], labels, *vectors[1:])


def _shown(
    part: Part, made: list[np.ndarray], copies: dict[str, Any], named: list[np.ndarray] | None, number: int, rate: int
) -> dict[str, Any]:
    """Keep one sound for the page, and say what it is."""
    return {
        "file": part.keep_sound(number, made[number][None], rate),
        "label": str(part.targets[part.test[number]]) or None,
        "item": int(part.test[number]),
        "details": {
            "nearest": int(copies["nearest"][number]),
            "distance": float(copies["distances"][number]),
            "copy": bool(copies["is_copy"][number]),
            "named": None if named is None else str(named[1][number]),
        },
    }


def _folds(folds: Sequence[Fold]) -> int:
    """Return how many of the first folds hold enough clips to judge by."""
    clips = np.cumsum([len(fold.test) for fold in folds])
    return min(len(folds), 1 + int(np.searchsorted(clips, LEAST_JUDGED)))


class Generate(Task):
    """Answers are (clip,) what each pair of a held-out clip and a made sound adds to the likeness."""

    name = "generate"
    verb = "generate"
    baseline = "shaped_noise"
    words = Words(("label", "labels"), "of each label", "white noise")
    metric: ClassVar[Metric] = share(
        "likeness",
        "likeness to held-out sounds",
        low=None,
        meaning="100 % is as near to the held-out clips as real sounds are, 0 % as far off as white noise, by the "
        "squared maximum mean discrepancy of statistics of log-mel spectra; what is further off than that is negative",
        function=lambda totals: totals[..., 1] / totals[..., 0],
    )
    scored_while_learning = False
    judged_by = (ClipStatistics(), LogMel())

    def check(self, corpus: Sounds, anyway: bool) -> tuple[Sounds, list[str]]:
        """Return the sounds that are long enough, and what is too few in them.

        Raises:
            BadInput: all clips are too short.
            NotEnoughData: fewer than four clips, or, where that is not accepted, too few or all of one recording.
        """
        short = [clip for clip in corpus if clip.seconds < SHORTEST_SECONDS]
        if len(short) == len(corpus):
            raise BadInput(
                f"all clips are shorter than {1000 * SHORTEST_SECONDS:.0f} ms, too short to learn how a sound goes on",
                where=corpus.name,
                measured=f"{len(corpus)} clips, the longest {1000 * max(clip.seconds for clip in corpus):.0f} ms",
                remedy="Use longer sounds.",
            )
        left_out = tuple(
            Problem(clip.file, "short", "set aside", f"{1000 * clip.seconds:.0f} ms", "Use longer sounds.")
            for clip in short
        )
        kept = tuple(clip for clip in corpus if clip.seconds >= SHORTEST_SECONDS)
        leaks = tuple(leak for leak in corpus.leaks if leak.kind in ("duplicates", "groups", "takes"))
        corpus = replace(corpus, items=kept, problems=corpus.problems + left_out, leaks=leaks)
        if len(kept) < 2 * LEAST_HELD:
            raise NotEnoughData(
                f"at least {2 * LEAST_HELD} sounds are needed, to learn from some and to judge by the others",
                where=corpus.name,
                measured=f"{len(kept)}",
                remedy="Add more.",
            )
        return corpus, check_enough(corpus.under("sound"), anyway=anyway, classes=1)

    def split(self, corpus: Sounds, *, folds: int, seed: int = 0) -> Splits:
        """Return the fewest folds that hold enough clips to judge by, with labels alike: one, but in small folders."""
        labelled = corpus.changed(lambda clip: replace(clip, label=clip.label or "sound"))
        made = split(labelled, folds=min(folds, max(2, len(corpus) // LEAST_HELD)), seed=seed)
        return made.first(_folds(made.folds))

    def counts(self, targets: np.ndarray) -> dict[str, int]:
        """Return the labels, sorted, with the clips of each; none where there are none."""
        return dict(sorted(Counter(targets[targets != ""].tolist()).items()))

    def scored(self, corpus: Sounds) -> Sounds:
        """Return the clips as far as they are judged."""
        return corpus.changed(_beginning)

    def held(self, corpus: Sounds, items: np.ndarray) -> np.ndarray:
        """Return the held-out clips that are judged by: evenly of all labels, as many as there is time to make."""
        usual = float(np.mean([min(corpus[int(i)].seconds, BEGINNING_SECONDS) for i in items]))
        count = int(np.clip(JUDGED_SECONDS / usual, LEAST_JUDGED, MOST_JUDGED))
        by_label = items[np.argsort([corpus.labels[int(i)] for i in items], kind="stable")]
        return np.sort(by_label[_spread(len(items), count)])

    def answer(self, model: Any, part: Part, names: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """Return what each pair of a held-out clip and a made sound adds to the likeness, and how sounds were scored.

        Raises:
            ValueError: fewer than two held-out clips.
        """
        if len(part.test) < 2:
            raise ValueError("at least two held-out clips are needed to compare sounds with")
        statistics, mel = part.judged
        assert mel.rate is not None
        shown = _of_all_labels(part.targets[part.test])
        longest = BEGINNING_SECONDS if model.is_slow else SHOWN_SECONDS
        seconds = [longest if number in shown else BEGINNING_SECONDS for number in range(len(part.test))]
        made = [_made(model, part, int(clip), most) for clip, most in zip(part.test, seconds, strict=True)]
        waves = [Wave(wave[None, : round(BEGINNING_SECONDS * mel.rate)], mel.rate) for wave in made]
        *vectors, noise = likeness.standardised(
            _vectors(statistics, part.train),
            _vectors(statistics, part.test),
            np.concatenate(represent(waves, _of(statistics), mel.rate)),
            np.concatenate(represent(_noise(part, mel.rate), _of(statistics), mel.rate)),
        )
        train, real, new = vectors
        width = likeness.usual_distance(train[_spread(len(train), 500)])
        low, high = likeness.mmd2_interval(real, new, width, seed=part.seed)
        noise_mmd2 = likeness.mmd2(real, noise, width)
        far = max(noise_mmd2, LEAST_FAR)
        copies = _copies(part, vectors, represent(waves, _of(mel), mel.rate))
        named = _named(part, names, vectors)
        facts = {
            "made": len(made),
            "mmd2": likeness.mmd2(real, new, width),
            "mmd2_low": low,
            "mmd2_high": high,
            "mmd2_noise": noise_mmd2,
            "mmd2_real": (near := _reference(part, train, real, width)),
            "likeness_real": 1 - near / far,
            "prediction_error": _prediction_error(model, part),
            "unit": model.unit,
            "diversity": likeness.diversity(real, new),
            "copies": float(copies["is_copy"].mean()),
            "copies_real": copies["real"],
            "copy_distance": copies["threshold"],
            "named_right": None if named is None else float((named[1] == part.targets[part.test]).mean()),
            "named_right_real": None if named is None else float((named[0] == part.targets[part.test]).mean()),
        }
        sounds = [_shown(part, made, copies, named, i, mel.rate) for i in shown]
        return likeness.likeness(real, new, width, far), {"judging": facts, "sounds": sounds}

    def use(self, model: Any, clip: Any) -> object:
        """Make the beginning of one sound."""
        return beginning(next(model.generate()), round(BEGINNING_SECONDS * model.rate_))

    def statistics(self, targets: np.ndarray, answers: np.ndarray, names: np.ndarray) -> np.ndarray:
        """Return (clip, 2): one, and what the pair adds to the likeness."""
        gains = np.asarray(answers, dtype=float)
        return np.stack([np.ones_like(gains), gains], axis=1)

    def floor(self, targets: np.ndarray, names: np.ndarray) -> float:
        """Return the likeness of white noise."""
        return 0.0

    def written(self, value: Any, names: Sequence[str] | np.ndarray = ()) -> str:
        """Return nothing: a made sound does not answer the clip it was made beside."""
        return ""

    def rows(self, found: Gathered, targets: np.ndarray, names: np.ndarray) -> dict[str, Any]:
        """Return what each pair adds, and how the sounds were scored."""
        known = zip(found.answers, found.answered, strict=True)
        gained = {"gained": [float(gain) if ok else None for gain, ok in known]}
        if not found.facts:
            return gained | {"judging": None}
        judged = [facts["judging"] for facts in found.facts]
        judging = {key: _mean([j[key] for j in judged if j[key] is not None]) for key in judged[0] if key != "unit"}
        judging |= {"made": sum(j["made"] for j in judged), "unit": judged[0]["unit"]}
        return gained | {"judging": judging}

    def recorded(self, document: dict[str, Any], family: dict[str, Any]) -> list[Any]:
        """Return the (clip, 2) statistics of what each pair adds to the likeness."""
        return recorded_rows(self, document, family["details"]["gained"])

    def closing(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return the first label as what follows, and all that may be asked for."""
        names = document["classes"]
        if not names:
            remark = "there are no labels, so what was learned is to make sounds like these"
            return {"next": "", "remarks": [remark]}
        return {"next": f"--label {shlex.quote(names[0])}", "remarks": [f"labels: {', '.join(names)}"]}

    def worth_hearing(self, document: dict[str, Any], family: dict[str, Any], most: int) -> list[int]:
        """Return all made sounds, the best family's first, each with its nearest clip and a held-out one."""
        sounds = [sound for row in document["families"] for sound in row["sounds"]]
        found = (number for sound in sounds for number in (sound["id"], sound["details"]["nearest"], sound["item"]))
        return list(dict.fromkeys(found))[:most]


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


TASK = Generate()
