"""The sounds that families made, for a task that does not show them in a way of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mynah.report import wording
from mynah.report.embed import Preview


def section(results: dict[str, Any], previews: Sequence[Preview], dropped: int) -> dict[str, Any] | None:
    """Return what templates/sounds.html shows, or None where no sounds were made."""
    made = [family for family in results["families"] if family["sounds"]]
    if not made:
        return None
    sounding = {preview.item: preview for preview in previews}
    shown: set[int] = set()
    return {
        "families": [
            heading(family, results)
            | {
                "sounds": [
                    cell(sound["id"], f"{family['name']} {number}", requested(sound), sounding, shown)
                    for number, sound in enumerate(family["sounds"], 1)
                ]
            }
            for family in made
        ],
        "dropped": dropped,
    }


def heading(family: dict[str, Any], results: dict[str, Any]) -> dict[str, Any]:
    """Return what stands above a family's sounds."""
    return {"name": family["name"], "title": family["title"], "kept": family["name"] == results["best"]}


def requested(sound: dict[str, Any]) -> list[str]:
    """Return what was asked for, in words."""
    return [f"requested label {sound['label']}"] if sound["label"] else []


def of_item(
    item: int, words: list[str], results: dict[str, Any], sounding: Mapping[int, Preview], shown: set[int]
) -> dict[str, Any]:
    """Return an item of the run, as `cell` returns a sound."""
    facts = results["items"][item]
    return cell(item, facts["file"] + wording.part_of_file(facts), words, sounding, shown)


def cell(number: int, name: str, words: list[str], sounding: Mapping[int, Preview], shown: set[int]) -> dict[str, Any]:
    """Return one sound; `preview` is its only copy in the page, `audible` whether there is one.

    Args:
        number: of its preview.
        name, words: what is written beside it.
        sounding: the previews in the page.
        shown: numbers of the sounds that stand in the page already; this one is added.
    """
    first = number not in shown
    shown.add(number)
    preview = sounding.get(number)
    return {
        "item": number,
        "name": name,
        "words": words,
        "audible": preview is not None,
        "preview": preview if first else None,
    }
