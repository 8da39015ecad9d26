"""Numbers and names as a reader wants them: few digits, a unit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

#: Narrow no-break space, between a number and its unit.
THIN = "\u202f"
MINUS = "\u2212"
#: What stands where there is no value.
NONE = "\u2013"
#: below, in seconds; a unit in seconds; its name
TIMES = [(9.95e-5, 1e-6, "µs"), (0.0995, 1e-3, "ms"), (99.5, 1, "s"), (5970, 60, "min"), (math.inf, 3600, "h")]
SMALL = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
BUDGET_UNITS = {"m": "min"}


def fixed(value: float | None, digits: int) -> str:
    """Round half up, with a true minus sign; wording.js does the same, so that a number reads alike everywhere.

    The millionth makes up for what doubles lose: 347 of 400 clips is 86.8 %, though the double lies below 86.75.
    """
    if value is None:
        return NONE
    whole = math.floor(abs(value) * 10**digits + 0.5 + 1e-6)
    return (MINUS if value < 0 and whole else "") + f"{whole / 10**digits:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """0.903 -> 90.3 %."""
    return NONE if value is None else f"{fixed(100 * value, digits)}{THIN}%"


def typeset(text: str) -> str:
    """Return a number with its unit as the page writes it: a true minus sign, and no line break before the unit."""
    return re.sub(r"(?<=\d) (?=\S+$)", THIN, re.sub(r"(?<![\w-])-(?=\d)", MINUS, text))


def duration(seconds: float | None) -> str:
    """492 -> 8.2 min; 0.0042 -> 4.2 ms."""
    if seconds is None:
        return NONE
    size, unit = next((size, unit) for limit, size, unit in TIMES if seconds < limit)
    return f"{two_digits(seconds / size)}{THIN}{unit}"


def milliseconds(value: float | None) -> str:
    """3.91 -> 3.9 ms."""
    return NONE if value is None else duration(value / 1000)


def megabytes(value: float | None) -> str:
    """0.0062 -> 6.2 kB."""
    if value is None:
        return NONE
    return f"{two_digits(value)}{THIN}MB" if value >= 0.0995 else f"{two_digits(value * 1000)}{THIN}kB"


def count(value: int | None) -> str:
    """166000 -> 166 k."""
    if value is None:
        return NONE
    for least, size, unit in ((999_500_000, 1e9, "G"), (999_500, 1e6, "M"), (10_000, 1e3, "k")):
        if value >= least:
            return f"{two_digits(value / size)}{THIN}{unit}"
    return thousands(value)


def thousands(value: int) -> str:
    """4010 -> 4 010."""
    return f"{value:,}".replace(",", THIN)


def decibels(gain: float) -> str:
    """3 -> +3 dB; -0.2 -> 0 dB."""
    words = fixed(gain, 0)
    return f"{'' if words == '0' or words[0] == MINUS else '+'}{words}{THIN}dB"


def two_digits(value: float) -> str:
    """Two significant digits, all digits before the point, never an exponent."""
    digits = next((d for d in range(4) if value >= 9.95 / 10**d), 4)
    return fixed(value, digits) if value >= 0.001 else "<0.001" if value else "0"


def budget(asked: str) -> str:
    """90s -> 90 s; 10m -> 10 min; 500steps -> 500 steps."""
    parts = re.fullmatch(r"([\d.]+)\s*([a-z]+)", asked)
    return f"{parts[1]}{THIN}{BUDGET_UNITS.get(parts[2], parts[2])}" if parts else asked


def listing(names: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def number(value: int) -> str:
    """5 -> five, 12 -> 12."""
    return SMALL[value] if 0 <= value < len(SMALL) else thousands(value)


def plural(number: int, one: str, many: str | None = None) -> str:
    """1 clip, 2 clips."""
    return f"{thousands(number)} {one if number == 1 else many or one + 's'}"


def items(results: dict[str, Any], number: int) -> str:
    """Return so many of what a document's run learned from: 1 clip, 12 pieces."""
    return plural(number, *results["words"]["items"])


def part_of_file(item: dict[str, Any]) -> str:
    """Return where in the file an item lies, for items that are not a whole file."""
    if not item["start"] and item["end"] is None:
        return ""
    end = "end" if item["end"] is None else f"{item['end']:g}{THIN}s"
    return f" ({item['start']:g} to {end})"


def breakable(path: str) -> Markup:
    """Let a path go on in the next line after each slash."""
    return Markup("/<wbr>").join(path.split("/"))
