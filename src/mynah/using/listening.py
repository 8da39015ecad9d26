"""A model at work on new files: an answer a clip, a timeline of labels for what is longer than what it learned."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mynah import audio
from mynah.data.clip import Wave
from mynah.data.corpus import ANTIPHASE, Problem
from mynah.data.inspection import inspect
from mynah.data.judgement import judge
from mynah.ground.errors import BadInput, UsageError
from mynah.ground.progress import Progress, silent
from mynah.using.answers import NONE_OF_THESE, Answer, Segment, attempted, check_names
from mynah.using.files import Found, files_under

if TYPE_CHECKING:
    from mynah.contracts.model import Model

#: A file longer than this many times the longest training clip gets a timeline instead of one answer.
LONG = 1.5
#: A file longer than this many times the longest training clip is not transcribed.
FAR_TOO_LONG = 10.0
#: Windows answered between two reads of a long file.
WINDOWS_A_READ = 64
#: Most windows of one file: ten hours at a hop of 36 ms.
MOST_WINDOWS = 1_000_000
#: Lengths of the training clips, in seconds, where the model file does not say.
USUAL = {"median": 1.0, "max": 10.0}


@dataclass(frozen=True)
class Windows:
    """How long files are cut.

    Attributes:
        seconds: length of a window; None takes the median length of the training clips.
        hop_seconds: distance between windows; None takes half a window.
        threshold: below this probability the answer is "none of these"; None takes the model's own.
    """

    seconds: float | None = None
    hop_seconds: float | None = None
    threshold: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("--window", self.seconds), ("--hop", self.hop_seconds)):
            if value is not None and not 0 < value < math.inf:
                raise UsageError("must be more than 0 s", where=name, measured=f"{value} s")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError("must lie between 0 and 1", where="--threshold", measured=self.threshold)
        self._check_hop(self.seconds)

    def of(self, seconds: float, rate: int) -> tuple[float, float]:
        """Return window and hop in seconds, of a model that learned from clips of so many seconds at `rate` Hz.

        Raises:
            UsageError: shorter than one sample, or a hop that would skip sound.
        """
        self._check_hop(self.seconds or seconds)
        width = self.seconds or seconds
        hop = self.hop_seconds or max(width / 2, 1 / rate)
        for name, value in (("--window", width), ("--hop", hop)):
            if round(value * rate, 6) < 1:
                raise UsageError(f"shorter than one sample at {rate} Hz", where=name, measured=f"{value:g} s")
        return width, hop

    def _check_hop(self, width: float | None) -> None:
        if width and self.hop_seconds and self.hop_seconds > width:
            what = f"longer than the window of {width:g} s, so it would skip sound"
            raise UsageError(what, where="--hop", measured=f"{self.hop_seconds:g} s", remedy="Give --window too.")


def apply(
    model: Model,
    paths: Iterable[str | os.PathLike[str]],
    windows: Windows | None = None,
    *,
    training_seconds: dict[str, float] | None = None,
    progress: Progress = silent,
) -> Iterator[Answer]:
    """Answer each file in turn; one that cannot be used becomes an answer with an error, and the others go on.

    Each file is judged as `learn` judges it: what would be set aside there gets an error here, and what would be
    flagged there is answered and flagged.

    Args:
        model: fitted on sounds.
        paths: files and folders.
        windows: see `Windows`.
        training_seconds: min, median and max length of the training clips, from the model file's record.
        progress: called after each file.

    Raises:
        UsageError: a model that makes sounds or was fitted on arrays, or invalid windows.
        BadInput: a path that does not exist, or no sound at all.
    """
    check_names(model)
    known = USUAL | (training_seconds or {})
    kind = _Listener if hasattr(model, "predict_proba") else _Writer
    listener = kind(model, windows or Windows(), known)
    files = files_under(paths)
    for number, found in enumerate(files):
        progress("apply", number, len(files), found.inside)
        yield attempted(found.file, partial(listener.answer, found), found)
    progress("apply", len(files), len(files), "")


def _judged(found: Found) -> tuple[float, tuple[Problem, ...]]:
    """Read a file through, block by block; return its seconds and what is odd about it.

    Raises:
        BadInput: the file cannot be used.
    """
    if found.problem:
        raise BadInput(found.problem.detail, remedy=found.problem.remedy)
    inspection = inspect(found.path)
    problems = judge(found.file, inspection, repair=False)
    for problem in problems:
        if problem.action == "set aside":
            remedy = "Export it again." if problem.kind == "nan" else problem.remedy  # nothing is repaired here
            what = f"silent, {problem.detail}" if problem.kind == "silent" else problem.detail
            raise BadInput(what, remedy=remedy)
    return inspection.frames / inspection.rate, tuple(problems)


class _Listener:
    """A model with all that does not change from file to file."""

    def __init__(self, model: Model, windows: Windows, known: dict[str, float]) -> None:
        if model.rate_ is None:
            raise UsageError("this model was fitted on arrays, so it cannot read sound files")
        self.model, self.rate = model, model.rate_
        self.names = [str(name) for name in model.classes_]
        self.threshold = model.threshold_ if windows.threshold is None else windows.threshold
        self.width, self.hop = windows.of(known["median"], self.rate)
        self.hop_given = windows.hop_seconds is not None
        self.whole_below = LONG * known["max"] if windows.seconds is None else 0.0

    def answer(self, found: Found) -> Answer:
        seconds, problems = _judged(found)
        if seconds <= self.whole_below:
            wave, _ = audio.read(found.path, rate=self.rate, mono=True, first=_is_antiphase(problems))
            slots, hop = self._probabilities(wave)[None], seconds
        else:
            width = min(self.width, seconds)
            hop = self.hop if self.hop_given else max(width / 2, 1 / self.rate)
            slots = self._slots(found.path, seconds, width, hop, _is_antiphase(problems))
        if not slots.any():
            raise BadInput("too short to be answered", measured=f"{seconds:g} s")
        segments = self._join(slots, hop, seconds)
        mean = slots[slots.max(axis=1) > 0].mean(axis=0)
        scores = {name: float(p) for name, p in zip(self.names, mean, strict=True)}
        return Answer(found.file, _longest(segments), scores, segments, seconds, problems=problems, source=found)

    def _probabilities(self, wave: np.ndarray) -> np.ndarray:
        """Return the (class,) probabilities of a (1, time) wave.

        Raises:
            BadInput: samples or answers that are not finite.
        """
        _check(wave, self.rate)
        row = self.model.predict_proba([Wave(wave, self.rate)])[0]
        if not np.isfinite(row).all():
            peak = f"peak {np.abs(wave).max():.3g} of full scale"
            raise BadInput("the model has no answer to it", measured=peak, remedy="Export it again, less loud.")
        return row

    def _slots(self, path: Path, seconds: float, width: float, hop: float, first_channel: bool) -> np.ndarray:
        """Return (slot, class) probabilities of stretches of one hop: each from the surest window that covers it.

        A mean over the windows would be unsure wherever one sound gives way to another. A stretch without samples
        stays zero.

        The file is read `WINDOWS_A_READ` windows at a time, so a ten-hour file never sits in memory.
        """
        count = max(1, math.ceil((seconds - width) / hop - 1e-9) + 1)
        if count > MOST_WINDOWS:
            measured = f"{count} of {width:g} s each, {hop:g} s apart"
            raise BadInput("would take too many windows", measured=measured, remedy="Give a longer --window or --hop.")
        slots = np.zeros((max(1, math.ceil(seconds / hop - 1e-9)), len(self.names)))
        for first in range(0, count, WINDOWS_A_READ):
            last = min(count, first + WINDOWS_A_READ)
            end = min(seconds, (last - 1) * hop + width)
            wave, _ = audio.read(path, start=first * hop, end=end, rate=self.rate, mono=True, first=first_channel)
            for number in range(first, last):
                start = round((number - first) * hop * self.rate)
                piece = wave[:, start : start + max(1, round(width * self.rate))]
                if piece.shape[1] == 0:
                    continue
                row = self._probabilities(piece)
                reach = max(1, round(width / hop)) if number < count - 1 else len(slots)
                covered = slots[number : number + reach]
                covered[covered.max(axis=1) < row.max()] = row
        return slots

    def _join(self, slots: np.ndarray, hop: float, seconds: float) -> tuple[Segment, ...]:
        """Join neighbouring slots of one label."""
        labels = [self.names[row.argmax()] if row.max() >= self.threshold else NONE_OF_THESE for row in slots]
        labels = [label if row.any() else NONE_OF_THESE for label, row in zip(labels, slots, strict=True)]
        segments: list[Segment] = []
        first = 0
        for slot in range(1, len(labels) + 1):
            if slot == len(labels) or labels[slot] != labels[first]:
                mean = slots[first:slot].mean(axis=0)
                nearest = self.names[mean.argmax()] if labels[first] == NONE_OF_THESE and mean.any() else ""
                end = seconds if slot == len(labels) else min(slot * hop, seconds)
                segments.append(Segment(first * hop, end, labels[first], float(mean.max()), nearest))
                first = slot
        return tuple(segments)


class _Writer:
    """A model that answers whole clips: with a text, a number, events."""

    def __init__(self, model: Model, windows: Windows, known: dict[str, float]) -> None:
        if model.rate_ is None:
            raise UsageError("this model was fitted on arrays, so it cannot read sound files")
        if windows != Windows():
            raise UsageError("this model answers whole clips: --window, --hop and --threshold mean nothing to it")
        self.model, self.rate, self.longest = model, model.rate_, known["max"]

    def answer(self, found: Found) -> Answer:
        seconds, problems = _judged(found)
        trained = f"{seconds:.1f} s, and the longest clip it learned from lasted {self.longest:.1f} s"
        if seconds > FAR_TOO_LONG * self.longest:
            raise BadInput("far too long to be answered whole", measured=trained, remedy="Cut it into clips.")
        if seconds > LONG * self.longest:
            problems += (Problem(found.file, "long", "flagged", trained, "Cut it into clips."),)
        wave, _ = audio.read(found.path, rate=self.rate, mono=True, first=_is_antiphase(problems))
        _check(wave, self.rate)
        segments = tuple(Segment(*one) for one in self.model.segments(Wave(wave, self.rate), seconds))
        label = segments[0].label if len(segments) == 1 else ""
        return Answer(found.file, label, {}, segments, seconds, problems=problems, source=found)


def _is_antiphase(problems: Iterable[Problem]) -> bool:
    """Tell whether the first channel of a file stands for the mean of all."""
    return any(problem.kind == ANTIPHASE for problem in problems)


def _check(wave: np.ndarray, rate: int) -> None:
    """Raise `BadInput` for a (1, time) wave without samples, or with samples that are not finite."""
    if wave.shape[1] == 0:
        raise BadInput("too short to be answered", measured=f"no sample at {rate} Hz")
    bad = int(wave.size - np.isfinite(wave).sum())
    if bad:
        raise BadInput(f"{bad} samples are NaN or infinite", remedy="Export it again.")


def _longest(segments: Sequence[Segment]) -> str:
    spans: dict[str, float] = {}
    for segment in segments:
        if segment.label != NONE_OF_THESE:
            spans[segment.label] = spans.get(segment.label, 0.0) + segment.end - segment.start
    return max(spans, key=lambda name: spans[name]) if spans else NONE_OF_THESE
