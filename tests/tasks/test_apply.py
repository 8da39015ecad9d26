"""A model at work: clips, timelines in constant memory, formats, cuts, and files that cannot be read."""

import csv
import io
import json

import numpy as np
import pytest

from mynah import audio
from mynah.errors import BadInput, UsageError
from mynah.tasks import apply as work
from mynah.tasks.apply import NONE_OF_THESE, Answer, Segment, Windows, apply, cut, render

RATE = 1000
KNOWN = {"min": 1.0, "median": 1.0, "max": 1.0}


class Loudness:
    """Says "loud" for windows above half of full scale, "soft" for some sound, and is unsure of silence."""

    rate_ = RATE
    threshold_ = 0.6
    classes_ = np.array(["loud", "soft"])

    def __init__(self):
        self.longest = 0

    def predict_proba(self, clips):
        wave = clips[0].read(RATE)
        self.longest = max(self.longest, wave.shape[1])
        level = np.quantile(np.abs(wave), 0.25)
        return np.array([[0.5, 0.5] if level < 0.01 else [0.9, 0.1] if level > 0.5 else [0.2, 0.8]])


@pytest.fixture
def long_file(tmp_path):
    """Ten seconds: 4 s soft, 3 s loud, 3 s silent."""
    wave = np.concatenate([np.full(4000, 0.2), np.full(3000, 0.8), np.zeros(3000)]).astype(np.float32)[None]
    audio.write(tmp_path / "long.wav", wave, RATE)
    return tmp_path / "long.wav"


def test_a_clip_gets_one_answer(tmp_path):
    audio.write(tmp_path / "a.wav", np.full((1, 1200), 0.8, np.float32), RATE)
    (answer,) = apply(Loudness(), [tmp_path / "a.wav"], training_seconds=KNOWN)
    assert answer.label == "loud"
    assert answer.segments == (Segment(0.0, 1.2, "loud", 0.9),)


def test_a_long_file_gets_a_timeline(long_file):
    (answer,) = apply(Loudness(), [long_file], training_seconds=KNOWN)
    assert [segment.label for segment in answer.segments] == ["soft", "loud", NONE_OF_THESE]
    edges = [answer.segments[0].start, *(segment.end for segment in answer.segments)]
    assert np.allclose(edges, [0, 4, 7, 10], atol=0.5)
    assert all(a.end == b.start for a, b in zip(answer.segments, answer.segments[1:], strict=False))
    assert answer.label == "soft"
    assert sum(answer.scores.values()) == pytest.approx(1)


@pytest.mark.parametrize(("window", "hop"), [(0.3, 0.3), (1.0, 0.1), (0.7, 0.4), (20.0, 1.0)])
def test_the_timeline_covers_the_file_whatever_the_windows(long_file, window, hop):
    (answer,) = apply(Loudness(), [long_file], Windows(window, hop), training_seconds=KNOWN)
    assert answer.segments[0].start == 0
    assert answer.segments[-1].end == pytest.approx(10)
    assert all(a.end == pytest.approx(b.start) for a, b in zip(answer.segments, answer.segments[1:], strict=False))


def test_a_long_file_is_read_in_parts(long_file, monkeypatch):
    read = []
    plain = audio.read
    monkeypatch.setattr(work, "WINDOWS_A_READ", 4)
    monkeypatch.setattr(audio, "read", lambda *a, **k: read.append(plain(*a, **k)) or read[-1])
    list(apply(Loudness(), [long_file], training_seconds=KNOWN))
    assert max(wave.shape[1] for wave, _ in read) <= 2.5 * RATE


def test_reading_in_parts_changes_nothing(long_file, monkeypatch):
    (whole,) = apply(Loudness(), [long_file], training_seconds=KNOWN)
    monkeypatch.setattr(work, "WINDOWS_A_READ", 3)
    assert list(apply(Loudness(), [long_file], training_seconds=KNOWN)) == [whole]


def test_one_bad_file_stops_nothing(tmp_path, long_file):
    (tmp_path / "bad.wav").write_bytes(b"not sound")
    answers = list(apply(Loudness(), [tmp_path], training_seconds=KNOWN))
    assert [bool(answer.error) for answer in answers] == [True, False]
    assert "not a sound file" in answers[0].error


def test_nothing_there(tmp_path):
    with pytest.raises(BadInput, match="no such file"):
        list(apply(Loudness(), [tmp_path / "x"]))
    with pytest.raises(BadInput, match="no audio"):
        list(apply(Loudness(), [tmp_path]))


@pytest.mark.parametrize(
    "wrong", [{"seconds": 0}, {"hop_seconds": -1}, {"threshold": 2}, {"seconds": 1, "hop_seconds": 2}]
)
def test_wrong_windows(wrong):
    with pytest.raises(UsageError):
        Windows(**wrong)


ANSWERS = [
    Answer("a, b.wav", "x", {"x": 0.9, "y": 0.1}, (Segment(0, 1, "x", 0.9), Segment(1, 2, NONE_OF_THESE, 0.4)), 2.0),
    Answer("c.wav", error="damaged"),
]


def test_json_has_the_documented_keys():
    document = json.loads(render(ANSWERS, "json"))
    assert set(document[0]) == {"file", "label", "scores", "segments"}
    assert document[0]["segments"][0] == {"start": 0, "end": 1, "label": "x", "score": 0.9}
    assert document[1]["error"] == "damaged"
    assert document[1]["label"] is None


def test_csv_audacity_and_raven():
    rows = list(csv.DictReader(io.StringIO(render(ANSWERS, "csv"))))
    assert [row["label"] for row in rows] == ["x", NONE_OF_THESE, ""]
    assert rows[0]["file"] == "a, b.wav"
    assert render(ANSWERS, "audacity") == "0.000000\t1.000000\tx\n"
    header, line = (row.split("\t") for row in render(ANSWERS, "raven").splitlines())
    assert dict(zip(header, line, strict=True))["End Time (s)"] == "1.000000"
    with pytest.raises(UsageError, match="no such format"):
        render(ANSWERS, "xml")


def test_cut_writes_each_named_segment(tmp_path, long_file):
    answers = list(apply(Loudness(), [long_file], training_seconds=KNOWN))
    files = cut(answers, tmp_path / "cuts")
    assert [path.parent.name for path in files] == ["soft", "loud"]
    wave, rate = audio.read(files[1])
    assert wave.shape[1] / rate == pytest.approx(answers[0].segments[1].end - answers[0].segments[1].start, abs=0.01)
