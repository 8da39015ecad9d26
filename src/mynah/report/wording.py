"""Numbers and names as a reader wants them: few digits, a unit, nothing private."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup

#: Narrow no-break space, between a number and its unit.
THIN = "\u202f"
#: What stands where there is no value.
NONE = "\u2013"


def percent(value: float | None, digits: int = 1) -> str:
    """0.903 -> 90.3 %."""
    return NONE if value is None else f"{100 * value:.{digits}f}{THIN}%"


def interval(ends: list[float | None]) -> str:
    """[0.86, 0.93] -> 86.0 to 93.0 %."""
    low, high = ends
    return NONE if low is None or high is None else f"{100 * low:.1f} to {100 * high:.1f}{THIN}%"


def duration(seconds: float | None) -> str:
    """492 -> 8.2 min; 0.0042 -> 4.2 ms."""
    if seconds is None:
        return NONE
    for limit, size, unit in ((0.095, 1e-3, "ms"), (99.5, 1, "s"), (5970, 60, "min"), (1e99, 3600, "h")):
        if seconds < limit:
            return f"{_three(seconds / size)}{THIN}{unit}"
    return NONE


def milliseconds(value: float | None) -> str:
    """3.91 -> 3.9 ms."""
    return NONE if value is None else duration(value / 1000) if value >= 1000 else f"{_three(value)}{THIN}ms"


def megabytes(value: float | None) -> str:
    """0.0062 -> 6.2 kB."""
    if value is None:
        return NONE
    return f"{_three(value)}{THIN}MB" if value >= 0.095 else f"{_three(value * 1000)}{THIN}kB"


def count(value: int | None) -> str:
    """166000 -> 166 k."""
    if value is None:
        return NONE
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{_three(value / (1e3 if unit == 'k' else size))}{THIN}{unit}"
    return f"{value:,}".replace(",", THIN)


def _three(value: float) -> str:
    """About two significant digits, never an exponent."""
    if value >= 9.95:
        return f"{value:.0f}"
    return (
        f"{value:.1f}".removesuffix(".0")
        if value >= 0.095
        else f"{value:.2g}"
        if value >= 0.001
        else "<0.001"
        if value
        else "0"
    )


def plural(number: int, one: str, many: str | None = None) -> str:
    """1 clip, 2 clips."""
    return f"{number:,}".replace(",", THIN) + f" {one if number == 1 else many or one + 's'}"


def breakable(path: str) -> Markup:
    """Let a path go on in the next line after each slash."""
    return Markup("/<wbr>").join(path.split("/"))


def probability(p: float | None) -> str:
    """p of a test: 0.03, never a false zero."""
    return NONE if p is None else f"p{THIN}<{THIN}0.001" if p < 0.001 else f"p{THIN}={THIN}{p:.2g}"


_WORD_START = r"(?P<before>^|[\s'\"(=:,\[])"
_FOLDERS = r"[^\s'\"\\/:,)\]]+[\\/]"
#: ~user/..., /a/b/..., C:\a\..., \\host\a\... where a word begins; a relative a/b is left alone.
_ABSOLUTE = re.compile(
    _WORD_START
    + rf"(?:file:/*)?(?:~[\w.-]*[\\/](?:{_FOLDERS})*|(?:[A-Za-z]:|\\\\[\w.-]+)?[\\/](?:{_FOLDERS})+)"
    + r"(?P<name>[^\s'\"\\/:,)\]]*)"
)
#: Fields that hold names inside the folder, where a slash means nothing private.
_RELATIVE = frozenset({"file", "label", "classes", "duplicates", "group"})


def without_paths(value: Any) -> Any:
    """Return text, or any JSON value, with absolute paths cut to their last name: pages are sent to others."""
    if isinstance(value, str):
        return _ABSOLUTE.sub(lambda found: found["before"] + (found["name"] or "..."), value)
    if isinstance(value, list):
        return [without_paths(entry) for entry in value]
    if isinstance(value, dict):
        return {key: _names(entry) if key in _RELATIVE else without_paths(entry) for key, entry in value.items()}
    return value


def _names(value: Any) -> Any:
    if isinstance(value, str):
        absolute = value.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:[\\/]", value)
        return re.split(r"[\\/]", value)[-1] if absolute else value
    return [_names(entry) for entry in value] if isinstance(value, list) else value
