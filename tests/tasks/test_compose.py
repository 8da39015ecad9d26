"""Composers are compared like every other family, by the share of the prediction error that they save."""

import json

import numpy as np
import pytest

from mynah import compare, learn
from mynah.data.pieces import read_pieces
from mynah.data.tunes import tune
from mynah.ground.errors import BadInput, NotEnoughData, UsageError
from mynah.music import midi
from mynah.runs.compose import Order, compose
from mynah.runs.learn import resume
from mynah.tasks import by_name

OPTIONS = {
    "task": "compose",
    "families": "melody_rnn,char_rnn",
    "budget": "4steps",
    "folds": 2,
    "executor": "sequential",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tunes")
    for number in range(6):
        midi.write(tune(0, number, bars=4), folder / f"{number}.mid")
    midi.write(tune(0, 0, bars=4), folder / "copy of 0.mid")
    (folder / "broken.mid").write_bytes(b"MThd")
    return folder


@pytest.fixture(scope="module")
def run(place, tmp_path_factory):
    return learn(place, out=tmp_path_factory.mktemp("run") / "run", **OPTIONS)


def test_composers_are_compared_by_what_they_save(run):
    assert {row["name"]: row["status"] for row in run.board} == {"melody_rnn": "ok", "char_rnn": "ok"}
    assert run.results["metric"]["name"] == "error_saved"
    assert run.results["chance"] == 0
    assert "pieces" in run.results["verdict"]
    for row in run.board:
        counting, error = (np.array(row["details"][name]) for name in ("baseline_errors", "errors"))
        assert row["score"] == pytest.approx(1 - error.sum() / counting.sum())
        assert row["details"]["unit"].startswith("nats a ")
        assert row["details"]["error"] == pytest.approx(error.mean())


def test_the_score_is_what_the_model_of_a_fold_says_of_unseen_pieces(run, place):
    pieces = read_pieces(place)
    splits = by_name("compose").split(pieces, folds=2, seed=0)
    fold = splits.folds[0]
    from mynah import modelfile

    row = next(row for row in run.board if row["name"] == "melody_rnn")
    of_family = [p for p in run.folder.glob("trials/*/result.json") if '"family": "melody_rnn"' in p.read_text()]
    first = next(p for p in of_family if json.loads(p.read_text())["trial"]["fold"] == fold.name)
    model = modelfile.load(first.parent / "model.mynah")
    known, new = pieces.take(fold.train), pieces.take(fold.test)
    wanted = np.stack([model.counting_baseline(known, new), model.prediction_error(new)], axis=1)
    found = [(row["details"]["baseline_errors"][i], row["details"]["errors"][i]) for i in fold.test]
    assert np.array(found) == pytest.approx(wanted)


def test_copies_are_on_one_side_and_what_cannot_be_read_is_said(run):
    items = {item["file"]: item for item in run.results["items"]}
    assert items["0.mid"]["group"] == items["copy of 0.mid"]["group"]
    assert items["0.mid"]["fold"] == items["copy of 0.mid"]["fold"]
    assert [problem["file"] for problem in run.results["problems"]] == ["broken.mid"]


def test_strict_and_labels_mean_what_they_say(place, tmp_path):
    with pytest.raises(BadInput, match=r"^broken\.mid: "):
        learn(place, out=tmp_path / "run", strict=True, **OPTIONS)
    with pytest.raises(UsageError, match="no labels file"):
        learn(place, out=tmp_path / "run", labels="labels.csv", **OPTIONS)


def test_a_problem_names_its_file_whatever_it_is_called(tmp_path):
    midi.write(tune(0, 0, bars=4), tmp_path / "good.mid")
    (tmp_path / "op. 1: bad.mid").write_bytes(b"MThd")
    (problem,) = read_pieces(tmp_path).problems
    assert problem.file == "op. 1: bad.mid"
    assert "op. 1" not in problem.detail
    assert problem.remedy


def test_made_pieces_can_be_heard_and_say_what_they_borrow(run, place):
    for row in run.board:
        assert len(row["sounds"]) == 2
        for sound in row["sounds"]:
            assert (run.folder / sound["file"]).stat().st_size > 10_000
            assert (run.folder / sound["file"]).with_suffix(".mid").exists()
            assert 0 <= sound["details"]["borrowed"] <= sound["details"]["notes"]
    page = run.report.read_text(encoding="utf-8")
    assert "prediction error saved" in page
    assert page.count("data:audio/mpeg") >= 4


def test_it_is_repeated_resumed_and_compared(run, place, tmp_path):
    again = learn(place, out=tmp_path / "again", **OPTIONS)
    assert [row["score"] for row in again.board] == [row["score"] for row in run.board]
    for result in sorted(again.folder.glob("trials/*/result.json"))[:2]:
        result.unlink()
    assert [row["score"] for row in resume(again.folder).board] == [row["score"] for row in run.board]
    assert len(compare([run.folder, again.folder]).rows) == 4


def test_the_kept_model_composes(run, tmp_path):
    made = compose(run.folder / "best.mynah", order=Order(bars=2, count=1), out=tmp_path / "music")
    assert (tmp_path / "music" / "piece-1.mid").exists()
    assert "prediction error saved" in str(made)


def test_too_few_different_pieces_are_refused(tmp_path):
    for number in range(3):
        midi.write(tune(0, 0, bars=4), tmp_path / f"{number}.mid")
    with pytest.raises(NotEnoughData, match="at least 4 different pieces"):
        learn(tmp_path, out=tmp_path / "run", **OPTIONS)
