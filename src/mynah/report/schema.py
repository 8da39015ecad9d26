"""The schema of results.json: what each field is called, holds and means; and the check of a document.

`FIELDS` is the core, which every task has; what a task of this package has in `details` is beside its sections in
`mynah.report.tasks`. These are the one source: `validate` enforces them and docs/results-schema.md is written from them
(`as_markdown`). Adding an optional field keeps the version; any other change needs a new one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from mynah.ground.documents import RESULTS
from mynah.ground.errors import BadInput, IncompatibleFile
from mynah.report import tasks, version_1

VERSION_1 = "mynah.results/1"

#: path -> (type, meaning). Types: string, number, integer, boolean, object; `?` may be null; `[]` list of;
#: `{...}` map from strings.
FIELDS: dict[str, tuple[str, str]] = {
    "schema": ("string", "Always `mynah.results/2`."),
    "run": ("string", "Name of the run's folder."),
    "created": ("string", "When, ISO 8601 with time zone."),
    "mynah": ("string", "Version that wrote the document."),
    "status": ("string", "`complete`, or `partial` after an interruption."),
    "task": ("string", "Name of the task, or file and class of a user's own."),
    "verb": ("string", "The `mynah` command that uses the model."),
    "next": ("string", "What follows `mynah VERB MODEL` in a first call; without paths, may be empty."),
    "words": ("object", "What the page calls things."),
    "words.parts": ("string[]", "What answers are made of, one and several."),
    "words.counted": ("string", "What clips are counted by."),
    "words.baseline": ("string", "The best constant answer."),
    "words.items": ("string[]", "What is learned from, one and several."),
    "metric": ("object", "What families are ranked by, and how a score is written."),
    "metric.name": ("string", "A key of `families[].scores`."),
    "metric.title": ("string", "In words."),
    "metric.unit": ("string", "Stands after a score; may be empty."),
    "metric.gap_unit": ("string", "Of a difference of two scores."),
    "metric.scale": ("number", "Scores are multiplied by it before they are written."),
    "metric.digits": ("integer", "After the point."),
    "metric.higher_is_better": ("boolean", "The direction."),
    "metric.low": ("number?", "Lowest possible score, null where there is none."),
    "metric.high": ("number?", "Highest possible score, null where there is none."),
    "metric.meaning": ("string", "One sentence."),
    "verdict": ("string", "The outcome as one sentence."),
    "remarks": ("string[]", "What else is said in the terminal and on the page, as sentences."),
    "warnings": ("string[]", "Why there is no score, where too few sounds judge for an honest one; else empty."),
    "chance": ("number", "Score of the best constant answer."),
    "best": (
        "string?",
        "Name of the family that was kept: that with the smallest file of the best and those that are as good; null "
        "when none finished.",
    ),
    "clips": ("integer", "Clips used."),
    "classes": (
        "string[]",
        "What answers are made of, sorted, such as labels or the symbols of texts; class indexes count in this list. "
        "Empty where answers are amounts.",
    ),
    "skipped": ("integer", "Files set aside."),
    "folds": ("integer", "Number of folds."),
    "dataset": ("object", "What the sounds are."),
    "dataset.name": ("string", "Name of the folder, without where it lies."),
    "dataset.seconds": ("number?", "All clips together."),
    "dataset.duration": ("object?", "Of one clip, in seconds; null of what has no length."),
    "dataset.duration.min": ("number", "Shortest."),
    "dataset.duration.median": ("number", "Median."),
    "dataset.duration.max": ("number", "Longest."),
    "dataset.rates": ("{integer}", "Clips per sampling rate in Hz."),
    "dataset.channels": ("{integer}", "Clips per channel count."),
    "dataset.formats": ("{integer}", "Clips per container and sample format."),
    "dataset.per_class": ("{integer}", "Clips per label, or with each symbol."),
    "dataset.rate_used": ("integer?", "Rate in Hz that every sound was read at; null without sound."),
    "families": ("object[]", "One entry a family, highest score first, those that are not `ok` last."),
    "families[].name": ("string", "Name in the catalog."),
    "families[].title": ("string", "Full name."),
    "families[].year": ("integer?", "Of the paper."),
    "families[].reference": ("string", "The paper."),
    "families[].score": (
        "number?",
        "The metric on held-out clips; null when it failed or no fold finished.",
    ),
    "families[].ci": (
        "number?[]",
        "Lower and upper end of the 95 % interval (bootstrap over groups); both null without a score and with too few "
        "recordings.",
    ),
    "families[].gap": (
        "number?",
        "How much better the best scores, in units of the score and not negative; null when not finished.",
    ),
    "families[].probability": (
        "number?",
        "Probability that the best is truly better than this family, for new recordings and newly trained models, with "
        "allowance for its having been chosen as the best; null for the best and where there is no test.",
    ),
    "families[].verdict": (
        "string",
        "`best`; `as good` (the gap is no larger than its standard error); `worse` (97.5 % sure or more); `unclear` "
        "(between these); `not tested` (too few recordings); empty when not finished.",
    ),
    "families[].train_seconds": ("number?", "Time to train one fold, mean over folds."),
    "families[].ms_per_clip": (
        "number?",
        "Milliseconds to name, write down or make one clip: median, one at a time, one thread.",
    ),
    "families[].ms_per_clip_p95": ("number?", "The same, 95th percentile."),
    "families[].megabytes": ("number?", "Size of the model file in 10^6 bytes."),
    "families[].parameters": ("integer?", "Numbers learned, null where the method does not count them."),
    "families[].status": ("string", "`ok`, `partial` (some folds), `failed` or `stopped`."),
    "families[].message": ("string", "Why it failed; empty otherwise."),
    "families[].superseded_by": ("string[]", "Families that came after it."),
    "families[].budget_seconds": (
        "number?",
        "Time each fold was given; null for methods that need no budget and budgets in steps.",
    ),
    "families[].steps": ("integer?[]", "Training steps taken, per finished fold."),
    "families[].plans": ("object?[]", "Steps to repeat each finished fold exactly: `steps`, `stop`."),
    "families[].ended": (
        "string?[]",
        "How each fold's fit ended: `budget` (ran to its planned last step), `patience`, `deadline`, `stop`; null for "
        "families without steps.",
    ),
    "families[].fold_scores": ("number?[]", "The metric per fold, null where the fold has not finished."),
    "families[].scores": (
        "{number?}",
        "The metric and all other figures that the task has, by name; empty without a score.",
    ),
    "families[].curves": ("object[]", "One entry a fold, for families trained step by step."),
    "families[].curves[].fold": ("string", "Name of the fold."),
    "families[].curves[].step": ("integer[]", "Steps at which the rest was measured."),
    "families[].curves[].train_loss": ("number?[]", "Mean loss on training batches since the last measurement."),
    "families[].curves[].valid_loss": ("number?[]", "Loss on the inner validation clips."),
    "families[].curves[].valid_score": ("number?[]", "The metric on the inner validation clips."),
    "families[].curves[].best_step": ("integer?", "Step whose weights were kept."),
    "families[].sounds": ("object[]", "Some of the sounds that it made, for the page; empty where none are made."),
    "families[].sounds[].id": ("integer", "Number of its preview, after those of the items."),
    "families[].sounds[].file": ("string", "Where it is in the run's folder."),
    "families[].sounds[].label": ("string?", "The requested label."),
    "families[].sounds[].item": ("integer", "Held-out item that it was made beside."),
    "families[].sounds[].details": ("object", "What the task says of it."),
    "families[].details": ("object", "What the task says of the family's answers."),
    "items": ("object[]", "One entry a clip."),
    "items[].file": ("string", "Path inside the folder, with forward slashes."),
    "items[].label": ("string?", "The label or text."),
    "items[].group": ("string", "What no split cuts through (recording, speaker ...)."),
    "items[].fold": ("string?", "Fold in which the clip was held out."),
    "items[].seconds": ("number?", "Length; null of what has none."),
    "items[].rate": ("integer?", "Of the file, in Hz; null of what is no sound."),
    "items[].channels": ("integer?", "Of the file; null of what is no sound."),
    "items[].flags": ("string[]", "What is odd about it: `clipped`, `dc`, `truncated` ..."),
    "items[].start": ("number", "Where in the file it begins, in seconds."),
    "items[].end": ("number?", "Where it ends; null is the end of the file."),
    "answers": (
        "object[]",
        "What the kept family answered to each item, in the order of `items`; empty where none was kept.",
    ),
    "answers[].answer": (
        "string?",
        "The answer as text; null where no fold answered, empty where answers say nothing.",
    ),
    "answers[].wrong": ("boolean?", "Whether it is wrong; null where the task does not say."),
    "sections": ("object[]", "What else the task shows on the page."),
    "sections[].title": ("string", "Its heading."),
    "sections[].text": ("string", "Stands above the table; may be empty."),
    "sections[].columns": ("string[]", "Headings of the table; empty for none."),
    "sections[].rows": ("string[][]", "As many cells a row as there are columns."),
    "details": ("object", "What the task says of the kept family's answers; empty where none was kept."),
    "problems": ("object[]", "What inspection found, one entry a file and kind."),
    "problems[].file": ("string", "Path inside the folder."),
    "problems[].kind": ("string", "`truncated`, `silent`, `nan`, `empty`, `unreadable`, `clipped`, `dc` ..."),
    "problems[].action": ("string", "`set aside`, `flagged` or `repaired`."),
    "problems[].detail": ("string", "What was measured."),
    "problems[].remedy": ("string", "What to do."),
    "ignored": ("{integer}", "Files that are not sounds, counted by reason."),
    "duplicates": ("string[][]", "Files with the same sound."),
    "leaks": ("object[]", "Facts about the files or the split that may make scores too good."),
    "leaks[].kind": ("string", "`rate`, `codec`, `channels`, `duration`, `duplicates`, `groups` or `takes`."),
    "leaks[].message": ("string", "In plain words."),
    "leaks[].accuracy": ("number", "Share of clips that this alone names."),
    "leaks[].chance": ("number", "Share that the commonest class names."),
    "split": ("object", "How clips were held out."),
    "split.kind": ("string", "Name of the scheme."),
    "split.description": ("string", "In words."),
    "split.grouped_by": ("string", "What no fold cuts through."),
    "split.folds": ("object[]", "One entry a fold."),
    "split.folds[].name": ("string", "Name."),
    "split.folds[].train": ("integer", "Clips trained on."),
    "split.folds[].test": ("integer", "Clips held out."),
    "how": ("object", "What is needed to repeat it."),
    "how.seed": ("integer", "Of everything random."),
    "how.budget": ("string", "As requested."),
    "how.executor": ("string", "What ran the trials."),
    "how.device": ("string", "What networks were trained on in the end: cpu, cuda or mps."),
    "how.task_sha256": ("string?", "Of the file of a user's own task; null of the others."),
    "how.workers": ("integer", "Processes."),
    "how.python": ("string", "Version."),
    "how.platform": ("string", "System and machine type."),
    "how.cores": ("integer?", "Of the machine."),
    "how.versions": ("{string}", "Of the libraries that decide the numbers."),
    "how.options": ("object", "What was requested beside the budget and the seed."),
    "how.options.labels": ("string?", "Labels file, by name alone."),
    "how.options.target": ("string?", "Its column with the label."),
    "how.options.group": ("string?", "Its column that no split cuts through."),
    "how.options.folds": ("integer?", "Folds requested."),
    "how.options.repair": ("boolean", "Whether files were repaired."),
    "how.options.optimizer": ("string?", "Of torch.optim, in place of each method's own."),
    "how.options.activation": ("string?", "Of torch.nn, in place of each method's own."),
    "how.command": ("string", "As typed, folders by name alone."),
    "how.repeat": ("string", "The whole line that repeats the run bit by bit, quoted for a shell."),
    "how.seconds": ("number", "The whole run took this long."),
    "report": ("string", "File name of the page."),
    "model": ("string?", "File name of the kept model; null without one."),
}

#: Fields that a document of this version may lack.
OPTIONAL = frozenset(
    {
        "families[].plans",
        "families[].ended",
        "how.device",
        "how.task_sha256",
        "how.options",
        "how.options.optimizer",
        "how.options.activation",
        "warnings",
    }
)

_PLAIN: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "list": (list,),
}


def read_results(run: Path) -> dict[str, Any]:
    """Read and check RUN/results.json.

    Raises:
        BadInput: `run` is not the folder of a run.
        IncompatibleFile: the document is damaged or of a version that this one cannot use.
    """
    path = Path(run) / "results.json"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(
            "no run here", where=run, measured="results.json is missing", remedy="Name a folder that mynah learn wrote."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise IncompatibleFile("cannot be read", where=path, measured=error) from error
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise IncompatibleFile("not JSON", where=path, measured=error, remedy="Run mynah learn again.") from error
    try:
        if isinstance(document, dict) and document.get("schema") == VERSION_1:
            document = version_1.upgraded(document) | {"schema": RESULTS}
        validate(document)
    except IncompatibleFile as error:
        error.where = path
        raise
    return document


def validate(document: Any, *, strict: bool = False) -> None:
    """Check a document against the schema; `details` of a task that is not of this package are any plain values.

    Args:
        document: what results.json holds.
        strict: also refuse fields that the schema does not name, so that writers cannot add them silently.

    Raises:
        IncompatibleFile: names the first field that is wrong, with what was found.
    """
    if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
        raise IncompatibleFile("not a results document", measured="no schema named")
    if document["schema"] != RESULTS:
        raise IncompatibleFile(
            "results of another version",
            measured=f"{document['schema'][:60]}, this is {RESULTS}",
            remedy="Use the version of Mynah that wrote them, or run mynah learn again.",
        )
    _schema_of(str(document.get("task"))).check_object(document, "", strict)
    _check_sizes(document)
    tasks.of(document["task"]).check(document)


@dataclass(frozen=True)
class _Schema:
    """Fields, and those that may be absent."""

    fields: Mapping[str, tuple[str, str]]
    optional: frozenset[str]

    def check_object(self, value: Any, path: str, strict: bool) -> None:
        """Check what is in an object; one without fields of its own may hold any plain values."""
        children = self._children.get(path, {})
        if not children:
            return _check_plain(value, path)
        for name, full in children.items():
            if name not in value:
                if full not in self.optional:
                    raise IncompatibleFile("a field is missing", measured=full)
                continue
            self._check(value[name], self.fields[full][0], full, strict)
        unknown = [name for name in value if name not in children]
        if strict and unknown:
            raise IncompatibleFile("a field the schema does not name", measured=f"{path}.{unknown[0]}".lstrip("."))
        return None

    def _check(self, value: Any, kind: str, path: str, strict: bool) -> None:
        if kind.endswith("[]"):
            if not isinstance(value, list):
                raise _wrong(path, kind, value)
            for entry in value:
                self._check(entry, kind[:-2], path + "[]", strict)
        elif kind.startswith("{"):
            if not isinstance(value, dict):
                raise _wrong(path, kind, value)
            for entry in value.values():
                self._check(entry, kind[1:-1], path + "{}", strict)
        elif not (value is None and kind.endswith("?")):
            plain = kind.removesuffix("?")
            mistaken = isinstance(value, bool) and plain != "boolean"
            if mistaken or _is_endless(value) or not isinstance(value, _PLAIN[plain]):
                raise _wrong(path, kind, value)
            if plain == "object":
                self.check_object(value, path, strict)

    @cached_property
    def _children(self) -> dict[str, dict[str, str]]:
        """Path of an object -> name -> full path of the fields directly inside it."""
        found: dict[str, dict[str, str]] = {}
        for full in self.fields:
            path, _, name = full.rpartition(".")
            found.setdefault(path, {})[name] = full
        return found


@cache
def _schema_of(task: str) -> _Schema:
    """Return the core with the fields of a task."""
    own = tasks.of(task)
    return _Schema(FIELDS | dict(own.fields), OPTIONAL | own.optional)


def _is_endless(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _check_plain(value: Any, path: str) -> None:
    """Refuse what JSON cannot hold."""
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            _check_plain(entry, path)
    elif _is_endless(value) or not (value is None or isinstance(value, str | int | float)):
        raise _wrong(path, "plain values", value)


def _wrong(path: str, kind: str, value: Any) -> IncompatibleFile:
    return IncompatibleFile(f"{path} should be {kind}", measured=f"found {str(value)[:40]}")


def _check_sizes(document: dict[str, Any]) -> None:
    """Refuse lists that do not fit each other: the page indexes one with the other."""
    tasks.check_sizes(_sizes(document))
    metric = document["metric"]
    if not (0 < metric["scale"] <= 1e9 and 0 <= metric["digits"] <= 9 and len(document["words"]["parts"]) == 2):
        raise IncompatibleFile("a metric that cannot be written", measured=f"{metric['scale']}, {metric['digits']}")
    items = len(document["items"])
    made = [sound for family in document["families"] for sound in family["sounds"]]
    if [sound["id"] for sound in made] != list(range(items, items + len(made))):
        raise IncompatibleFile("the made sounds are not numbered after the items")
    if any(not 0 <= sound["item"] < items for sound in made):
        raise IncompatibleFile("a made sound stands beside an item that does not exist")
    if document["best"] is not None and document["best"] not in {f["name"] for f in document["families"]}:
        raise IncompatibleFile("best is not one of the families", measured=document["best"][:40])


def _sizes(document: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    items = len(document["items"])
    yield "clips", document["clips"], items
    yield "words.items", len(document["words"]["items"]), 2
    if document["answers"]:
        yield "answers", len(document["answers"]), items
    for section in document["sections"]:
        for row in section["rows"]:
            yield f"a row of the section {section['title'][:40]!r}", len(row), len(section["columns"])
    for family in document["families"]:
        name = family["name"]
        yield f"ci of {name}", len(family["ci"]), 2
        for curve in family["curves"]:
            for key in ("train_loss", "valid_loss", "valid_score"):
                yield f"{key} of {name}", len(curve[key]), len(curve["step"])


def as_markdown() -> str:
    """Return the tables of docs/results-schema.md."""
    parts = ["## Every task", *_table(FIELDS, OPTIONAL)]
    for task in tasks.names():
        own = tasks.of(task)
        parts += ["", f"## `{task}`", *_table(own.fields, own.optional)]
    return "\n".join(parts) + "\n"


def _table(fields: Mapping[str, tuple[str, str]], optional: frozenset[str]) -> Iterator[str]:
    yield from ["", "| field | type | meaning |", "| --- | --- | --- |"]
    for path, (kind, meaning) in fields.items():
        absent = " (may be absent)" if path in optional else ""
        yield f"| `{path}` | `{kind}`{absent} | {meaning} |"
