"""The list tells the truth: every entry is there, and what is built is what cards claim."""

from pathlib import Path

import pytest

from mynah import catalog
from mynah.ground.errors import UsageError
from mynah.papers import reading


def test_the_page_of_the_list_is_up_to_date():
    assert (Path(__file__).parents[2] / "docs/reading-list.md").read_text(
        encoding="utf-8"
    ) == reading.as_markdown() + "\n"


def test_cards_name_entries_that_exist():
    known = {entry.id for entry in reading.entries()}
    assert len(known) == len(reading.entries()) > 50
    for card in catalog.cards():
        assert set(card.reading) <= known, card.name


def test_unbuilt_entries_say_so():
    assert reading.find("cosmonet").state == "not built"
    assert "elman" in reading.find("elman-vanishing-gradients").state


def test_names_and_aliases():
    assert catalog.card("Random_Forest").name == "forest"
    assert catalog.model_class("cnn").__name__ == "ResNet"
    with pytest.raises(UsageError, match="Did you mean lstm"):
        catalog.card("lsmt")
    with pytest.raises(UsageError, match="not on the list"):
        reading.find("qqqqqq")
