"""The schema of results.json: what each field is called, holds and means; and the check of a document.

`FIELDS` is the one source: `validate` enforces it and docs/results-schema.md is written from it (`as_markdown`).
Adding an optional field keeps the version; any other change needs a new one.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mynah.ground.errors import BadInput, IncompatibleFile
from mynah.report import version_1

SCHEMA = "mynah.results/2"
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
    "verb": ("string", "The `mynah` command that uses the model: `apply` or `generate`."),
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
        "Labels, sorted; all class indexes below count in this list. Of a transcription, the symbols of the texts.",
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
    "dataset.rate_used": ("integer?", "Rate in Hz at which the models heard everything; null without sound."),
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
        "All metrics: `accuracy`, `balanced_accuracy`, `macro_f1`, `log_loss`, `ece`; of a transcription "
        "`symbol_accuracy`, `symbol_error_rate`, of which `substitutions`, `insertions` and `deletions`, and "
        "`texts_right`; of made sounds `likeness`; empty without a score.",
    ),
    "families[].per_class": ("object[]", "One entry a class; empty without a score, and of texts."),
    "families[].per_class[].label": ("string", "The class."),
    "families[].per_class[].precision": ("number", "Share of the clips given this name that bear it."),
    "families[].per_class[].recall": ("number", "Share of the clips that bear this name that were given it."),
    "families[].per_class[].f1": ("number", "Harmonic mean of the two."),
    "families[].per_class[].support": ("integer", "Clips that bear this name."),
    "families[].confusion": (
        "integer[][]",
        "Counts: row = labelled, column = heard as; empty without a score, and of texts.",
    ),
    "families[].curves": ("object[]", "One entry a fold, for families trained step by step."),
    "families[].curves[].fold": ("string", "Name of the fold."),
    "families[].curves[].step": ("integer[]", "Steps at which the rest was measured."),
    "families[].curves[].train_loss": ("number?[]", "Mean loss on training batches since the last measurement."),
    "families[].curves[].valid_loss": ("number?[]", "Loss on the inner validation clips."),
    "families[].curves[].valid_score": ("number?[]", "The metric on the inner validation clips."),
    "families[].curves[].best_step": ("integer?", "Step whose weights were kept."),
    "families[].predicted": (
        "integer?[]",
        "Class index a clip, in the order of `items`; null where no fold answered, and of texts.",
    ),
    "families[].said": ("string?[]", "Text a clip, where the task is to transcribe; null where no fold answered."),
    "families[].gained": (
        "number?[]",
        "Where sounds are made: what each held-out clip and the sound made beside it add to the score; null for clips "
        "that no sound was made beside.",
    ),
    "families[].judging": ("object?", "How made sounds were judged, the mean over folds; null when no fold finished."),
    "families[].judging.made": ("number?", "Sounds made, and held-out clips they are compared with."),
    "families[].judging.mmd2": (
        "number?",
        "Squared maximum mean discrepancy (unbiased, Gaussian kernel) between statistics of made and held-out sounds.",
    ),
    "families[].judging.mmd2_low": ("number?", "Lower end of its 95 % interval (bootstrap)."),
    "families[].judging.mmd2_high": ("number?", "Upper end."),
    "families[].judging.mmd2_real": ("number?", "The same between held-out clips and as many training clips."),
    "families[].judging.mmd2_noise": ("number?", "The same between held-out clips and white noise as long."),
    "families[].judging.likeness_real": ("number?", "The score of training clips, had a family made them."),
    "families[].judging.surprise": ("number?", "Mean loss on held-out clips, in `unit`."),
    "families[].judging.unit": ("string", "Of `surprise`; figures of different units cannot be compared."),
    "families[].judging.diversity": ("number?", "Mean distance between two made sounds over that of two real ones."),
    "families[].judging.copies": ("number?", "Share of made sounds nearer to a training clip than `copy_distance`."),
    "families[].judging.copies_real": ("number?", "The same share of held-out clips."),
    "families[].judging.copy_distance": (
        "number?",
        "First percentile of the distance of training clips to their nearest other one, in dB; at least 1.",
    ),
    "families[].judging.named_right": (
        "number?",
        "Share of made sounds that a classifier of the training clips names as they were asked for; null without "
        "labels to tell apart.",
    ),
    "families[].judging.named_right_real": ("number?", "Its share on the held-out clips."),
    "families[].sounds": ("object[]", "Some of the made sounds, for the page."),
    "families[].sounds[].id": ("integer", "Number of its preview, after those of the items."),
    "families[].sounds[].file": ("string", "Where it is in the run's folder."),
    "families[].sounds[].label": ("string?", "What was asked for."),
    "families[].sounds[].item": ("integer", "Held-out clip that it was made beside."),
    "families[].sounds[].nearest": ("integer", "Training clip that is nearest to it."),
    "families[].sounds[].distance": ("number", "How far that is, in dB."),
    "families[].sounds[].copy": ("boolean", "Whether that makes it a copy."),
    "families[].sounds[].named": ("string?", "What a classifier of the training clips names it."),
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
    "top": (
        "list?[]",
        "A clip's three likeliest classes as `[class index, probability]`: of the kept family, held "
        "out, calibrated; null where there is no answer.",
    ),
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
    "calibration": ("object?", "Of the kept family; null without one, and of texts."),
    "calibration.temperature": ("number", "The logits of the kept model are divided by this."),
    "calibration.threshold": ("number", 'Below this probability the answer is "none of these".'),
    "calibration.reject_rate": ("number", "Share of the held-out clips below it."),
    "calibration.bins": ("object[]", "Reliability, by confidence."),
    "calibration.bins[].confidence": ("number?", "Mean probability of the named class."),
    "calibration.bins[].accuracy": ("number?", "Share that was right."),
    "calibration.bins[].count": ("integer", "Clips in the bin."),
    "how": ("object", "What is needed to repeat it."),
    "how.seed": ("integer", "Of everything random."),
    "how.budget": ("string", "As asked for."),
    "how.executor": ("string", "What ran the trials."),
    "how.workers": ("integer", "Processes."),
    "how.python": ("string", "Version."),
    "how.platform": ("string", "System and machine type."),
    "how.cores": ("integer?", "Of the machine."),
    "how.versions": ("{string}", "Of the libraries that decide the numbers."),
    "how.options": ("object", "What was asked for beside the budget and the seed."),
    "how.options.labels": ("string?", "Labels file, by name alone."),
    "how.options.target": ("string?", "Its column with the label."),
    "how.options.group": ("string?", "Its column that no split cuts through."),
    "how.options.folds": ("integer?", "Folds asked for."),
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
        "families[].said",
        "families[].predicted",
        "families[].per_class",
        "families[].confusion",
        "top",
        "calibration",
        "families[].gained",
        "families[].judging",
        "families[].sounds",
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
            document = version_1.upgraded(document) | {"schema": SCHEMA}
        validate(document)
    except IncompatibleFile as error:
        error.where = path
        raise
    return document


def validate(document: Any, *, strict: bool = False) -> None:
    """Check a document against the schema.

    Args:
        document: what results.json holds.
        strict: also refuse fields that the schema does not name, so that writers cannot add them silently.

    Raises:
        IncompatibleFile: names the first field that is wrong, with what was found.
    """
    if not isinstance(document, dict) or not isinstance(document.get("schema"), str):
        raise IncompatibleFile("not a results document", measured="no schema named")
    if document["schema"] != SCHEMA:
        raise IncompatibleFile(
            "results of another version",
            measured=f"{document['schema'][:60]}, this is {SCHEMA}",
            remedy="Use the version of Mynah that wrote them, or run mynah learn again.",
        )
    _check_object(document, "", strict)
    _check_sizes(document)


def _check_object(value: Any, path: str, strict: bool) -> None:
    children = _children(path)
    for name, full in children.items():
        if name not in value:
            if full not in OPTIONAL:
                raise IncompatibleFile("a field is missing", measured=full)
            continue
        _check(value[name], FIELDS[full][0], full, strict)
    unknown = [name for name in value if name not in children]
    if strict and children and unknown:
        raise IncompatibleFile("a field the schema does not name", measured=f"{path}.{unknown[0]}".lstrip("."))


def _check(value: Any, kind: str, path: str, strict: bool) -> None:
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise _wrong(path, kind, value)
        for entry in value:
            _check(entry, kind[:-2], path + "[]", strict)
    elif kind.startswith("{"):
        if not isinstance(value, dict):
            raise _wrong(path, kind, value)
        for entry in value.values():
            _check(entry, kind[1:-1], path + "{}", strict)
    elif not (value is None and kind.endswith("?")):
        plain = kind.removesuffix("?")
        mistaken = isinstance(value, bool) and plain != "boolean"
        endless = isinstance(value, float) and not math.isfinite(value)
        if mistaken or endless or not isinstance(value, _PLAIN[plain]):
            raise _wrong(path, kind, value)
        if plain == "object":
            _check_object(value, path, strict)


def _wrong(path: str, kind: str, value: Any) -> IncompatibleFile:
    return IncompatibleFile(f"{path} should be {kind}", measured=f"found {str(value)[:40]}")


@cache
def _children(path: str) -> dict[str, str]:
    """Return name -> full path of the fields directly inside an object."""
    prefix = f"{path}." if path else ""
    return {
        full[len(prefix) :]: full
        for full in FIELDS
        if full.startswith(prefix) and not set(".[") & set(full[len(prefix) :]) and full != path
    }


def _check_sizes(document: dict[str, Any]) -> None:
    """Refuse lists that do not fit each other: the page indexes one with the other."""
    for what, found, wanted in _sizes(document):
        if found != wanted:
            raise IncompatibleFile(f"{what} does not fit the rest", measured=f"{found}, expected {wanted}")
    classes = len(document["classes"])
    for family in document["families"]:
        if any(code is not None and not 0 <= code < classes for code in family.get("predicted", ())):
            raise IncompatibleFile(f"{family['name']} predicts a class that does not exist")
    metric = document["metric"]
    if not (0 < metric["scale"] <= 1e9 and 0 <= metric["digits"] <= 9 and len(document["words"]["parts"]) == 2):
        raise IncompatibleFile("a metric that cannot be written", measured=f"{metric['scale']}, {metric['digits']}")
    clips = len(document["items"])
    made = [sound for family in document["families"] for sound in family.get("sounds", ())]
    if [sound["id"] for sound in made] != list(range(clips, clips + len(made))):
        raise IncompatibleFile("the made sounds are not numbered after the clips")
    if any(not 0 <= sound[key] < clips for sound in made for key in ("item", "nearest")):
        raise IncompatibleFile("a made sound stands beside a clip that does not exist")
    for row in document.get("top") or []:
        for pair in row or []:
            if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], int) and 0 <= pair[0] < classes):
                raise IncompatibleFile("top should hold [class index, probability]", measured=f"found {str(pair)[:40]}")
            _check(pair[1], "number", "top", False)
    if document["best"] is not None and document["best"] not in {f["name"] for f in document["families"]}:
        raise IncompatibleFile("best is not one of the families", measured=document["best"][:40])


def _sizes(document: dict[str, Any]) -> Iterator[tuple[str, int, int]]:
    classes, items = len(document["classes"]), len(document["items"])
    yield "clips", document["clips"], items
    if document.get("top") is not None:
        yield "top", len(document["top"]), items
    for family in document["families"]:
        name = family["name"]
        yield f"ci of {name}", len(family["ci"]), 2
        for key in ("predicted", "said", "gained"):
            yield f"{key} of {name}", len(family.get(key, document["items"])), items
        for key in ("per_class", "confusion"):
            if family.get(key):
                yield f"{key} of {name}", len(family[key]), classes
        for row in family.get("confusion", ()):
            yield f"confusion of {name}", len(row), classes
        for curve in family["curves"]:
            for key in ("train_loss", "valid_loss", "valid_score"):
                yield f"{key} of {name}", len(curve[key]), len(curve["step"])


def as_markdown() -> str:
    """Return the table of docs/results-schema.md."""
    lines = ["| field | type | meaning |", "| --- | --- | --- |"]
    for path, (kind, meaning) in FIELDS.items():
        absent = " (may be absent)" if path in OPTIONAL else ""
        lines.append(f"| `{path}` | `{kind}`{absent} | {meaning} |")
    return "\n".join(lines) + "\n"
