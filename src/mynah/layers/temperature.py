"""How far what is drawn may stray from what is most probable."""

from __future__ import annotations

#: Beyond this all is as good as noise, and sums of what is drawn overflow.
MOST = 10.0
#: Below this what is drawn is the most probable anyway, and a division by it overflows.
LEAST = 1e-3


def checked(temperature: float) -> float:
    """Return a temperature that can be drawn with: 0 where it is below `LEAST`.

    Raises:
        ValueError: it is not between 0 and `MOST`.
    """
    if not 0 <= temperature <= MOST:  # nor is NaN
        raise ValueError(f"temperature must be between 0 (the most probable) and {MOST:g}, got {temperature:g}")
    return float(temperature) if temperature >= LEAST else 0.0
