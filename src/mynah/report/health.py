"""What was learned from, and what is wrong with it."""

from __future__ import annotations

from typing import Any

from mynah.report import wording

#: Longer lists are cut; skipped.csv has all.
MOST_ROWS = 200
CHANNELS = {"1": "mono", "2": "stereo"}


def section(results: dict[str, Any]) -> dict[str, Any]:
    """Return what templates/health.html shows."""
    data, length = results["dataset"], results["dataset"]["duration"]
    largest = max(data["per_class"].values(), default=1)
    rates, used = data["rates"], str(data["rate_used"])
    return {
        "duration": length and [wording.duration(length[key]) for key in ("min", "median", "max")],
        "sounds": length is not None,
        "tables": [
            (title, rows)
            for title, rows in (
                ("Sampling rate", [(_hertz(rate), n) for rate, n in rates.items()]),
                ("Channels", [(CHANNELS.get(name, f"{name} channels"), n) for name, n in data["channels"].items()]),
                ("Format", list(data["formats"].items())),
            )
            if rows
        ],
        "resampled": "" if data["rate_used"] is None or set(rates) == {str(data["rate_used"])} else _hertz(used),
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
