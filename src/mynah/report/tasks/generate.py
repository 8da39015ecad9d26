"""What making sounds adds: each beside its nearest training clip and a real one, and how they were judged."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from mynah.ground.errors import IncompatibleFile
from mynah.judging.metric import share
from mynah.report import wording
from mynah.report.embed import Preview
from mynah.report.sounds import cell, heading, of_item, requested
from mynah.report.tasks import Additions, Section, check_sizes, of_families
from mynah.report.verdict import shown

FIELDS: dict[str, tuple[str, str]] = {
    "families[].details.gained": (
        "number?[]",
        "What each held-out clip and the sound made beside it add to the score; null for clips without one.",
    ),
    "families[].details.judging": (
        "object?",
        "How made sounds were judged, the mean over folds; null when no fold finished.",
    ),
    "families[].details.judging.made": ("number?", "Sounds made, and held-out clips they are compared with."),
    "families[].details.judging.mmd2": (
        "number?",
        "Squared maximum mean discrepancy (unbiased, Gaussian kernel) between statistics of made and held-out sounds.",
    ),
    "families[].details.judging.mmd2_low": ("number?", "Lower end of its 95 % interval (bootstrap)."),
    "families[].details.judging.mmd2_high": ("number?", "Upper end."),
    "families[].details.judging.mmd2_real": ("number?", "The same between held-out clips and as many training clips."),
    "families[].details.judging.mmd2_noise": ("number?", "The same between held-out clips and white noise as long."),
    "families[].details.judging.likeness_real": ("number?", "The score of training clips, had a family made them."),
    "families[].details.judging.prediction_error": ("number?", "Mean loss on held-out clips, in `unit`."),
    "families[].details.judging.unit": (
        "string",
        "Of `prediction_error`; figures of different units cannot be compared.",
    ),
    "families[].details.judging.diversity": (
        "number?",
        "Mean distance between two made sounds over that of two real ones.",
    ),
    "families[].details.judging.copies": (
        "number?",
        "Share of made sounds nearer to a training clip than `copy_distance`.",
    ),
    "families[].details.judging.copies_real": ("number?", "The same share of held-out clips."),
    "families[].details.judging.copy_distance": (
        "number?",
        "First percentile of the distance of training clips to their nearest other one, in dB; at least 1.",
    ),
    "families[].details.judging.named_right": (
        "number?",
        "Share of made sounds that a classifier gives their requested label; null without labels.",
    ),
    "families[].details.judging.named_right_real": ("number?", "Its share on the held-out clips."),
    "families[].sounds[].details.nearest": ("integer", "Training clip that is nearest to it."),
    "families[].sounds[].details.distance": ("number", "How far that is, in dB."),
    "families[].sounds[].details.copy": ("boolean", "Whether that makes it a copy."),
    "families[].sounds[].details.named": ("string?", "What a classifier of the training clips names it."),
}
#: Of each figure: what it can say, and what it cannot.
MEANINGS = [
    (
        "Likeness",
        "How near the made sounds are, as a crowd, to held-out real ones: 100 % as near as real ones, "
        "0 % as far off as white noise. It does not show that one of them sounds good, and copies would score high.",
    ),
    (
        "MMD²",
        "The distance of the two crowds that likeness is made of (squared maximum mean discrepancy, unbiased, Gaussian "
        "kernel on log-mel statistics), with its 95 % interval by bootstrap: smaller is closer. An interval that holds "
        "the value of real clips means that these few sounds do not tell them apart, not that nobody could.",
    ),
    (
        "Copies",
        "Sounds nearer to a training clip, in the course of their log-mel spectrum and with up to 0.1 s of shift, than "
        "99 of 100 training clips are to their nearest other one, or nearer than 1 dB. A sound is compared as far as "
        "it goes, so a part of a clip counts as a copy. A copy under much noise is missed, and a sound that is no "
        "copy may still owe much to one clip; of sounds that are all much alike, honest ones may count as copies, so "
        "the share of real clips stands beside it.",
    ),
    (
        "Diversity",
        "How far made sounds lie from each other, over how far real ones do: near 0 they are all the same. Noise of "
        "many kinds is diverse too.",
    ),
    (
        "Label recognised",
        "Share to which a classifier trained on the real training clips gives the requested label; real held-out "
        "clips beside it. It hears what tells the labels apart, and nothing else.",
    ),
    (
        "Prediction error",
        "Mean loss on real held-out clips: lower is better. It is exact where the unit is bits or nats of the sound "
        "itself, and only figures of one unit can be compared.",
    ),
]


def check(document: dict[str, Any]) -> None:
    """Refuse lists that do not fit each other, and sounds beside clips that do not exist."""
    clips = len(document["items"])
    check_sizes(of_families(document, "gained"))
    for family in document["families"]:
        if any(not 0 <= sound["details"]["nearest"] < clips for sound in family["sounds"]):
            raise IncompatibleFile("a made sound stands beside a clip that does not exist")


def section(results: dict[str, Any], previews: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/generated.html shows, or None where no sounds are made."""
    made = [family for family in results["families"] if family["details"]["judging"]]
    if not made:
        return None
    sounding = {preview.item: preview for preview in previews}
    shown: set[int] = set()  # each sound is in the page once; other places of it take it from there
    reference = made[0]["details"]["judging"]
    return {
        "families": [_family(family, results, sounding, shown) for family in made],
        "rows": [_judged(family, results) for family in made],
        "real": {
            "likeness": wording.percent(reference["likeness_real"]),
            "mmd2": wording.fixed(reference["mmd2_real"], 3),
            "noise": wording.fixed(reference["mmd2_noise"], 3),
            "copies": wording.percent(reference["copies_real"], 0),
            "named": wording.percent(reference["named_right_real"], 0),
        },
        "label": next((shlex.quote(str(name)) for name in results["classes"]), ""),
        "labelled": reference["named_right_real"] is not None,
        "meanings": [m for m in MEANINGS if m[0] != "Label recognised" or reference["named_right_real"] is not None],
        "playable": len(sounding),
        "dropped": dropped,
    }


def _judged(family: dict[str, Any], results: dict[str, Any]) -> dict[str, str]:
    """Return a family's line of the table."""
    judged = family["details"]["judging"]
    error = judged["prediction_error"]
    mmd2, low, high = (wording.fixed(judged[name], 3) for name in ("mmd2", "mmd2_low", "mmd2_high"))
    return {
        "name": family["name"],
        "likeness": shown(results, family["score"]),
        "mmd2": f"{mmd2} ({low} to {high})",
        "copies": wording.percent(judged["copies"], 0),
        "diversity": wording.fixed(judged["diversity"], 2),
        "named": wording.percent(judged["named_right"], 0),
        "error": wording.NONE if error is None else f"{wording.fixed(error, 3)} {judged['unit']}",
        "made": str(round(judged["made"] or 0)),
    }


def _family(
    family: dict[str, Any], results: dict[str, Any], sounding: dict[int, Preview], shown: set[int]
) -> dict[str, Any]:
    threshold = family["details"]["judging"]["copy_distance"]
    rows = []
    for number, sound in enumerate(family["sounds"], 1):
        facts = sound["details"]
        words = requested(sound)
        if facts["named"] is not None:
            words.append(f"a classifier answers {facts['named']}")
        far = f"{wording.fixed(facts['distance'], 1)}{wording.THIN}dB away"
        limit = "" if threshold is None else f", a copy below {wording.fixed(threshold, 1)}{wording.THIN}dB"
        rows.append(
            {
                "made": cell(sound["id"], f"{family['name']} {number}", words, sounding, shown),
                "nearest": of_item(facts["nearest"], [far + limit], results, sounding, shown),
                "real": of_item(sound["item"], [], results, sounding, shown),
                "is_copy": facts["copy"],
            }
        )
    return heading(family, results) | {"rows": rows}


ADDITIONS = Additions(
    fields=FIELDS,
    check=check,
    sections=(Section("generated.html", section, "Sounds", "made", after="verdict.html"),),
    replaces=frozenset({"sounds.html", "clips.html"}),
    figures={"likeness": share("likeness", "likeness", low=None)},
)
