"""Section 2: score against cost, the key picture. Three costs, each drawn wide and narrow; CSS shows one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from mynah.judging.metric import Metric
from mynah.report import svg, wording
from mynah.report.verdict import LOOKS, above_chance, interval, look, metric_of, shown, whisker

#: key of a family, its name on the button and on the axis, with what an item is called, how a value is written
AXES: list[tuple[str, str, str, Callable[[float | None], str]]] = [
    ("train_seconds", "training", "time to train one fold", wording.duration),
    ("ms_per_clip", "per {item}", "time for one {item}", wording.milliseconds),
    ("megabytes", "size", "size of the model file", wording.megabytes),
]
#: Round times, in seconds: decades would be odd from a minute on.
ROUND_TIMES = [1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 60, 600, 3600, 36_000, 360_000]
#: name -> width, height
FRAMES = {"wide": (980, 480), "narrow": (370, 450)}
LEFT, RIGHT, TOP, BOTTOM = 52, 22, 32, 52
#: Width of a character of a label, in pixels, on the safe side.
CHARACTER = 7.4
#: Where a name may stand: right or left of its mark, and how far from it, in pixels; the nearest free place is taken.
PLACES = sorted(
    ((side, out, down) for side in (1, -1) for out in (0, 24, 48, 72) for down in range(-96, 97, 12)),
    key=lambda place: (place[1] ** 2 + place[2] ** 2, -place[0]),
)
#: verdicts -> what the legend says, in its order
LEGEND = {
    ("best", "as good"): "best, or as good",
    ("unclear",): "unclear",
    ("worse",): "worse",
    ("not tested",): "not tested",
    ("",): "not finished",
}
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Plot:
    """Scales of one chart, and who is on it."""

    x: svg.Scale
    y: svg.Scale
    families: list[dict[str, Any]]
    key: str

    def place(self, family: dict[str, Any]) -> tuple[float, float]:
        return self.x(family[self.key]), self.y(family["score"])


def section(results: dict[str, Any]) -> dict[str, Any] | None:
    """Return what templates/cost.html shows, or None with nothing to show."""
    scored = [family for family in results["families"] if family["score"] is not None]
    if not scored:
        return None
    above, below = above_chance(scored, results)
    charts = []
    item = results["words"]["items"][0]
    for key, button, axis, unit in AXES:
        title = axis.format(item=item)
        placed = [family for family in above if family[key] is not None and family[key] > 0]
        if placed:
            drawings = {frame: _chart(placed, key, title, unit, results, frame) for frame in FRAMES}
            missing = [family["name"] for family in above if family not in placed]
            charts.append({"key": key, "button": button.format(item=item), "drawings": drawings, "missing": missing})
    if not charts:
        return None
    return {
        "charts": charts,
        "below": [f"{family['name']} ({shown(results, family['score'])})" for family in below],
        "unscored": [family["name"] for family in results["families"] if family["score"] is None],
        "chance": f"{results['words']['baseline']} ({shown(results, results['chance'], 0)})",
        "higher": metric_of(results).higher_is_better,
        "intervals": any(family["ci"][0] is not None for family in above),
        "ranked": any(family["verdict"] == "best" for family in scored),
        "legend": [
            (svg.marker(LOOKS[verdicts[0]][0], 13, 13, 6, LOOKS[verdicts[0]][2]), words)
            for verdicts, words in LEGEND.items()
            if any(family["verdict"] in verdicts for family in above)
        ],
    }


def _chart(
    families: list[dict[str, Any]],
    key: str,
    title: str,
    unit: Callable[[float], str],
    results: dict[str, Any],
    frame: str,
) -> Markup:
    width, height = FRAMES[frame]
    plot = Plot(_across(families, key, width), _up(families, results, height), families, key)
    parts = [*_grid(plot, title, unit, width, height, results), _frontier(plot, metric_of(results))]
    for family in reversed(families):
        parts.append(_mark(plot, family, results, unit))
    parts += _labels(plot, results, width)
    top = families[0]
    label = (
        f"{metric_of(results).title} against {title} for {len(families)} methods; best {top['name']} "
        f"with {shown(results, top['score'])} at {unit(top[key])}; all numbers are in the table above"
    )
    return svg.drawing(width, height, label, *parts, kind=f"chart {frame}")


def _across(families: list[dict[str, Any]], key: str, width: int) -> svg.Scale:
    values = [family[key] for family in families]
    low, high = min(values), max(values)
    margin = max((high / low) ** (0.06 if width > 500 else 0.14), 1.5)
    return svg.Scale(low / margin, high * margin, LEFT, width - RIGHT, log=True)


def _up(families: list[dict[str, Any]], results: dict[str, Any], height: int) -> svg.Scale:
    metric, chance = metric_of(results), results["chance"]
    ends = [end for f in families for end in (*f["ci"], f["score"]) if end is not None]
    low, high = min(ends), max(ends)
    margin = max(2 / metric.scale, 0.06 * (high - low))
    low, high = low - margin, high + margin
    if chance < low < chance + 0.35 * (high - chance):
        low = chance - margin
    low = low if metric.low is None else max(metric.low, low)
    return svg.Scale(low, high if metric.high is None else min(metric.high, high), height - BOTTOM, TOP)


def _grid(
    plot: Plot, title: str, unit: Callable[[float], str], width: int, height: int, results: dict[str, Any]
) -> list[Markup]:
    bottom, metric = height - BOTTOM, metric_of(results)
    parts = [svg.text(4, 14, metric.title, kind="title")]
    for tick in plot.y.ticks(9):
        y = plot.y(tick)
        parts += [
            svg.line(LEFT, y, width - RIGHT, y, "grid"),
            svg.text(LEFT - 9, y + 4, f"{metric.scale * tick:g}{wording.THIN}{metric.unit}".rstrip(), anchor="end"),
        ]
    parts += [svg.line(plot.x(tick), bottom, plot.x(tick), bottom + 3, "tick") for tick in _minor_ticks(plot)]
    for tick in _cost_ticks(plot, 9 if width > 500 else 4):
        x = plot.x(tick)
        parts.append(svg.line(x, bottom, x, bottom + 7, "tick"))
        parts.append(svg.text(x, bottom + 21, _bare(unit(tick)), anchor="middle"))
    parts.append(svg.line(LEFT, bottom, width - RIGHT, bottom, "axis"))
    words = f"{title} (logarithmic scale)"
    parts.append(svg.text((LEFT + width - RIGHT) / 2, height - 8, words, anchor="middle", kind="title"))
    if plot.y.low <= results["chance"] <= plot.y.high:
        y = plot.y(results["chance"])
        parts += [
            svg.line(LEFT, y, width - RIGHT, y, "chance"),
            svg.text(width - RIGHT, y - 5, results["words"]["baseline"], anchor="end", kind="soft"),
        ]
    return parts


def _cost_ticks(plot: Plot, about: int) -> list[float]:
    times = [time for time in ROUND_TIMES if plot.x.low <= time <= plot.x.high]
    if plot.key != "train_seconds" or len(times) < 3:
        return plot.x.ticks(about)
    return times[:: -(-len(times) // about)]


def _minor_ticks(plot: Plot) -> list[float]:
    """Return 2, 3 ... 9 of each power of ten, as a sign that the scale is logarithmic; not in minutes and hours."""
    high = min(plot.x.high, 60) if plot.key == "train_seconds" else plot.x.high
    decades = range(math.floor(math.log10(plot.x.low)), math.ceil(math.log10(plot.x.high)))
    return [m * 10.0**d for d in decades for m in range(2, 10) if plot.x.low <= m * 10.0**d <= high]


def _bare(words: str) -> str:
    """Write a round value without its zeros: 0.10 s -> 0.1 s."""
    return re.sub(r"\.?0*(?=\D*$)", "", words, count=1) if "." in words else words


def _frontier(plot: Plot, metric: Metric) -> Markup:
    """Draw the steps through the families that no cheaper one beats."""
    corners: list[tuple[float, float]] = []
    best: float | None = None
    for family in sorted(plot.families, key=lambda f: (f[plot.key], metric.rank(f["score"]))):
        if best is None or metric.better(family["score"], best):
            x, y = plot.place(family)
            if corners:
                corners.append((x, corners[-1][1]))
            corners.append((x, y))
            best = family["score"]
    corners.append((plot.x.end, corners[-1][1]))
    return svg.path(corners, "frontier")


def _mark(plot: Plot, family: dict[str, Any], results: dict[str, Any], unit: Callable[[float], str]) -> Markup:
    x, y = plot.place(family)
    words = f"{family['title']}: {shown(results, family['score'])} ({interval(results, family['ci'])})"
    parts = [svg.tag("title", {}, f"{words}, {unit(family[plot.key])}")]
    low, high = family["ci"]
    kept = family["name"] == results["best"]
    if low is not None and high is not None:
        parts.append(svg.line(x, plot.y(low), x, plot.y(high), whisker(family)))
    if kept:
        parts.append(svg.marker("circle", x, y, 11, "ring"))
    shape, size, kind = look(family)
    parts.append(svg.marker(shape, x, y, size * 1.35, kind))
    return svg.tag("g", {"class": "mark"}, *parts)


def _labels(plot: Plot, results: dict[str, Any], width: int) -> list[Markup]:
    """Write each name near its mark, covering no mark, whisker or other name; a line leads to those further off."""
    taken: list[Box] = []
    for family in plot.families:
        x, y = plot.place(family)
        low, high = family["ci"]
        taken.append((x - 9, y - 9, x + 9, y + 9))
        if low is not None and high is not None:
            taken.append((x - 2, plot.y(high), x + 2, plot.y(low)))
    leaders, names = [], []
    for family in plot.families:
        kept = family["name"] == results["best"]
        x, y = plot.place(family)
        long = len(family["name"]) * CHARACTER * (1.1 if kept else 1)
        box = _free_box(x, y, long, 15 if kept else 11, taken, width)
        taken.append(box)
        if abs(box[3] - 4 - (y + 4)) > 12 or min(abs(box[0] - x), abs(box[2] - x)) > 20:
            leaders.append(svg.line(x, y, box[0] if box[0] > x else box[2], box[3] - 8, "leader"))
        names.append(svg.text(box[0], box[3] - 4, family["name"], kind="name kept" if kept else "name"))
    return leaders + names


def _free_box(x: float, y: float, long: float, gap: float, taken: list[Box], width: int) -> Box:
    boxes = []
    for side, out, down in PLACES:
        left = x + gap + out if side > 0 else x - gap - out - long
        boxes.append((left, y + down - 8, left + long, y + down + 8))
    inside = [box for box in boxes if box[0] > LEFT + 2 and box[2] < width - 2 and box[1] > TOP - 10]
    free = [box for box in inside if not any(_overlap(box, other) for other in taken)]
    return (free or inside or boxes)[0]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
