"""The section of made sounds: each beside its nearest training clip and a real one, and how they were judged."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from mynah.report import wording
from mynah.report.confusion import part_of_file
from mynah.report.embed import Preview
from mynah.report.verdict import shown

#: Of each figure: what it can say, and what it cannot.
MEANINGS = [
    (
        "Likeness",
        "How near the made sounds are, as a crowd, to real ones that no method has heard: 100 % as near as real ones, "
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
        "Named as asked",
        "Share that a classifier trained on the real training clips gives the label that was asked for; real held-out "
        "clips beside it. It hears what tells the labels apart, and nothing else.",
    ),
    (
        "Surprise",
        "Mean loss on real held-out clips: lower is better. It is exact where the unit is bits or nats of the sound "
        "itself, and only figures of one unit can be compared.",
    ),
]


def section(results: dict[str, Any], heard: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/generated.html shows, or None where no sounds are made."""
    made = [family for family in results["families"] if family.get("judging")]
    if not made:
        return None
    sounding = {preview.item: preview for preview in heard}
    shown: set[int] = set()  # each sound is in the page once; other places of it take it from there
    reference = made[0]["judging"]
    return {
        "families": [_family(family, results, sounding, shown) for family in made],
        "rows": [_judged(family, results) for family in made],
        "real": {
            "likeness": wording.percent(reference["likeness_real"]),
            "mmd2": _fixed(reference["mmd2_real"]),
            "noise": _fixed(reference["mmd2_noise"]),
            "copies": wording.percent(reference["copies_real"], 0),
            "named": wording.percent(reference["named_right_real"], 0),
        },
        "label": next((shlex.quote(str(name)) for name in results["classes"]), ""),
        "labelled": reference["named_right_real"] is not None,
        "meanings": [m for m in MEANINGS if m[0] != "Named as asked" or reference["named_right_real"] is not None],
        "heard": len(sounding),
        "dropped": dropped,
    }


def _fixed(value: float | None) -> str:
    return wording.NONE if value is None else wording.fixed(value, 3)


def _judged(family: dict[str, Any], results: dict[str, Any]) -> dict[str, str]:
    """Return a family's line of the table."""
    judged = family["judging"]
    surprise = judged["surprise"]
    return {
        "name": family["name"],
        "likeness": shown(results, family["score"]),
        "mmd2": f"{_fixed(judged['mmd2'])} ({_fixed(judged['mmd2_low'])} to {_fixed(judged['mmd2_high'])})",
        "copies": wording.percent(judged["copies"], 0),
        "diversity": wording.NONE if judged["diversity"] is None else wording.fixed(judged["diversity"], 2),
        "named": wording.percent(judged["named_right"], 0),
        "surprise": wording.NONE if surprise is None else f"{wording.fixed(surprise, 3)} {judged['unit']}",
        "made": str(round(judged["made"] or 0)),
    }


def _family(
    family: dict[str, Any], results: dict[str, Any], sounding: dict[int, Preview], shown: set[int]
) -> dict[str, Any]:
    threshold = family["judging"]["copy_distance"]
    rows = []
    for number, sound in enumerate(family["sounds"], 1):
        words = [f"asked for {sound['label']}"] if sound["label"] else []
        if sound["named"] is not None:
            words.append(f"a classifier says {sound['named']}")
        far = f"{wording.fixed(sound['distance'], 1)}{wording.THIN}dB away"
        limit = "" if threshold is None else f", a copy below {wording.fixed(threshold, 1)}{wording.THIN}dB"
        rows.append(
            {
                "made": _cell(sound["id"], f"{family['name']} {number}", words, sounding, shown),
                "nearest": _clip(sound["nearest"], [far + limit], results, sounding, shown),
                "real": _clip(sound["item"], [], results, sounding, shown),
                "is_copy": sound["copy"],
            }
        )
    return {
        "name": family["name"],
        "title": family["title"],
        "kept": family["name"] == results["best"],
        "rows": rows,
    }


def _clip(
    item: int, words: list[str], results: dict[str, Any], sounding: dict[int, Preview], shown: set[int]
) -> dict[str, Any]:
    facts = results["items"][item]
    return _cell(item, facts["file"] + part_of_file(facts), words, sounding, shown)


def _cell(number: int, name: str, words: list[str], sounding: dict[int, Preview], shown: set[int]) -> dict[str, Any]:
    """Return one sound; `preview` is its only copy in the page, `audible` whether there is one."""
    first = number not in shown
    shown.add(number)
    preview = sounding.get(number)
    return {
        "item": number,
        "name": name,
        "words": words,
        "audible": preview is not None,
        "preview": preview if first else None,
    }
