"""The page of composed pieces, in a real browser, offline: it plays, draws every note, and asks for nothing."""

import pytest

from mynah.data.tunes import tunes
from mynah.music.midi import read
from mynah.runs.compose import Order, compose


@pytest.mark.parametrize("width", [380, 1200])
def test_pieces_are_drawn_and_played(visit, tmp_path, width):
    folder = tunes(tmp_path / "tunes", count=8)
    compose(folder, budget="20steps", order=Order(bars=4, count=2, render=True), out=tmp_path / "out")
    visited = visit((tmp_path / "out" / "report.html").as_uri(), viewport={"width": width, "height": 800})
    page = visited.page
    notes = sum(len(read(path).notes) for path in (tmp_path / "out").glob("*.mid"))
    assert page.locator("svg rect").count() >= notes > 0
    players = page.locator("audio")
    assert players.count() >= 2
    players.first.evaluate("(a) => a.play()")
    assert players.first.evaluate("(a) => a.duration") > 1
    visited.until("document.querySelector('audio').currentTime > 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert visited.errors == []
    assert visited.fetched() == []
