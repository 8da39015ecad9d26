"""Clips that are written down: from a folder to a page, and what is refused."""

import csv
import json

import numpy as np
import pytest

import mynah
from mynah import modelfile
from mynah.ground.errors import BadInput, NotEnoughData, UsageError
from mynah.runs.learn import resume
from mynah.tasks import by_name, transcribe
from mynah.testing.models import RATE, toy_strings
from mynah.using.listening import Windows, apply


def folder_of(place, rows, column="label"):
    """Write toy strings whose texts are replaced by `rows` where given."""
    clips, texts = toy_strings(clips=len(rows))
    place.mkdir(parents=True, exist_ok=True)
    with open(place / "meta.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["file", column])
        for number, (clip, text, row) in enumerate(zip(clips, texts, rows, strict=True)):
            mynah.write(place / f"{number:03d}x.wav", clip.wave, RATE)
            table.writerow([f"{number:03d}x.wav", text if row is None else row])
    return place


OPTIONS = {"task": "transcribe", "budget": "60steps", "executor": "sequential", "folds": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("strings")
    return mynah.learn(folder_of(place / "sounds", [None] * 40), out=place / "run", **OPTIONS)


def test_a_run_has_texts_and_a_valid_document(run):
    from mynah.report.schema import validate

    results = json.loads((run.folder / "results.json").read_text())
    validate(results, strict=True)
    assert results["task"] == "transcribe"
    assert results["classes"] == ["a", "b", "c"]
    assert {row["name"] for row in run.board} == {"constant_text", "seq2seq"}
    for row in run.board:
        assert row["score"] == pytest.approx(1 - row["scores"]["symbol_error_rate"])
        assert row["ci"][0] <= row["score"] <= row["ci"][1]
    page = run.report.read_text()
    assert "symbol error rate of" in page
    assert 'id="mistakes"' not in page
    assert "Can its probabilities be believed" not in page
    assert "error rate" in str(run)


def test_a_run_that_was_interrupted_ends_as_if_it_had_not_been(run, tmp_path):
    def stop(stage, done, total, note=""):
        if stage == "train" and done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mynah.learn(run.folder.parent / "sounds", out=tmp_path / "run", progress=stop, **OPTIONS)
    assert json.loads((tmp_path / "run" / "results.json").read_text())["status"] == "partial"
    again = resume(tmp_path / "run")
    assert {r["name"]: r["details"]["predicted"] for r in again.board} == {
        r["name"]: r["details"]["predicted"] for r in run.board
    }
    one, other = (modelfile.load(r.folder / "best.mynah").tensors() for r in (again, run))
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_apply_says_a_text_a_file(run, tmp_path):
    sounds = folder_of(tmp_path / "new", [None] * 3)
    answers = list(apply(run.best, [sounds]))
    assert [answer.error for answer in answers] == [""] * 3
    assert all(set(answer.label) <= set("abc") for answer in answers)
    with pytest.raises(UsageError, match="whole clips"):
        list(apply(run.best, [sounds], Windows(threshold=0.5)))


def test_a_file_that_is_longer_than_trained_is_flagged_and_then_refused(run, tmp_path):
    wave = np.random.default_rng(0).normal(0, 0.1, (1, 8 * RATE)).astype(np.float32)
    mynah.write(tmp_path / "long.wav", wave[:, : 2 * RATE], RATE)
    mynah.write(tmp_path / "far.wav", wave, RATE)
    known = {"median": 0.5, "max": 0.6}
    far, long = sorted(apply(run.best, [tmp_path], training_seconds=known), key=lambda answer: answer.file)
    assert "far too long" in far.error
    assert long.flags == ["long"]


def test_compare_and_repeat(run, tmp_path):
    comparison = mynah.compare([run.folder])
    assert comparison.rows[0]["score"] == run.board[0]["score"]
    assert run.to_repeat(run.folder.parent / "sounds")["task"] == "transcribe"


@pytest.mark.parametrize(
    ("rows", "kind", "words"),
    [
        ([None] * 10 + [""], BadInput, "without a text"),
        (["aaa", "a"] * 6, NotEnoughData, "one symbol"),
        ([None] * 2, NotEnoughData, "too few"),
    ],
    ids=["empty text", "one symbol", "few"],
)
def test_what_is_refused(rows, kind, words, tmp_path):
    sounds = folder_of(tmp_path / "sounds", rows)
    with pytest.raises(kind, match=words):
        mynah.learn(sounds, out=tmp_path / "run", task="transcribe", budget="5steps")


def test_no_text_column_and_no_such_task(tmp_path):
    sounds = folder_of(tmp_path / "sounds", [None] * 10, column="words")
    with pytest.raises(BadInput, match="no column label"):
        mynah.learn(sounds, out=tmp_path / "run", task="transcribe")
    with pytest.raises(UsageError, match="no such task"):
        mynah.learn(sounds, out=tmp_path / "run", task="translate")
    with pytest.raises(UsageError, match="does not transcribe"):
        mynah.learn(sounds, out=tmp_path / "run", task="transcribe", target="words", families="lstm")


def test_scores_by_hand():
    labels, said = np.array(["abc", "b"]), np.array(["ac", "bbb"])
    names = np.array(["a", "b", "c"])
    scores = transcribe.TASK.scores(labels, said, names)
    assert scores["symbol_error_rate"] == 3 / 4
    assert (scores["deletions"], scores["insertions"], scores["substitutions"]) == (1 / 4, 2 / 4, 0)
    task = by_name("transcribe")
    assert task.metric.score(task.statistics(labels, said, names).sum(axis=0)) == 1 / 4
    assert task.floor(np.array(["ab", "ab", "c"]), names) == pytest.approx(1 - 2 / 5)


def test_words_of_a_fold_are_cut_as_those_of_all():
    names = np.array(["kick", "snare"])
    assert transcribe.TASK.statistics(np.array(["kick"]), np.array([""]), names).tolist() == [[1.0, 1.0]]
