"""What the charts are drawn with: elements, scales and ticks. No plot library, no style attributes (the page's CSP)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


def tag(name: str, attributes: dict[str, object] | None = None, *children: object) -> Markup:
    """Return an element; numbers are rounded to a tenth of a pixel, text is escaped."""
    parts = [f' {key}="{escape(_short(value))}"' for key, value in (attributes or {}).items()]
    inside = "".join(escape(child) for child in children)
    return Markup(f"<{name}{''.join(parts)}>{inside}</{name}>")


def _short(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def text(x: float, y: float, words: str, *, anchor: str = "start", kind: str = "") -> Markup:
    attributes: dict[str, object] = {"x": x, "y": y, "text-anchor": anchor}
    return tag("text", attributes | ({"class": kind} if kind else {}), words)


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return tag("line", {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "class": kind})


def path(points: Sequence[tuple[float, float]], kind: str) -> Markup:
    """Return a polyline."""
    return tag("path", {"d": "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points), "class": kind})


def marker(shape: str, x: float, y: float, size: float, kind: str) -> Markup:
    """Return a "circle", "diamond", "square" or "triangle" of half-width `size`."""
    if shape == "circle":
        return tag("circle", {"cx": x, "cy": y, "r": size, "class": kind})
    corners = {
        "diamond": [(0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)],
        "square": [(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        "triangle": [(0, -1.1), (1.1, 0.9), (-1.1, 0.9)],
    }[shape]
    points = " ".join(f"{x + size * dx:.1f},{y + size * dy:.1f}" for dx, dy in corners)
    return tag("polygon", {"points": points, "class": kind})


def drawing(width: float, height: float, label: str, *children: object, kind: str = "") -> Markup:
    """Return an <svg> that is one picture to a screen reader."""
    attributes: dict[str, object] = {
        "viewBox": f"0 0 {width:g} {height:g}",
        "width": width,
        "height": height,
        "role": "img",
        "aria-label": label,
    }
    return tag("svg", attributes | ({"class": kind} if kind else {}), *children)


@dataclass(frozen=True)
class Scale:
    """Values to pixels, linear or logarithmic."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, value = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 6) -> list[float]:
        """Return round values between the ends."""
        if not self.log:
            return _linear_ticks(self.low, self.high, about)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        every = max(1, math.ceil(len(decades) / about))
        wide = math.log10(self.high / self.low)
        steps = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if wide < 1.2 else (1.0, 2.0, 5.0) if wide < 2.5 else (1.0,)
        values = [m * 10.0**d for d in decades if d % every == 0 for m in steps]
        return [v for v in values if self.low * 0.999 <= v <= self.high * 1.001]


def _linear_ticks(low: float, high: float, about: int) -> list[float]:
    if high <= low:
        return [low]
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 12) for k in range(first, math.floor(high / step + 1e-9) + 1)]
