"""Documents of version 1, as they would be written now."""

from __future__ import annotations

from typing import Any

from mynah.ground.errors import IncompatibleFile

#: Verdict then -> verdict now. "Not proven" said less than it seems to: a gap outside an interval, and no proof of it.
VERDICTS = {"cannot be told apart": "as good", "lower, not proven": "unclear"}
#: What answers were -> verb, parts, counted by, baseline.
KINDS = {
    "classes": ("apply", ["class", "classes"], "of each class", "chance"),
    "texts": ("apply", ["symbol", "symbols"], "with each symbol", "best constant text"),
    "sounds": ("generate", ["label", "labels"], "of each label", "white noise"),
}
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
    return document | {
        "verb": verb,
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
    return family | {
        "verdict": VERDICTS.get(family["verdict"], family["verdict"]),
        "gap": gap,
        "probability": None,
    }
