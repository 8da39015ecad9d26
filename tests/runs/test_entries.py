"""Rows of the comparison: how they are named, what they train, and that a default row is the trial it always was."""

import json

import pytest

from mynah.data.builtin import builtin
from mynah.ground.errors import UsageError
from mynah.runs.entry import Entry, read
from mynah.runs.job import settings_of
from mynah.runs.learn import Learning, learn
from mynah.runs.plan import Plan
from mynah.runs.run import Run

OPTIONS = {"budget": "20steps", "executor": "sequential", "folds": 2}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return builtin(tmp_path_factory.mktemp("data") / "sounds", clips_per_class=6, rate=8000)


def rows(families, settings=None):
    return [entry.name for entry in Plan(task="classify", families=families, settings=settings).entries]


def refused(families, settings=None):
    with pytest.raises(UsageError) as error:
        rows(families, settings)
    return str(error.value)


def test_one_value_replaces_a_default_and_several_make_rows():
    assert rows("lstm,svm", "lstm.hidden=128") == ["lstm(hidden=128)", "svm"]
    assert rows(["resnet"], ["resnet.dropout=0,0.3"]) == ["resnet(dropout=0)", "resnet(dropout=0.3)"]
    assert rows("resnet", ["resnet.widths=(24,32),(8, 16)"]) == ["resnet(widths=(24, 32))", "resnet(widths=(8, 16))"]
    assert rows("lstm", ["LSTM.window=none,12"]) == ["lstm(window=None)", "lstm(window=12)"]
    assert rows("lstm", ["lstm.hidden=8,8.0"]) == ["lstm(hidden=8)"]


def test_several_settings_combine():
    wanted = [f"mlp(dropout={dropout}, learning_rate={rate})" for dropout in ("0", "0.5") for rate in ("0.001", "0.1")]
    assert rows("mlp", ["mlp.dropout=0,0.5", "mlp.learning_rate=1e-3,0.1"]) == wanted


def test_what_is_not_set_stays():
    every = {entry.name for entry in Plan(task="classify").entries}
    changed = {entry.name for entry in Plan(task="classify", settings="lstm.hidden=8").entries}
    assert every ^ changed == {"lstm", "lstm(hidden=8)"}


@pytest.mark.parametrize(
    "name", ["svm", "svm@mfcc", "lstm(hidden=8, learning_rate=0.01)", "gru@mfcc(form=cudnn)", "resnet(widths=(8, 16))"]
)
def test_a_name_reads_as_the_entry(name):
    assert read(name).name == name
    assert read(read(name).name) == read(name)


def test_another_representation_is_another_row():
    assert rows("svm@MFCC,svm@log-mel,forest") == ["svm@mfcc", "svm@log_mel", "forest"]
    assert rows("svm@clip_statistics") == ["svm"]  # its own choice
    assert rows("svm,svm@mfcc", "svm@mfcc.C=1") == ["svm", "svm@mfcc(C=1)"]
    assert rows("svm,svm@mfcc", "svm.C=1") == ["svm(C=1)", "svm@mfcc(C=1)"]


@pytest.mark.parametrize(
    ("families", "settings", "words"),
    [
        ("lstm", "lstm.hiden=3", "lstm.hiden: no such setting. Did you mean hidden? There are hidden=96, layers=1"),
        ("lstm", "lstm.learning_rat=3", "Did you mean learning_rate?"),
        ("lstm", "lsttm.hidden=3", "Did you mean lstm"),
        ("lstm", "lstm.hidden=many", "lstm.hidden: must be a whole number (many). Its default is 96."),
        ("lstm", "lstm.hidden=1.5", "must be a whole number"),
        ("lstm", "lstm.peepholes=3", "must be true or false"),
        ("resnet", "resnet.dropout=nan", "must be a number"),
        ("resnet", "resnet.widths=24", "must be numbers in brackets"),
        ("resnet", "resnet.widths=(24,'a')", "must be numbers in brackets"),
        ("lstm", "lstm.hidden=", "has no value"),
        ("lstm", "lstm", "Write FAMILY.SETTING=VALUE"),
        ("lstm", "lstm.optimizer=Adamm", "no such optimizer"),
        ("mlp", "mlp.activation=Relu", "no such activation"),
        ("lstm", "lstm.budget=3steps", "no such setting"),
        (
            "svm,mlp",
            "knn.k=3",
            "not among the families that are trained. Name it in --families; these are trained: svm, mlp",
        ),
        ("svm@mfc", None, "mfc: no such representation. Did you mean mfcc? There are waveform,"),
        ("svm@mulaw", None, "svm@mulaw: reads amounts, and mulaw gives numbers of symbols"),
        ("lstm(hidden)", None, "a setting is NAME=VALUE"),
        ("lstm(hiden=3)", None, "Did you mean hidden?"),
        ("", None, "is no family"),
    ],
)
def test_what_cannot_be_meant_says_what_can(families, settings, words):
    assert words in refused(families or [""], settings)


def test_a_generator_sees_nothing_else():
    with pytest.raises(UsageError, match="gruv@log_mel: makes sounds out of phase_vocoder and can see nothing else"):
        Plan(task="generate", families="gruv@log_mel")
    with pytest.raises(UsageError, match="is one vector a clip"):
        Plan(task="transcribe", families="seq2seq@clip_statistics")


def test_settings_decide_the_trial_and_defaults_are_written_out():
    assert settings_of(Entry("svm")) == '{"C": 10.0, "most": 10000}'
    assert json.loads(settings_of(read("svm(C=1)"))) == {"C": 1.0, "most": 10_000}
    assert settings_of(read("svm(C=10)")) == settings_of(Entry("svm"))
    plain, set_ = (json.loads(settings_of(read(name), optimizer="SGD")) for name in ("mlp", "mlp(optimizer=Adam)"))
    assert (plain["training"]["optimizer"], set_["training"]["optimizer"]) == ("SGD", "Adam")
    assert plain | {"training": 0} == set_ | {"training": 0}


def test_default_rows_are_the_trials_they_were(sounds, tmp_path):
    plan = Plan(task="classify", families="svm,svm@mfcc,mlp(hidden=8)", **OPTIONS)
    learning = Learning.prepare(sounds, tmp_path / "run", plan, lambda *_: None, "")
    plain, other, small = (learning._trial(name, 0) for name in learning.families)
    assert (plain.family, plain.settings) == ("svm", '{"C": 10.0, "most": 10000}')
    seen = {
        "name": "clip_statistics",
        "coefficients": 20,
        "parts": 4,
        "bands": 64,
        "window_seconds": 0.04,
        "hop_seconds": 0.01,
        "range_db": 60.0,
        "trim_db": 30.0,
    }
    found, rate = plain.representation.rsplit(" at ", 1)
    assert json.loads(found) | {"version": 0} == seen | {"version": 0}
    assert rate == "8000 Hz"
    assert (other.family, other.settings) == (plain.family, plain.settings)
    assert json.loads(other.representation.rsplit(" at ", 1)[0])["name"] == "mfcc"
    assert json.loads(small.settings)["hidden"] == 8
    assert len({plain.hash, other.hash, small.hash}) == 3


def test_rows_are_trained_kept_and_repeated(sounds, tmp_path):
    run = learn(sounds, out=tmp_path / "run", families="chance,svm@mfcc,mlp", set=["mlp.hidden=4,8"], **OPTIONS)
    names = {row["name"] for row in run.board}
    assert names == {"chance", "svm@mfcc", "mlp(hidden=4)", "mlp(hidden=8)"}
    assert all(row["status"] == "ok" for row in run.board)
    sizes = {row["name"]: row["parameters"] for row in run.board}
    assert sizes["mlp(hidden=4)"] < sizes["mlp(hidden=8)"]
    assert len(run.best.classes_) == len(run.results["classes"])
    assert "mlp(hidden=4)" in run.report.read_text(encoding="utf-8")
    options = Run.open(run.folder).to_repeat(sounds)
    again = learn(sounds, out=tmp_path / "again", **options, executor="sequential")
    assert {row["name"]: row["score"] for row in again.board} == {row["name"]: row["score"] for row in run.board}
