"""Documents of version 1, as they would be written now."""

from __future__ import annotations

from typing import Any

from mynah.ground import texts
from mynah.ground.errors import IncompatibleFile

#: Verdict then -> verdict now. "Not proven" meant less than it seems to: a gap outside an interval, and no proof of it.
VERDICTS = {"cannot be told apart": "as good", "lower, not proven": "unclear"}
#: What answers were -> verb, parts, counted by, baseline.
KINDS = {
    "classes": ("apply", ["class", "classes"], "of each class", "chance"),
    "texts": ("apply", ["symbol", "symbols"], "with each symbol", "best constant text"),
    "sounds": ("generate", ["label", "labels"], "of each label", "white noise"),
}
#: What a family's entry, a made sound and the document had beside the core.
OF_FAMILY = ("predicted", "per_class", "confusion", "said", "gained", "judging")
#: What is called otherwise now.
NOW = {"said": "predicted"}
OF_SOUND = ("nearest", "distance", "copy", "named")
OF_DOCUMENT = ("top", "calibration")
#: Metrics that were not bounded by 0.
UNBOUNDED = ("symbol_accuracy", "likeness")


def upgraded(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document of version 1 in the form of the current one, but for `schema`; what was not measured is null.

    Raises:
        IncompatibleFile: it is not one.
    """
    try:
        return _upgraded(dict(document))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise IncompatibleFile("not a results document of version 1", measured=type(error).__name__) from error


def _upgraded(document: dict[str, Any]) -> dict[str, Any]:
    guess = "texts" if any("said" in family for family in document["families"]) else "classes"
    verb, parts, counted, baseline = KINDS[document.pop("answers", guess)]
    name = document["metric"]
    title = document.pop("metric_title", name.replace("_", " "))
    document["families"] = [_family(family, document["families"]) for family in document["families"]]
    details = {key: document.pop(key) for key in OF_DOCUMENT if key in document}
    return document | {
        "verb": verb,
        "next": "NEW/" if verb == "apply" else "",
        "remarks": [],
        "answers": _answers(document),
        "sections": [],
        "details": details,
        "words": {"parts": parts, "counted": counted, "baseline": baseline, "items": ["clip", "clips"]},
        "metric": {
            "name": name,
            "title": title,
            "unit": "%",
            "gap_unit": "points",
            "scale": 100.0,
            "digits": 1,
            "higher_is_better": True,
            "low": None if name in UNBOUNDED else 0.0,
            "high": 1.0,
            "meaning": "",
        },
    }


def _family(family: dict[str, Any], families: list[dict[str, Any]]) -> dict[str, Any]:
    family = dict(family)
    best = next((f["score"] for f in families if f["verdict"] == "best"), None)
    gap = None
    if best is not None and family["score"] is not None and family["verdict"] != "":
        gap = best - family["score"]
    del family["p_vs_best"]
    details = {NOW.get(key, key): family.pop(key) for key in OF_FAMILY if key in family}
    if details.get("judging"):
        names = {"surprise": "prediction_error"}
        details["judging"] = {names.get(key, key): value for key, value in details["judging"].items()}
    return family | {
        "sounds": [_sound(sound) for sound in family.get("sounds", ())],
        "details": details,
        "verdict": VERDICTS.get(family["verdict"], family["verdict"]),
        "gap": gap,
        "probability": None,
    }


def _sound(sound: dict[str, Any]) -> dict[str, Any]:
    core = {key: value for key, value in sound.items() if key not in OF_SOUND}
    return core | {"details": {key: sound[key] for key in OF_SOUND}}


def _answers(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the kept family answered to each item."""
    kept = next((family["details"] for family in document["families"] if family["name"] == document["best"]), None)
    if kept is None:
        return []
    classes = document["classes"]
    predicted = kept.get("predicted", [None] * len(document["items"]))
    are_texts = any(isinstance(one, str) for one in predicted)
    answers = predicted if are_texts else [None if code is None else classes[code] for code in predicted]
    cut = texts.symbols if are_texts else lambda text, names: text
    return [
        {"answer": text, "wrong": None if text is None else cut(text, classes) != cut(item["label"] or "", classes)}
        for text, item in zip(answers, document["items"], strict=True)
    ]
