"""A model at work: clips, timelines in constant memory, formats, cuts, and files that cannot be read."""

import csv
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from mynah import audio
from mynah.data import scan
from mynah.ground.errors import BadInput, Stopped, UsageError
from mynah.using import listening as work
from mynah.using.answers import NONE_OF_THESE, Answer, Segment, render
from mynah.using.cutting import cut, folder_names
from mynah.using.listening import Windows, apply

RATE = 1000
KNOWN = {"min": 1.0, "median": 1.0, "max": 1.0}


class Loudness:
    """Says "loud" for windows above half of full scale, "soft" for some sound, and is unsure of silence."""

    command = "apply"
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


def test_a_selection_table_runs_on_over_several_files_and_is_read_back(tmp_path, long_file):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.wav", "b.wav"):
        (folder / name).write_bytes(long_file.read_bytes())
    answers = list(apply(Loudness(), [folder], training_seconds=KNOWN))
    lines = [line.split("\t") for line in render(answers, "raven").splitlines()]
    rows = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert [row["Begin File"] for row in rows] == ["a.wav", "a.wav", "b.wav", "b.wav"]
    for first, second in zip(rows[:2], rows[2:], strict=True):
        assert first["File Offset (s)"] == first["Begin Time (s)"] == second["File Offset (s)"]
        apart = float(second["Begin Time (s)"]) - float(first["Begin Time (s)"])
        assert apart == pytest.approx(answers[0].seconds)
        assert Path(second["Begin Path"]) == folder / "b.wav"
    (tmp_path / "table.txt").write_text(render(answers, "raven"), encoding="utf-8")
    clips = scan(folder, labels=tmp_path / "table.txt")
    spans = [(clip.file, clip.label, clip.start, clip.end) for clip in clips]
    ours = [
        (Path(a.file).name, s.label, s.start, s.end) for a in answers for s in a.segments if s.label != NONE_OF_THESE
    ]
    assert [(*one[:2], pytest.approx(one[2])) for one in spans] == [one[:3] for one in ours]
    assert all(end is None or end == pytest.approx(other[3]) for (*_, end), other in zip(spans, ours, strict=True))


def test_cut_writes_each_named_segment(tmp_path, long_file):
    answers = list(apply(Loudness(), [long_file], training_seconds=KNOWN))
    files = cut(answers, tmp_path / "cuts")
    assert [path.parent.name for path in files] == ["soft", "loud"]
    wave, rate = audio.read(files[1])
    assert wave.shape[1] / rate == pytest.approx(answers[0].segments[1].end - answers[0].segments[1].start, abs=0.01)


def write(path, wave, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.asarray(wave, np.float32), rate, **options)
    return path


def test_a_file_of_nan_is_told_and_the_others_go_on(tmp_path):
    write(tmp_path / "a.wav", [0.1, np.nan, np.inf, 0.1], subtype="FLOAT")
    write(tmp_path / "b.wav", np.full(1000, 0.8))
    write(tmp_path / "c.wav", [0.1, *[np.nan] * 9000], subtype="FLOAT")
    one, two, three = apply(Loudness(), [tmp_path], training_seconds=KNOWN)
    assert one.error == "2 samples are NaN or infinite. Export it again."
    assert two.label == "loud"
    assert three.error.startswith("9000 samples are NaN")


class Broken(Loudness):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def predict_proba(self, clips):
        raise self.error


def test_whatever_a_file_brings_about_is_its_error(long_file):
    (answer,) = apply(Broken(IndexError("out of range")), [long_file])
    assert answer.error == "cannot be answered (IndexError: out of range)"
    (answer,) = apply(Broken(BadInput("too wide", where=long_file, measured="7", remedy="Narrow it.")), [long_file])
    assert answer.error == "too wide (7). Narrow it."


@pytest.mark.parametrize("end", [Stopped("stopped by SIGTERM"), KeyboardInterrupt()])
def test_a_stop_is_no_fault_of_the_file(long_file, monkeypatch, end):
    with pytest.raises(type(end)):
        list(apply(Broken(end), [long_file]))
    monkeypatch.setattr(audio, "stream", lambda *_, **__: (_ for _ in ()).throw(end))
    with pytest.raises(type(end)):
        list(apply(Loudness(), [long_file]))


def test_answers_that_are_none_are_an_error(long_file):
    class Lost(Loudness):
        def predict_proba(self, clips):
            return np.full((1, 2), np.nan)

    for known, peak in ((KNOWN, 0.2), ({"median": 1.0, "max": 60.0}, 0.8)):
        (answer,) = apply(Lost(), [long_file], training_seconds=known)
        assert f"the model has no answer to it (peak {peak} of full scale)" in answer.error


def test_stretches_without_samples_keep_their_place(long_file, monkeypatch):
    plain = audio.read

    def read(path, *, start=0.0, end=None, **options):
        wave, rate = plain(path, start=start, end=end, **options)
        return (wave[:, :0] if 3.9 < start < 5.1 else wave), rate

    monkeypatch.setattr(work, "WINDOWS_A_READ", 1)
    monkeypatch.setattr(audio, "read", read)
    (answer,) = apply(Loudness(), [long_file], Windows(0.5, 0.5), training_seconds=KNOWN)
    found = [(s.start, s.end, s.label) for s in answer.segments]
    assert found == [(0, 4, "soft"), (4, 5.5, NONE_OF_THESE), (5.5, 7, "loud"), (7, 10, NONE_OF_THESE)]
    assert sum(answer.scores.values()) == pytest.approx(1)


@pytest.mark.parametrize(("seconds", "window", "hop"), [(9.4, 1.4, 1.0), (10, 1.4, 1.0), (3.3, 1.0, 0.75)])
def test_the_last_window_reaches_the_end(tmp_path, seconds, window, hop):
    path = write(tmp_path / "a.wav", np.full(round(seconds * RATE), 0.8))
    (answer,) = apply(Loudness(), [path], Windows(window, hop), training_seconds=KNOWN)
    assert [(s.label, s.end) for s in answer.segments] == [("loud", pytest.approx(seconds))]


def test_none_of_these_knows_what_is_nearest(tmp_path):
    path = write(tmp_path / "a.wav", np.full(5000, 0.2))
    (answer,) = apply(Loudness(), [path], Windows(threshold=0.95), training_seconds=KNOWN)
    (segment,) = answer.segments
    assert (segment.label, segment.nearest) == (NONE_OF_THESE, "soft")
    assert segment.score == pytest.approx(answer.scores["soft"])
    assert "nearest" not in render([answer], "json")


def test_files_are_judged_as_learn_judges_them(tmp_path):
    cut_off = write(tmp_path / "a.wav", np.full(1000, 0.8), subtype="PCM_16")
    cut_off.write_bytes(cut_off.read_bytes()[: 44 + 1000])
    write(tmp_path / "b.wav", np.sign(np.sin(np.arange(1000))), subtype="PCM_16")
    write(tmp_path / "c.wav", np.zeros(1000))
    write(tmp_path / "d.wav", [])
    write(tmp_path / "e.wav", np.sin(np.arange(1000)))
    (tmp_path / "f.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    answers = list(apply(Loudness(), [tmp_path], training_seconds=KNOWN))
    assert [a.flags for a in answers] == [["truncated", "dc"], ["clipped"], [], [], [], []]
    assert answers[0].problems[0].detail == "used 0.5 s of 1 s"
    assert [bool(a.label) for a in answers] == [True, True, False, False, True, False]
    assert answers[2].error == "silent, peak 0.0e+00 of full scale. Remove it."
    assert answers[3].error == "no samples. Export it again."
    assert answers[5].error == ".m4a is not read. Convert it to WAV or FLAC, for example with ffmpeg."
    rows = json.loads(render(answers, "json"))
    assert list(rows[0]) == ["file", "label", "scores", "segments", "flags"]
    assert rows[0]["flags"] == ["truncated", "dc"]
    assert str(tmp_path) not in answers[3].error


def test_a_folder_of_other_formats_says_what_to_do(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.m4a").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"saw 3 \.m4a that cannot be read\)\. Convert it to WAV .* I read aif"):
        list(apply(Loudness(), [tmp_path]))


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (answer,) = apply(Loudness(), [tmp_path / "pipe.wav"])
    assert "not a regular file" in answer.error


def test_windows_that_would_never_end(long_file):
    with pytest.raises(UsageError, match=r"--window: shorter than one sample at 1000 Hz \(1e-09 s\)"):
        list(apply(Loudness(), [long_file], Windows(1e-9)))
    with pytest.raises(UsageError, match=r"--hop: shorter than one sample"):
        list(apply(Loudness(), [long_file], Windows(1.0, 1e-9)))
    with pytest.raises(UsageError, match=r"--hop: longer than the window of 1 s"):
        list(apply(Loudness(), [long_file], Windows(hop_seconds=2.0), training_seconds=KNOWN))
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(UsageError, match="--window"):
            Windows(wrong)


def test_too_many_windows(long_file, monkeypatch):
    monkeypatch.setattr(work, "MOST_WINDOWS", 100)
    (answer,) = apply(Loudness(), [long_file], Windows(0.1, 0.05))
    assert answer.error == (
        "would take too many windows (199 of 0.1 s each, 0.05 s apart). Give a longer --window or --hop."
    )


def test_a_model_of_arrays_is_refused_once(long_file):
    class OfArrays(Loudness):
        rate_ = None

    with pytest.raises(UsageError, match="fitted on arrays"):
        list(apply(OfArrays(), [long_file]))


def test_a_name_that_is_no_unicode(tmp_path):
    path = tmp_path / os.fsdecode(b"\xff\xfe.wav")
    write(tmp_path / "a.wav", np.full(1000, 0.8)).rename(path)
    for given in (tmp_path, path):
        (answer,) = apply(Loudness(), [given], training_seconds=KNOWN)
        assert answer.file == f"{tmp_path}/\\xff\\xfe.wav"
        assert answer.label == "loud"
        assert all(render([answer], form).encode() for form in ("json", "csv", "audacity", "raven"))
        (file,) = cut([answer], tmp_path / f"cuts of {given.is_dir()}")
        assert file.name == "_xff_xfe_0001_0.00s.wav"


def test_takes_of_one_name_and_earlier_runs_stay_apart(tmp_path):
    for place, level in (("p", 0.8), ("q", 0.2), ("r", 0.8)):
        write(tmp_path / "two" / place / "take.wav", np.full(1000, level))
    answers = list(apply(Loudness(), [tmp_path / "two"], training_seconds=KNOWN))
    first = cut(answers, tmp_path / "cuts")
    assert [path.name for path in first] == [f"{place}_take_0001_0.00s.wav" for place in "pqr"]
    second = cut(answers, tmp_path / "cuts")
    assert [path.name for path in second] == [f"{place}_take_0001_0.00s-2.wav" for place in "pqr"]
    assert len(set(first + second)) == len(list((tmp_path / "cuts").rglob("*.wav"))) == 6


def test_labels_never_share_a_folder():
    names = folder_names(["a/b", "a_b", "A_B", "..", "", "x" * 300, "x" * 299 + "y", "ü" * 200, "con\n", "end. "])
    assert names["A_B"] == "A_B"
    assert len({name.casefold() for name in names.values()}) == len(names)
    assert all(len(name.encode()) <= 210 and "/" not in name and not name.startswith(".") for name in names.values())
    assert names["end. "] == "end"


def test_long_names_are_cut_by_bytes(tmp_path):
    path = write(tmp_path / "in" / ("ü" * 100 + ".wav"), np.full(1000, 0.8))
    (answer,) = apply(Loudness(), [path], training_seconds=KNOWN)
    (file,) = cut([answer], tmp_path / "cuts")
    assert file.is_file()
    assert "ü" * 90 in file.name


def test_a_folder_for_cuts_that_cannot_be_made(tmp_path, long_file):
    answers = list(apply(Loudness(), [long_file], training_seconds=KNOWN))
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Stopped, match="cannot be written"):
            cut(answers, place)


def test_no_name_or_label_breaks_a_line():
    evil = "a\tb\nc\x1b[31m\x85\u2028"
    answers = [
        Answer(f"{evil}.wav", evil, {evil: 1.0}, (Segment(0, 1, evil, 1.0),)),
        Answer("b.wav", error=evil),
    ]
    assert render(answers, "audacity").splitlines() == ["0.000000\t1.000000\ta�b�c�[31m��"]
    header, line = render(answers, "raven").splitlines()
    assert len(line.split("\t")) == len(header.split("\t"))
    assert len(render(answers, "csv").splitlines()) == 3
    assert "\x1b" not in render(answers, "csv")
    assert json.loads(render(answers, "json"))[0]["label"] == evil
