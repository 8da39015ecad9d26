"""Sounds side by side: each is in the page once, wherever it stands."""

from __future__ import annotations

from typing import Any

from mynah.report import wording
from mynah.report.embed import Preview


def of_item(
    item: int, words: list[str], results: dict[str, Any], sounding: dict[int, Preview], shown: set[int]
) -> dict[str, Any]:
    """Return what templates/sound.html shows of an item of the run, see `cell`."""
    facts = results["items"][item]
    return cell(item, facts["file"] + wording.part_of_file(facts), words, sounding, shown)


def cell(number: int, name: str, words: list[str], sounding: dict[int, Preview], shown: set[int]) -> dict[str, Any]:
    """Return one sound as templates/sound.html shows it; `preview` is its only copy in the page.

    Args:
        number: of the item or the made sound.
        words: facts beneath it.
        sounding: the previews in the page.
        shown: numbers that have been shown before, to which this is added: other places take the sound from there.
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
