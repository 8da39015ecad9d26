"""Curves over one axis as a drawing that stands alone: what `mynah verify --plot` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mynah.report.svg import Scale, drawing, line, path, tag, text

#: Colours that are told apart without seeing red and green, too.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_WIDTH, _HEIGHT = 720.0, 420.0


def lines(title: str, x: str, y: str, series: Mapping[str, Sequence[tuple[float, float]]], log: bool = False) -> str:
    """Return an SVG document.

    Args:
        title, x, y: words for the drawing and its axes.
        series: (x, y) points of each curve, by its name.
        log: logarithmic y; points that are not above zero are left out.
    """
    shown = {name: [p for p in points if p[1] > 0 or not log] for name, points in series.items()}
    points = [point for curve in shown.values() for point in curve]
    across = Scale(min(p[0] for p in points), max(p[0] for p in points), 80, _WIDTH - 150)
    up = Scale(min(p[1] for p in points), max(p[1] for p in points), _HEIGHT - 60, 50, log=log)
    parts = [text(80, 28, title), text(across.end, _HEIGHT - 12, x, anchor="end"), text(8, 44, y)]
    for tick in across.ticks():
        parts += [line(across(tick), 50, across(tick), _HEIGHT - 60, "grid")]
        parts += [text(across(tick), _HEIGHT - 40, f"{tick:g}", anchor="middle")]
    for tick in up.ticks():
        parts += [line(80, up(tick), across.end, up(tick), "grid"), text(72, up(tick) + 4, f"{tick:g}", anchor="end")]
    for number, (name, curve) in enumerate(shown.items()):
        kind = f"c{number % len(_COLOURS)}"
        parts += [path([(across(a), up(b)) for a, b in curve], kind)]
        parts += [text(across.end + 12, 70 + 22 * number, name, kind=f"t{number % len(_COLOURS)}")]
    style = "svg{background:#fff;font:14px sans-serif}.grid{stroke:#ddd}path{fill:none;stroke-width:2.5}"
    style += "".join(f".c{i}{{stroke:{c}}}.t{i}{{fill:{c}}}" for i, c in enumerate(_COLOURS))
    document = str(drawing(_WIDTH, _HEIGHT, title, tag("style", None, style), *parts))
    return document.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"
