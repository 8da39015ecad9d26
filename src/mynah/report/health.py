"""Section 6: what the sounds are, and what is wrong with them."""

from __future__ import annotations

from typing import Any

from mynah.report import wording

#: Longer lists are cut; skipped.csv has all.
MOST_ROWS = 200
#: A label is doubtful when another class has at least the first of these probabilities, and it at most the second.
SURE, UNLIKELY = 0.9, 0.03
CHANNELS = {"1": "mono", "2": "stereo"}


def section(results: dict[str, Any]) -> dict[str, Any]:
    """Return what templates/health.html shows."""
    data = results["dataset"]
    largest = max(data["per_class"].values(), default=1)
    rates = data["rates"]
    return {
        "duration": [wording.duration(data["duration"][key]) for key in ("min", "median", "max")],
        "tables": [
            ("Sampling rate", [(_hertz(rate), n) for rate, n in rates.items()]),
            ("Channels", [(CHANNELS.get(name, f"{name} channels"), n) for name, n in data["channels"].items()]),
            ("Format", list(data["formats"].items())),
        ],
        "resampled": _hertz(str(data["rate_used"])) if set(rates) != {str(data["rate_used"])} else "",
        "per_class_of": results["words"]["counted"],
        "per_class": [
            {"label": label, "count": n, "width": round(100 * n / max(largest, 1), 1)}
            for label, n in data["per_class"].items()
        ],
        "uneven": _uneven(list(data["per_class"].values())),
        "skipped": results["skipped"],
        "problems": results["problems"][:MOST_ROWS],
        "more_problems": max(0, len(results["problems"]) - MOST_ROWS),
        "ignored": list(results["ignored"].items()),
        "duplicates": results["duplicates"][:MOST_ROWS],
        "more_duplicates": max(0, len(results["duplicates"]) - MOST_ROWS),
        "clips": results["clips"],
        "leaks": [{"kind": leak["kind"], "message": _sentence(leak["message"])} for leak in results["leaks"]],
        "doubtful": [_doubtful_row(results, item) for item in doubtful(results)[:MOST_ROWS]],
    }


def _hertz(rate: str) -> str:
    return f"{wording.thousands(int(rate))}{wording.THIN}Hz" if rate.isdigit() else rate


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:].rstrip(".") + "."


def _uneven(counts: list[int]) -> str:
    """Say how many times larger the largest class is, from twice on."""
    if not counts or min(counts) == 0 or max(counts) < 2 * min(counts):
        return ""
    return wording.fixed(max(counts) / min(counts), 1).removesuffix(".0")


def tops(results: dict[str, Any]) -> list[Any]:
    """Return each clip's likeliest classes, None where there are none."""
    return results.get("top") or [None] * len(results["items"])


def doubtful(results: dict[str, Any]) -> list[int]:
    """Return items whose label may be wrong: held out, the kept family was sure of another and ruled this one out."""
    code = {label: number for number, label in enumerate(results["classes"])}
    found = []
    for number, (item, top) in enumerate(zip(results["items"], tops(results), strict=True)):
        label = code.get(item["label"])
        if top and label is not None and top[0][0] != label and top[0][1] >= SURE:
            of_label = next((p for c, p in top if c == label), 0.0)
            if of_label <= UNLIKELY:
                found.append(number)
    return found


def _doubtful_row(results: dict[str, Any], item: int) -> dict[str, Any]:
    heard, p = results["top"][item][0]
    return {
        "item": item,
        "file": results["items"][item]["file"],
        "label": results["items"][item]["label"],
        "heard": results["classes"][heard],
        "p": wording.percent(p, 0),
    }
