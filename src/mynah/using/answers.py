"""What a model says of files, and how that is written for people, tables and other programs."""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from mynah.ground.blame import blamed
from mynah.ground.errors import MynahError, Stopped, UsageError

if TYPE_CHECKING:
    from mynah.contracts.model import Model
    from mynah.data.corpus import Problem
    from mynah.using.files import Found

NONE_OF_THESE = "none of these"
#: Columns of a selection table of Raven.
RAVEN = (
    *("Selection", "View", "Channel", "Begin Time (s)", "End Time (s)"),
    *("Begin Path", "Begin File", "File Offset (s)", "Label", "Score"),
)
FORMATS = ("table", "csv", "json", "audacity", "raven")


@dataclass(frozen=True)
class Segment:
    """A stretch of a file with one answer; seconds from the start of the file.

    Attributes:
        score: probability of the label, or, of "none of these", that of the nearest class; None of what has none.
        nearest: the likeliest class where the label is "none of these", else empty.
    """

    start: float
    end: float
    label: str
    score: float | None
    nearest: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"start": self.start, "end": self.end, "label": self.label, "score": self.score}


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
        problems: what is odd about the file, though it was answered: truncated, clipped ...
        source: where the file lies; None for an answer that was made by hand.
    """

    file: str
    label: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    seconds: float = 0.0
    error: str = ""
    problems: tuple[Problem, ...] = ()
    source: Found | None = None

    @property
    def flags(self) -> list[str]:
        return [problem.kind for problem in self.problems]

    def to_json(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "file": self.file,
            "label": self.label or None,
            "scores": self.scores,
            "segments": [segment.to_json() for segment in self.segments],
        }
        row |= {"flags": self.flags} if self.problems else {}
        return row | ({"error": self.error} if self.error else {})


def check_names(model: Model) -> None:
    """Raise `UsageError` for a model that makes new things and says nothing of old ones."""
    if model.command != "apply":
        raise UsageError(
            "this model makes new things, and names none",
            measured=type(model).__name__,
            remedy=f"Use `mynah {model.command}` with it.",
        )


def attempted(file: str, answer: Callable[[], Answer], source: Found | None = None) -> Answer:
    """Return what `answer` returns; where it fails, an answer of `file` with the error, so that the others go on."""
    try:
        return answer()
    except Stopped:
        raise
    except MynahError as error:  # where it was stands beside it
        text = str(MynahError(error.what, measured=error.measured, remedy=error.remedy))
    except Exception as error:
        text = f"cannot be answered ({blamed(error) or f'{type(error).__name__}: {error}'})"
    return Answer(file, error=text, source=source)


def shown(score: float | None, digits: int) -> str:
    """Return a probability as text; empty where there is none."""
    return "" if score is None else f"{score:.{digits}f}"


def one_line(text: str) -> str:
    """Return text that neither breaks a line or a column nor commands a terminal: control characters replaced."""
    if text.isprintable():
        return text
    bad = {"Cc", "Cs", "Zl", "Zp"}
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in bad else c for c in text)


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
        return json.dumps([answer.to_json() for answer in answers], ensure_ascii=False, indent=1) + "\n"
    if form == "csv":
        return _csv(answers)
    if form == "audacity":
        return "".join(f"{s.start:.6f}\t{s.end:.6f}\t{one_line(s.label)}\n" for _, s in _named(answers))
    if form == "raven":
        return _raven(answers)
    raise UsageError("no such format", where=form, remedy=f"Use one of {', '.join(FORMATS)}.")


def _named(answers: Sequence[Answer]) -> list[tuple[Answer, Segment]]:
    return [(a, s) for a in answers for s in a.segments if s.label != NONE_OF_THESE]


def _csv(answers: Sequence[Answer]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["file", "start", "end", "label", "score", "error"])
    for answer in answers:
        file = one_line(answer.file)
        for s in answer.segments:
            writer.writerow([file, f"{s.start:.3f}", f"{s.end:.3f}", one_line(s.label), shown(s.score, 4), ""])
        if answer.error:
            writer.writerow([file, "", "", "", "", one_line(answer.error)])
    return out.getvalue()


def _raven(answers: Sequence[Answer]) -> str:
    """Return a selection table; as Raven has it of several files, times run on from file to file."""
    rows = ["\t".join(RAVEN)]
    before = {id(answer): sum(other.seconds for other in answers[:n]) for n, answer in enumerate(answers)}
    for number, (answer, s) in enumerate(_named(answers), 1):
        times = f"{before[id(answer)] + s.start:.6f}", f"{before[id(answer)] + s.end:.6f}"
        path = answer.file if answer.source is None else str(answer.source.path.absolute())
        place = one_line(path), one_line(PurePath(answer.file).name), f"{s.start:.6f}"
        rows.append("\t".join([str(number), "Waveform 1", "1", *times, *place, one_line(s.label), shown(s.score, 4)]))
    return "\n".join(rows) + "\n"
