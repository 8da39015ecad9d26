"""Section 4: each class by itself."""

from __future__ import annotations

from typing import Any

from mynah.report import wording
from mynah.report.confusion import shown_family


def section(results: dict[str, Any]) -> dict[str, Any] | None:
    """Return what templates/classes.html shows, or None when no family answered."""
    family = shown_family(results)
    if family is None:
        return None
    rows = []
    for number, row in enumerate(family["per_class"]):
        counts = [(n, k) for k, n in enumerate(family["confusion"][number]) if k != number and n]
        worst = max(counts, key=lambda pair: pair[0], default=None)
        rows.append(
            {
                **row,
                "found": wording.percent(row["recall"], 0),
                "trusted": wording.percent(row["precision"], 0),
                "mean": wording.percent(row["f1"], 0),
                "taken_for": "" if worst is None else f"{results['classes'][worst[1]]} ({worst[0]})",
            }
        )
    return {"family": family["name"], "rows": rows}
