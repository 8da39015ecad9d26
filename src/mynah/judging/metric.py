"""What families are ranked by: a function of summed statistics, its unit and direction, and how it is written.

Every item adds a row of k numbers, its sufficient statistics, and a score is a function of their (weighted) sum: the
share of right clips of each class, errors over symbols, the root of a mean square. So intervals, tests and the choice
of the best are written once, for percent and dB, higher and lower.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import Any

#: What stands for a missing value.
NONE = "–"


@dataclass(frozen=True)
class Metric:
    """A metric; without its function it can still write scores, as the page does.

    Attributes:
        name: key of a family's `scores`.
        title: in words.
        unit: stands after a score, such as "%" or "dB"; may be empty.
        gap_unit: of a difference of scores, such as "points".
        scale: scores are multiplied by it before they are written: 100 for shares.
        digits: after the point.
        higher_is_better: the direction.
        low, high: bounds, or None where there is none.
        meaning: one sentence for the page, without a full stop.
        function: maps totals (..., k) to scores (...); None where it was read from a document.
    """

    name: str
    title: str
    unit: str = ""
    gap_unit: str = ""
    scale: float = 1.0
    digits: int = 1
    higher_is_better: bool = True
    low: float | None = None
    high: float | None = None
    meaning: str = ""
    function: Callable[[Any], Any] | None = None

    def score(self, totals: Any) -> Any:
        """Return scores (...) of float64 totals (..., k); `ValueError` for a metric that was read from a document."""
        if self.function is None:
            raise ValueError(f"{self.name} was read from a document, which holds no function")
        return self.function(totals)

    def show(self, value: float | None, digits: int | None = None) -> str:
        """Return a score with its unit, such as "87.2 %"."""
        return self._written(value, self.unit, digits)

    def show_gap(self, difference: float | None) -> str:
        """Return a difference of scores with its unit, such as "4.1 points"."""
        return self._written(difference, self.gap_unit or self.unit, None)

    def show_interval(self, ends: Any) -> str:
        """Return two ends as "81.9 to 88.9 %"; empty where there are none."""
        low, high = ends
        if low is None or high is None:
            return ""
        return f"{self.number(low)} to {self.show(high)}"

    def number(self, value: float, digits: int | None = None) -> str:
        """Return a score without its unit."""
        places = self.digits if digits is None else digits
        # half up; the millionth makes up for what doubles lose: 347 of 400 clips is 86.8 %, not 86.7
        whole = math.floor(abs(self.scale * value) * 10**places + 0.5 + 1e-6)
        return ("-" if value < 0 and whole else "") + f"{whole / 10**places:.{places}f}"

    def _written(self, value: float | None, unit: str, digits: int | None) -> str:
        if value is None or not math.isfinite(value):
            return NONE
        return f"{self.number(value, digits)} {unit}".rstrip()

    def better(self, value: float, other: float) -> bool:
        """Whether one score beats another."""
        return value > other if self.higher_is_better else value < other

    def rank(self, value: float | None) -> float:
        """Return what sorts scores best first; a missing one comes last."""
        if value is None:
            return math.inf
        return -value if self.higher_is_better else value

    def to_json(self) -> dict[str, Any]:
        """Return all but the function, as plain values."""
        facts = asdict(self)
        del facts["function"]
        return facts

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Metric:
        """Return the metric that `to_json` described."""
        return cls(**{name: facts[name] for name in (field.name for field in fields(cls)) if name in facts})


def share(name: str, title: str, *, meaning: str = "", low: float | None = 0.0, **options: Any) -> Metric:
    """Return a metric of shares, 1 being the best, that is written in percent."""
    return Metric(name, title, "%", "points", 100.0, low=low, high=1.0, meaning=meaning, **options)
