"""The leaderboard as text for a terminal and as a table for a notebook."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mynah import tasks
from mynah.judging.metric import Metric, how_sure
from mynah.training.budget import Budget


def as_text(results: dict[str, Any], folder: Path, path_of: Callable[[str], str] = str) -> str:
    """Return what `mynah learn` prints: the data, the table, the verdict, the files in the run's folder.

    Args:
        path_of: returns the name of a family or a task of a user's own file with its folder.
    """
    metric = Metric.from_json(results["metric"])
    lines = [_data(results, folder), *aligned([columns(results), *(cells(row, metric) for row in results["families"])])]
    lines += [f"  {row['name']}: {row['message']}" for row in results["families"] if row["message"]]
    if results["status"] == "partial":
        lines.append("This run was interrupted: only what had finished is compared.")
    lines.append(f"Verdict: {results['verdict']}")
    lines += [f"{words[:1].upper()}{words[1:]}" for words in results["remarks"]]
    lines += _overrun(results["how"])
    lines.append(f"report  {folder / results['report']}")
    if results["model"]:
        lines.append(f"model   {folder / results['model']}")
        lines.append(f"next    {_next(results, folder / results['model'], path_of)}")
    return "\n".join(lines)


def _next(results: dict[str, Any], model: Path, path_of: Callable[[str], str]) -> str:
    """Return the line that uses the model, with the user's own files that it needs."""
    words = [f"mynah {results['verb']} {shlex.quote(str(model))} {results['next']}".rstrip()]
    own, task = _own_file(path_of(results["best"])), results["task"]
    if own:
        words.append(f"--families {shlex.quote(_from_here(own))}")
    if results["dataset"]["duration"] is None and task not in tasks.names():  # what is no sound the task must read
        words.append(f"--task {shlex.quote(_from_here(path_of(task)))}")
    return " ".join(words)


def _own_file(name: str) -> str:
    """Return the file of a family of a user's own, else nothing."""
    file, is_own, _ = name.partition(".py:")
    return f"{file}.py" if is_own else ""


def _from_here(path: str) -> str:
    """Return a path relative to the current folder where it lies in it."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _overrun(how: dict[str, Any]) -> list[str]:
    """Say when a time budget was not enough for what has to be done once at least."""
    asked = Budget.parse(how["budget"]).seconds
    if asked is None or how["seconds"] <= 1.1 * asked:
        return []
    return [f"This took {how['seconds']:.0f} s of a budget of {asked:.0f} s: each method needs some time at least."]


def as_html(results: dict[str, Any]) -> str:
    """Return the table for a notebook."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns(results))
    metric = Metric.from_json(results["metric"])
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells(row, metric)) + "</tr>"
        for row in results["families"]
    )
    return f"<p>{escape(results['verdict'])}</p><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def columns(results: dict[str, Any]) -> tuple[str, ...]:
    """Return the headings of the table."""
    each = f"ms/{results['words']['items'][0]}"
    return "family", "score [95 %]", "against the best", "train", each, "MB", "parameters"


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
        return str(row["verdict"] or row["status"])
    gap = metric.show_gap(row["gap"])
    if row["probability"] is None:
        return f"{row['verdict']} ({gap} behind)"
    return f"{row['verdict']}: {gap} behind ({how_sure(row['probability'])})"


def counted(number: int, words: Sequence[str]) -> str:
    """Return "1 clip" or "12 clips" of the words for one and several."""
    return f"{number} {words[number != 1]}"


def number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _data(results: dict[str, Any], folder: Path) -> str:
    data, words, metric = results["dataset"], results["words"], Metric.from_json(results["metric"])
    what = [counted(results["clips"], words["items"])]
    if results["classes"]:
        what.append(counted(len(results["classes"]), words["parts"]))
    if (length := data["duration"]) is not None:
        what.append(f"{length['min']:.1f}-{length['max']:.1f} s")
    text = (
        f"{data['name']}: {', '.join(what)}; {results['split']['description']}; "
        f"score: {metric.title}, {words['baseline']} {metric.show(results['chance'], 0)}"
    )
    if results["skipped"]:
        text += f"\n  {results['skipped']} files set aside, see {folder / 'skipped.csv'}"
    for leak in results["leaks"]:
        text += f"\n  warning: {leak['message']}"
    return text


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  " + "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
