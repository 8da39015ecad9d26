"""A model at work on new files: one label a clip, a timeline for anything longer than what it learned from."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mynah import audio
from mynah.errors import BadInput, MynahError, UsageError
from mynah.progress import Progress, silent

if TYPE_CHECKING:
    from mynah.model import Model

NONE_OF_THESE = "none of these"
#: A file longer than this many times the longest training clip gets a timeline instead of one answer.
LONG = 1.5
#: Windows answered between two reads of a long file.
WINDOWS_A_READ = 64
FORMATS = ("table", "csv", "json", "audacity", "raven")


@dataclass(frozen=True)
class Segment:
    """A stretch of a file with one answer; seconds from the start of the file."""

    start: float
    end: float
    label: str
    score: float


@dataclass(frozen=True)
class Answer:
    """What a model says of one file.

    Attributes:
        file: as it was given.
        label: the likeliest class, or "none of these".
        scores: probability of each class, averaged over the windows of a long file.
        segments: one for a clip; for a long file, neighbouring windows of equal label joined.
        seconds: length of the file.
        error: why there is no answer, else empty.
    """

    file: str
    label: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    seconds: float = 0.0
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        row = {
            "file": self.file,
            "label": self.label or None,
            "scores": self.scores,
            "segments": [segment.__dict__ for segment in self.segments],
        }
        return row | ({"error": self.error} if self.error else {})


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
        for name in ("seconds", "hop_seconds"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UsageError("must be more than 0 s", where=name, measured=f"{value} s")
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise UsageError("must lie between 0 and 1", where="threshold", measured=self.threshold)
        if self.seconds and self.hop_seconds and self.hop_seconds > self.seconds:
            raise UsageError("a hop longer than the window would skip sound", measured=f"{self.hop_seconds} s")


def files_under(paths: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Return the audio files named or found below `paths`, sorted within each.

    Raises:
        BadInput: a path does not exist, or nothing was found.
    """
    places = [Path(path) for path in paths]
    found: list[Path] = []
    for path in places:
        if path.is_dir():
            below = (Path(root) / name for root, _, names in os.walk(path) for name in names)
            found += sorted(p for p in below if p.suffix.lower() in audio.EXTENSIONS and not p.name.startswith("."))
        elif path.exists():
            found.append(path)
        else:
            raise BadInput("no such file or folder", where=path)
    if not found:
        raise BadInput(
            "no audio found", where=", ".join(map(str, places)), remedy=f"I read {', '.join(sorted(audio.EXTENSIONS))}."
        )
    return found


def apply(
    model: Model,
    paths: Iterable[str | os.PathLike[str]],
    windows: Windows | None = None,
    *,
    training_seconds: dict[str, float] | None = None,
    progress: Progress = silent,
) -> Iterator[Answer]:
    """Answer each file in turn; one that cannot be read becomes an answer with an error, and the others go on.

    Args:
        model: fitted on sounds.
        paths: files and folders.
        windows: see `Windows`.
        training_seconds: min, median and max length of the training clips, from the model file's record.
        progress: told after each file.
    """
    windows = windows or Windows()
    known = training_seconds or {"median": 1.0, "max": 10.0}
    files = files_under(paths)
    for number, path in enumerate(files):
        progress("apply", number, len(files), path.name)
        try:
            yield _answer(model, path, windows, known)
        except (MynahError, ValueError) as error:
            what = error.what if isinstance(error, MynahError) else str(error)
            yield Answer(str(path), error=what)
    progress("apply", len(files), len(files), "")


def _answer(model: Model, path: Path, windows: Windows, known: dict[str, float]) -> Answer:
    if model.rate_ is None:
        raise UsageError("this model was fitted on arrays, so it cannot read sound files")
    seconds = audio.info(path).seconds
    if seconds <= 0:
        raise BadInput("no samples", where=path)
    threshold = model.threshold_ if windows.threshold is None else windows.threshold
    names = [str(name) for name in model.classes_]
    if windows.seconds is None and seconds <= LONG * known["max"]:
        probabilities = model.predict_proba([_Wave(audio.read(path, rate=model.rate_, mono=True)[0], model.rate_)])
        label, score = _name(probabilities[0], names, threshold)
        segments: Sequence[Segment] = [Segment(0.0, seconds, label, score)]
        mean = probabilities[0]
    else:
        width = min(windows.seconds or known["median"], seconds)
        hop = windows.hop_seconds or width / 2
        slots = _slots(model, path, model.rate_, seconds, width, hop)
        mean = slots.mean(axis=0)
        segments = _join(slots, names, threshold, hop, seconds)
        label = _longest(segments)
    return Answer(
        str(path),
        label,
        {name: float(p) for name, p in zip(names, mean, strict=True)},
        tuple(segments),
        seconds,
    )


@dataclass(frozen=True)
class _Wave:
    wave: np.ndarray
    rate: int

    def read(self, rate: int) -> np.ndarray:
        return self.wave


def _name(row: np.ndarray, names: Sequence[str], threshold: float) -> tuple[str, float]:
    best = int(row.argmax())
    return (names[best] if row[best] >= threshold else NONE_OF_THESE), float(row[best])


def _slots(model: Model, path: Path, rate: int, seconds: float, width: float, hop: float) -> np.ndarray:
    """Return (slot, class) probabilities of stretches of one hop: each from the surest window that covers it.

    A mean over the windows would be unsure wherever one sound gives way to another.

    The file is read `WINDOWS_A_READ` windows at a time, so a ten-hour file never sits in memory.
    """
    count = max(1, int(np.ceil((seconds - width) / hop - 1e-9)) + 1)
    slots = np.zeros((int(np.ceil(seconds / hop - 1e-9)), len(model.classes_)))
    for first in range(0, count, WINDOWS_A_READ):
        last = min(count, first + WINDOWS_A_READ)
        wave, _ = audio.read(path, start=first * hop, end=min(seconds, (last - 1) * hop + width), rate=rate, mono=True)
        for number in range(first, last):
            start = round((number - first) * hop * rate)
            piece = wave[:, start : start + round(width * rate)]
            if piece.shape[1] == 0:
                continue
            row = model.predict_proba([_Wave(piece, rate)])[0]
            covered = slots[number : number + max(1, round(width / hop))]
            covered[covered.max(axis=1) < row.max()] = row
    return slots[slots.max(axis=1) > 0]


def _join(slots: np.ndarray, names: Sequence[str], threshold: float, hop: float, seconds: float) -> list[Segment]:
    named = [_name(row, names, threshold) for row in slots]
    segments: list[Segment] = []
    first = 0
    for slot in range(1, len(named) + 1):
        if slot == len(named) or named[slot][0] != named[first][0]:
            score = float(np.mean([score for _, score in named[first:slot]]))
            end = seconds if slot == len(named) else slot * hop
            segments.append(Segment(first * hop, min(end, seconds), named[first][0], score))
            first = slot
    return segments


def _longest(segments: Sequence[Segment]) -> str:
    spans: dict[str, float] = {}
    for segment in segments:
        if segment.label != NONE_OF_THESE:
            spans[segment.label] = spans.get(segment.label, 0.0) + segment.end - segment.start
    return max(spans, key=lambda name: spans[name]) if spans else NONE_OF_THESE


# --- writing answers


def render(answers: Sequence[Answer], form: str) -> str:
    """Return the answers as text.

    Args:
        answers: of one or many files.
        form: ``csv``, ``json``, ``audacity`` (label track) or ``raven`` (selection table). In the last two,
            stretches that are none of the classes are left out, and files follow each other.

    Raises:
        UsageError: another form.
    """
    if form == "json":
        return json.dumps([answer.to_json() for answer in answers], ensure_ascii=False, indent=1)
    if form == "csv":
        return _csv(answers)
    if form == "audacity":
        return "".join(
            f"{s.start:.6f}\t{s.end:.6f}\t{s.label}\n" for a in answers for s in a.segments if s.label != NONE_OF_THESE
        )
    if form == "raven":
        return _raven(answers)
    raise UsageError("no such format", where=form, remedy=f"Use one of {', '.join(FORMATS)}.")


def _csv(answers: Sequence[Answer]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", "start", "end", "label", "score", "error"])
    for answer in answers:
        for s in answer.segments:
            writer.writerow([answer.file, f"{s.start:.3f}", f"{s.end:.3f}", s.label, f"{s.score:.4f}", ""])
        if answer.error:
            writer.writerow([answer.file, "", "", "", "", answer.error])
    return out.getvalue()


def _raven(answers: Sequence[Answer]) -> str:
    columns = ["Selection", "View", "Channel", "Begin Time (s)", "End Time (s)", "Begin File", "Label", "Score"]
    rows = ["\t".join(columns)]
    found = [(a, s) for a in answers for s in a.segments if s.label != NONE_OF_THESE]
    for number, (answer, s) in enumerate(found, 1):
        cells = [
            number,
            "Waveform 1",
            1,
            f"{s.start:.6f}",
            f"{s.end:.6f}",
            Path(answer.file).name,
            s.label,
            f"{s.score:.4f}",
        ]
        rows.append("\t".join(map(str, cells)))
    return "\n".join(rows) + "\n"


def cut(answers: Iterable[Answer], folder: str | os.PathLike[str]) -> list[Path]:
    """Write every labelled segment as its own WAV file under ``folder/label/``; return the files.

    Raises:
        Stopped: the folder cannot be written.
    """
    written = []
    for answer in answers:
        for number, segment in enumerate(answer.segments, 1):
            if segment.label == NONE_OF_THESE:
                continue
            wave, rate = audio.read(answer.file, start=segment.start, end=segment.end)
            place = Path(folder) / _file_name(segment.label)
            place.mkdir(parents=True, exist_ok=True)
            path = place / f"{Path(answer.file).stem[:120]}_{number:04d}_{segment.start:.2f}s.wav"
            audio.write(path, wave, rate)
            written.append(path)
    return written


def _file_name(label: str) -> str:
    """A label as a folder name: separators and leading dots replaced."""
    return "".join("_" if c in '/\\:*?"<>|' or ord(c) < 32 else c for c in label).lstrip(".") or "_"
