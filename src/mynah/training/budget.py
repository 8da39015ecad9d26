"""How much one fit may spend: seconds, steps or epochs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mynah.ground.errors import UsageError

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """One of `seconds`, `steps` or `epochs`; the other two are None.

    Steps and epochs give the same bits at every repetition. Seconds are turned into a number of steps by a
    probe at the start of a fit, and that number is recorded, so that a repetition by steps is exact too.
    `stop` ends a fit of `steps` early, as a deadline did in the fit that is being repeated.
    """

    seconds: float | None = None
    steps: int | None = None
    epochs: int | None = None
    stop: int | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.seconds, self.steps, self.epochs) if value is not None]
        if len(given) != 1 or given[0] <= 0:
            raise UsageError("a budget is one positive number of seconds, steps or epochs", measured=self)

    @classmethod
    def parse(cls, text: str | Budget) -> Budget:
        """Read ``90s``, ``10m``, ``1.5h``, ``500steps``, ``500steps/420`` (a stop at 420) or ``20epochs``.

        Raises:
            UsageError: the text is none of these.
        """
        if isinstance(text, Budget):
            return text
        found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*(s|m|h|steps?|epochs?)(?:/(\d+))?\s*", str(text))
        if not found or float(found[1]) <= 0:
            raise UsageError("not a budget", where=repr(text), remedy="Write 90s, 10m, 1h, 500steps or 20epochs.")
        number, unit = float(found[1]), found[2]
        if unit in _UNITS:
            return cls(seconds=number * _UNITS[unit])
        if number != int(number):
            raise UsageError("steps and epochs are whole numbers", where=repr(text))
        if unit.startswith("epoch"):
            return cls(epochs=int(number))
        return cls(steps=int(number), stop=int(found[3]) if found[3] else None)

    def __str__(self) -> str:
        if self.seconds is not None:
            return f"{self.seconds:g}s"
        if self.epochs is not None:
            return f"{self.epochs}epochs"
        return f"{self.steps}steps" + (f"/{self.stop}" if self.stop else "")
