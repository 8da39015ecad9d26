"""The symbol error rate of a transcribing run, in words: the metric is one minus it, so that higher is better."""

from __future__ import annotations

from typing import Any

from mynah.judging.metric import share

RATE = share("symbol_error_rate", "symbol error rate")


def error_rate(results: dict[str, Any]) -> list[str]:
    """Return the symbol error rate of a document's kept family with its interval, or nothing for another task."""
    family = next((f for f in results["families"] if f["name"] == results["best"]), None)
    rate = None if family is None else family["scores"].get(RATE.name)
    if family is None or rate is None:
        return []
    low, high = family["ci"]
    interval = "" if low is None else f", 95 % interval {RATE.show_interval([1 - high, 1 - low])}"
    return [f"{RATE.title} of {family['name']}: {RATE.show(rate)}{interval}"]
