"""Rows of the comparison: how they are named, what they train, and that a default row is the trial it always was."""

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import mynah
from mynah import modelfile
from mynah.contracts.model import with_budget
from mynah.data.builtin import builtin
from mynah.ground.errors import IncompatibleFile, MissingExtra, UsageError
from mynah.papers import reading
from mynah.runs.entry import Entry, read
from mynah.runs.job import settings_of
from mynah.runs.learn import Learning, learn, resume
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
    (entry,) = read(name)
    assert entry.name == name
    assert read(entry.name) == [entry]


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
    assert json.loads(settings_of(*read("svm(C=1)"))) == {"C": 1.0, "most": 10_000}
    assert settings_of(*read("svm(C=10)")) == settings_of(Entry("svm"))
    plain, set_ = (json.loads(settings_of(*read(name), optimizer="SGD")) for name in ("mlp", "mlp(optimizer=Adam)"))
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


MINE = '''
import numpy as np
from sklearn.ensemble import ExtraTreesClassifier as Trees
from sklearn.linear_model import RidgeClassifier
from torch import nn

from mynah.contracts.classifier import VectorModel


class Means(VectorModel):
    """Nearest class mean."""

    def __init__(self, scale=1.0, representation=None, rate=None, random_state=0):
        super().__init__(representation, rate, random_state)
        self.scale = scale

    def learn_arrays(self, X, codes, classes):
        return {"means": np.stack([X[codes == code].mean(axis=0) for code in range(classes)])}

    def log_scores(self, arrays, X):
        return -self.scale * ((X[:, None] - arrays["means"]) ** 2).mean(axis=2)


class Ridge(RidgeClassifier):
    pass


class Net(nn.Module):
    def __init__(self, inputs, outputs, hidden=4):
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(inputs), nn.Dropout(0.2)
        self.head = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))

    def forward(self, frames):
        return self.head(self.drop(self.norm(frames.mean(dim=1))))
'''


@pytest.fixture
def mine(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_all_families_of_a_users_file_or_one(mine):
    assert rows(str(mine)) == ["mine.py:Means", "mine.py:Ridge", "mine.py:Net"]
    assert rows(f"svm,{mine}:Trees(n_estimators=7)") == ["svm", "mine.py:Trees(n_estimators=7)"]
    assert rows(f"{mine}:Net@mfcc", ["Net.hidden=2,3", "Net.batch=8"]) == [
        "mine.py:Net@mfcc(batch=8, hidden=2)",
        "mine.py:Net@mfcc(batch=8, hidden=3)",
    ]
    assert "There are scale=1." in refused(f"{mine}:Means", "Means.skale=1")


def test_a_file_is_found_from_its_own_folder(mine, monkeypatch):
    monkeypatch.chdir(mine.parent)
    (entry,) = read("mine.py:Means(scale=2)")
    assert read(entry.name) == read(entry.written) == read("./mine.py:Means(scale=2)") == [entry]


def test_an_edited_file_is_another_trial(mine):
    (before,) = read(f"{mine}:Means")
    mine.write_text(MINE + "\n", encoding="utf-8")
    (after,) = read(f"{mine}:Means")
    assert settings_of(before) != settings_of(after)
    assert json.loads(settings_of(before))["scale"] == 1.0


@pytest.mark.parametrize("executor", ["sequential", "processes"])
def test_families_of_a_users_file_are_trained_kept_and_used(mine, sounds, tmp_path, executor):
    options = OPTIONS | {"executor": executor, "workers": 2}
    run = learn(sounds, out=tmp_path / "run", families=["chance", f"{mine}:Trees", f"{mine}:Net"], **options)
    wanted = ("chance", "mine.py:Trees", "mine.py:Net")
    assert {row["name"]: row["status"] for row in run.board} == dict.fromkeys(wanted, "ok")
    assert run.results["best"] == "mine.py:Trees"
    assert str(tmp_path) not in json.dumps(run.results) + run.report.read_text(encoding="utf-8")
    clips = list(mynah.scan(sounds))[:3]
    answers = run.best.predict_proba(clips)
    with pytest.raises(IncompatibleFile, match=r"made by a family in mine.py. Give --families mine.py"):
        mynah.load(run.folder / "best.mynah")
    with pytest.raises(IncompatibleFile, match=r"made by a family in mine.py"):
        _ = Run.open(run.folder).best
    loaded = mynah.load(run.folder / "best.mynah", families=mine)
    assert np.array_equal(loaded.predict_proba(clips), answers)
    assert f"next    mynah apply {run.folder}/best.mynah NEW/ --families {mine}\n" in f"{run}\n"
    plan = json.loads((run.folder / "plan.json").read_text(encoding="utf-8"))
    assert plan["options"]["families"] == ["chance", f"{mine}:Trees", f"{mine}:Net"]


def test_an_interrupted_run_of_a_users_file_goes_on_and_is_repeated_from_elsewhere(mine, sounds, tmp_path, monkeypatch):
    """The file lies in another folder by then; its bits are those of a run that nobody disturbed."""

    def stop(stage, done, total, note=""):
        if stage == "train" and done == 3:
            raise KeyboardInterrupt

    options = OPTIONS | {"set": ["Net.hidden=2,3"]}
    monkeypatch.chdir(mine.parent)
    whole = learn(sounds, out=tmp_path / "whole", families="mine.py:Net,chance", **options)
    with pytest.raises(KeyboardInterrupt):
        learn(sounds, out=tmp_path / "halves", families="mine.py:Net,chance", progress=stop, **options)
    assert Run.open(tmp_path / "halves").results["status"] == "partial"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    kept = Run.open(tmp_path / "whole").to_repeat(sounds)
    again = learn(sounds, out=tmp_path / "again", executor="sequential", **kept)
    for run in (resume(tmp_path / "halves"), again):
        assert [(row["name"], row["details"]) for row in run.board] == [
            (row["name"], row["details"]) for row in whole.board
        ]
        one, other = run.best.tensors(), whole.best.tensors()
        assert all(np.array_equal(one[name], other[name]) for name in one | other)
    mine.rename(tmp_path / "elsewhere" / "mine.py")  # of one that is not where it was, the name is left
    assert "mine.py:Net(hidden=2)" in Run.open(tmp_path / "whole").to_repeat(sounds)["families"]


@pytest.mark.parametrize("name", ["Means", "Ridge", "Trees", "Net"])
def test_each_kind_of_class_answers_from_its_file(mine, tmp_path, name):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 6)).astype(np.float32), np.arange(30) % 3
    (entry,) = read(f"{mine}:{name}")
    model = with_budget(entry.new(), "20steps").fit(X + y[:, None], y)
    path = modelfile.save(model, tmp_path / "a.mynah")
    assert modelfile.manifest(path)["family"] == f"mine.py:{name}"
    assert modelfile.manifest(path)["source"]["sha256"] == entry.source.sha256
    loaded = mynah.load(path, families=f"{mine}:{name}")
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert np.allclose(loaded.predict_proba(X).sum(axis=1), 1)
    assert model.predict_proba(X[:1]).shape == (1, 3)
    two = with_budget(entry.new(), "20steps").fit(X + (y[:, None] == 0), y == 0)  # margins of two classes are a column
    assert two.predict_proba(X).shape == (30, 2)
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ny = x +", "mine.py: has an error in it (line 2, SyntaxError: invalid syntax)"),
        ("x = 1\ny = 1 / 0", "mine.py: has an error in it (line 2, ZeroDivisionError: division by zero)"),
        ("import notthere", "mine.py: has an error in it (line 1, ModuleNotFoundError: No module named 'notthere')"),
        ("x = 1", "mine.py:Means: has no such class"),
        ("class Mean: pass", "mine.py:Means: has no such class"),
        (
            "class Means: pass",
            "is no family: neither of a Mynah contract, nor a classifier of scikit-learn, nor a torch",
        ),
        (
            "from torch import nn\nclass Means(nn.Module):\n def __init__(self, inputs): pass",
            "its constructor must take (inputs, outputs)",
        ),
        ("from mynah.contracts.model import Model\nclass Means(Model): pass", "does not classify"),
    ],
)
def test_a_file_that_cannot_serve_says_so_in_one_sentence(mine, text, words):
    mine.write_text(text, encoding="utf-8")
    found = refused(f"{mine}:Means")
    assert words in found
    assert "\n" not in found


def test_a_file_that_is_not_there(tmp_path):
    assert "none.py: cannot be read (No such file or directory)" in refused(str(tmp_path / "none.py"))


def test_a_forward_of_another_shape_fails_in_words(mine):
    mine.write_text("from torch import nn\nclass Net(nn.Linear):\n    pass\n", encoding="utf-8")
    (entry,) = read(f"{mine}:Net")
    frames = np.zeros((6, 4, 5), np.float32)
    with pytest.raises(ValueError, match=r"forward of Net must return \(batch, outputs\), .* not \(\d, 4, 2\)"):
        with_budget(entry.new(), "3steps").fit(frames, [0, 1] * 3)


def test_a_family_of_an_installed_package(tmp_path, monkeypatch):
    (tmp_path / "some_package.py").write_text(MINE, encoding="utf-8")
    info = tmp_path / "some_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: some-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[mynah.families]\nmeans = some_package:Means\nbad = some_package:None_\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert rows("means,svm@mfcc") == ["means", "svm@mfcc"]
    assert rows("means", "means.scale=3") == ["means(scale=3)"]
    with pytest.raises(MissingExtra, match="bad: cannot be imported from some_package:None_"):
        rows("bad")
    (entry,) = read("means")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 6)).astype(np.float32), np.arange(30) % 3
    path = modelfile.save(entry.new().fit(X, y), tmp_path / "a.mynah")
    assert mynah.load(path).predict(X).shape == (30,)  # what is installed needs no naming
    listed = reading.as_text()
    assert "Families of other packages\n  bad   some_package:None_ (some-package 1)\n" in listed
    assert "  means some_package:Means (some-package 1)\n" in listed
    assert {"name": "means", "place": "some_package:Means", "package": "some-package 1"} in reading.as_json()["offered"]


def test_the_shown_command_names_no_folder_of_a_users_file(monkeypatch):
    from mynah.cli.learn import _command_line

    words = [
        "mynah",
        "learn",
        "/home/me/sounds",
        "--families",
        "svm,/home/me/mine.py:Net,../b/c.py",
        "--set",
        "c.d=1/2",
    ]
    monkeypatch.setattr("sys.argv", words)
    shown = _command_line("/home/me/sounds", Path("run"))
    assert shown == "mynah learn sounds --families svm,mine.py:Net,c.py --set c.d=1/2"


def test_the_example_of_the_page_is_a_family(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "families.md").read_text(encoding="utf-8")
    (tmp_path / "mine.py").write_text(page.split("```python")[1].split("```")[0], encoding="utf-8")
    (entry,) = read(f"{tmp_path}/mine.py:MyFamily(hidden=3)")
    frames = np.random.default_rng(0).normal(size=(6, 4, 5)).astype(np.float32)
    model = with_budget(entry.new(), "3steps").fit(frames, [0, 1] * 3)
    assert model.predict(frames).shape == (6,)
