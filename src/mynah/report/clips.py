"""The last part: the items and their answers. Each sound is here once; scripts take it from here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mynah.report import tasks, wording
from mynah.report.embed import Preview

#: Mistakes without sound that are still named.
MOST_SILENT = 500
#: Answers without sound that are still listed, where the task says of none whether it is wrong.
MOST_UNJUDGED = 100


def section(results: dict[str, Any], found: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/clips.html shows, or None where no answer has a text and there is nothing to hear."""
    answers = results["answers"]
    previews = {preview.item: preview for preview in found if preview.item < len(results["items"])}
    if not previews and not any(answer["answer"] or answer["wrong"] for answer in answers):
        return None
    mistakes = [item for item, answer in enumerate(answers) if answer["wrong"]]
    judged = any(answer["wrong"] is not None for answer in answers)
    silent = [item for item in mistakes if item not in previews]
    wrong = {*mistakes}
    others = [item for item in previews if item not in wrong]
    if not judged:
        answered = (item for item, answer in enumerate(answers) if answer["answer"] and item not in previews)
        others += [item for item, _ in zip(answered, range(MOST_UNJUDGED), strict=False)]
    listed = [item for item in previews if item in wrong] + silent[:MOST_SILENT]
    return {
        "listed": {*listed, *others},
        "family": results["best"],
        "mistakes": [_row(results, item, previews.get(item)) for item in listed],
        "others": [_row(results, item, previews.get(item)) for item in others],
        "judged": judged,
        "wrong": len(mistakes),
        "more": max(0, len(silent) - MOST_SILENT),
        "playable": len(previews),
        "sounds": any(item["seconds"] is not None for item in results["items"]),
        "dropped": dropped,
        "own": tasks.of(results["task"]).clip_template,
    }


def _row(results: dict[str, Any], item: int, preview: Preview | None) -> dict[str, Any]:
    facts = results["items"][item]
    answer = results["answers"][item] if results["answers"] else {"answer": None, "wrong": None}
    return {
        "item": item,
        "file": facts["file"] + wording.part_of_file(facts),
        "label": facts["label"],
        **answer,
        "own": tasks.of(results["task"]).clip(results, item),
        "facts": _facts(facts, preview),
        "preview": preview,
    }


def _facts(item: dict[str, Any], preview: Preview | None) -> list[str]:
    words = [] if item["fold"] is None else [f"fold {item['fold']}"]
    if item["seconds"] is not None:
        words.append(wording.duration(item["seconds"]))
    if preview is not None:
        if item["seconds"] is not None and preview.seconds + 0.05 < item["seconds"]:
            words.append(f"loudest {wording.duration(preview.seconds)}, from {wording.duration(preview.start)}")
        words.append(f"played {wording.decibels(preview.gain_db)}")
    return words + list(item["flags"])
