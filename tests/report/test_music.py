"""The piano roll: notes where they belong, what was given, and what is drawn of a long piece."""

import re

import pytest

from mynah.ground.errors import BadInput, IncompatibleFile
from mynah.report import music


def piece(*notes, primed=0.0, bars=(0, 4, 8)):
    found = {"notes": [list(note) for note in notes], "primed": primed, "bars": list(bars)}
    return {**found, "seconds": 3.21, "played": [0.0, 3.71], "drums": 0}


def boxes(drawn, kind):
    found = re.findall(rf'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" class="{kind}"', drawn)
    return [tuple(map(float, box)) for box in found]


def test_notes_are_drawn_by_time_and_pitch():
    drawn = music.roll(piece((0, 2, 60), (2, 4, 61), (4, 8, 72)))
    low, next_up, high = boxes(drawn, "note")
    wide = (music.WIDTH - 4 - music.LEFT) / 8
    assert low[0] == pytest.approx(music.LEFT, abs=0.1)
    assert next_up[0] - low[0] == pytest.approx(2 * wide, abs=0.2)
    assert high[2] == pytest.approx(4 * wide - 1, abs=0.2)
    assert low[1] - next_up[1] == pytest.approx(low[3], abs=0.2)
    assert high[1] < next_up[1]
    assert "Piano roll: 3 notes from C4 to C5 in 2 bars" in drawn


def test_what_was_given_is_marked():
    drawn = music.roll(piece((0, 2, 60), (2, 4, 61), primed=2.0))
    assert len(boxes(drawn, "note given")) == len(boxes(drawn, "note")) == 1
    assert len(boxes(drawn, "given")) == drawn.count('class="until"') == 1


def test_of_a_long_piece_what_is_new_is_drawn():
    notes = [(n, n + 1, 60 + n % 5) for n in range(200)]
    bars = range(0, 200, 4)
    assert music._drawn(piece(*notes, bars=bars)) == (0, 128)
    assert music._drawn(piece(*notes, primed=150.0, bars=bars)) == (116, 200)
    drawn = music.roll(piece(*notes, primed=150.0, bars=bars))
    assert len(boxes(drawn, "note")) == 50
    assert len(boxes(drawn, "note given")) == 34
    assert "drawn: the quarter notes 117 to 200 of 200" in music._facts(piece(*notes, primed=150.0, bars=bars))


def test_what_is_played_of_a_long_piece_is_said():
    assert not any("played" in fact for fact in music._facts(piece((0, 2, 60))))
    long = piece((0, 2, 60)) | {"seconds": 900.0, "played": [290.0, 410.0]}
    assert "played: 290 s to 410 s" in music._facts(long)


def test_what_is_borrowed_is_said_beside_what_is_usual():
    found = {"notes": 9, "of": 64, "piece": "a<b.mid"}
    said, usual = music._borrowed(found, {"pieces": 10, "notes": 4.0, "of": 61.5})
    assert said == "longest passage that a learned piece has too: 9 of 64 notes (a&lt;b.mid)"
    assert usual == "in the median of 10 pieces held out: 4 of 61.5 notes"
    nothing = {"notes": 0, "of": 64, "piece": None}
    assert music._borrowed(nothing, None) == ["longest passage that a learned piece has too: 0 of 64 notes"]
    assert music._borrowed(None, None) == music._borrowed({"notes": 0, "of": 0, "piece": None}, None) == []


def test_nothing_can_be_drawn_too():
    assert "0 notes" in music.roll(piece())


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(BadInput, match="not a folder that"):
        music.build(tmp_path)
    (tmp_path / "music.json").write_text("{")
    with pytest.raises(IncompatibleFile, match="damaged"):
        music.build(tmp_path)
    (tmp_path / "music.json").write_text('{"schema": "mynah.music/9"}')
    with pytest.raises(IncompatibleFile, match="another version"):
        music.build(tmp_path)
    (tmp_path / "music.json").write_text('{"schema": "mynah.music/1", "composed": []}')
    with pytest.raises(IncompatibleFile, match="not complete"):
        music.build(tmp_path)
