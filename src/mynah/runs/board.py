"""The leaderboard as text for a terminal and as a table for a notebook."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from mynah.judging.error_rate import error_rate
from mynah.judging.metric import Metric, how_sure
from mynah.training.budget import Budget

COLUMNS = ("family", "score [95 %]", "against the best", "train", "ms/clip", "MB", "parameters")


def as_text(results: dict[str, Any], folder: Path) -> str:
    """Return what `mynah learn` prints: the data, the table, the verdict, the files in the run's folder."""
    metric = Metric.from_json(results["metric"])
    lines = [_data(results, folder), *aligned([COLUMNS, *(cells(row, metric) for row in results["families"])])]
    lines += [f"  {row['name']}: {row['message']}" for row in results["families"] if row["message"]]
    if results["status"] == "partial":
        lines.append("This run was interrupted: only what had finished is compared.")
    lines.append(f"Verdict: {results['verdict']}")
    lines += [f"{words[0].upper()}{words[1:]}" for words in error_rate(results)]
    lines += _overrun(results["how"])
    lines.append(f"report  {folder / results['report']}")
    if results["model"]:
        lines.append(f"model   {folder / results['model']}")
        model = shlex.quote(str(folder / results["model"]))
        names = results["classes"]
        verb = results["verb"]
        label = f" --label {shlex.quote(names[0])}" if verb == "generate" and names else ""
        file, is_own, _ = results["best"].partition(".py:")
        own = f" --families {shlex.quote(f'{file}.py')}" if is_own else ""
        lines.append(f"next    mynah {verb} {model}{label}{' NEW/' if verb == 'apply' else ''}{own}")
        if label:
            lines.append(f"labels  {', '.join(names)}")
    return "\n".join(lines)


def _overrun(how: dict[str, Any]) -> list[str]:
    """Say when a time budget was not enough for what has to be done once at least."""
    asked = Budget.parse(how["budget"]).seconds
    if asked is None or how["seconds"] <= 1.1 * asked:
        return []
    return [f"This took {how['seconds']:.0f} s of a budget of {asked:.0f} s: each method needs some time at least."]


def as_html(results: dict[str, Any]) -> str:
    """Return the table for a notebook."""
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    metric = Metric.from_json(results["metric"])
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row, metric)) + "</tr>"
        for row in results["families"]
    )
    return f"<p>{escape(results['verdict'])}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def cells(row: dict[str, Any], metric: Metric) -> tuple[str, ...]:
    """Return a family's line, one text a column."""
    return (
        row["name"],
        score_text(row, metric),
        against(row, metric),
        number(row["train_seconds"], "{:.1f} s"),
        number(row["ms_per_clip"], "{:.1f}"),
        number(row["megabytes"], "{:.2f}"),
        number(row["parameters"], "{:,}"),
    )


def score_text(row: dict[str, Any], metric: Metric) -> str:
    """Return a score with its interval, such as "87.8 % [83.7-91.6]"."""
    if row["score"] is None:
        return str(row["status"])
    low, high = row["ci"]
    interval = "" if low is None else f" [{metric.number(low)}-{metric.number(high)}]"
    return f"{metric.show(row['score'])}{interval}"


def against(row: dict[str, Any], metric: Metric) -> str:
    """Return a family's verdict against the best, with the gap and how sure it is."""
    if row["verdict"] in ("", "best") or row["gap"] is None:
        return row["verdict"] or row["status"]
    gap = metric.show_gap(row["gap"])
    if row["probability"] is None:
        return f"{row['verdict']} ({gap} behind)"
    return f"{row['verdict']}: {gap} behind ({how_sure(row['probability'])})"


def number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _data(results: dict[str, Any], folder: Path) -> str:
    data, metric = results["dataset"], Metric.from_json(results["metric"])
    text = (
        f"{data['name']}: {results['clips']} clips, {len(results['classes'])} {results['words']['parts'][1]}, "
        f"{data['duration']['min']:.1f}-{data['duration']['max']:.1f} s; {results['split']['description']}; "
        f"score: {metric.title}, {results['words']['baseline']} {metric.show(results['chance'], 0)}"
    )
    if results["verb"] == "generate" and not results["classes"]:
        text += "\n  there are no labels, so what was learned is to make sounds like these"
    if results["skipped"]:
        text += f"\n  {results['skipped']} files set aside, see {folder / 'skipped.csv'}"
    for leak in results["leaks"]:
        text += f"\n  warning: {leak['message']}"
    return text


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
