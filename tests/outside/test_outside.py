"""Tasks that live outside the package: each is learned, killed, resumed, compared, shown and used like every other."""

import csv
import io
import json
import re
import signal
import time
from pathlib import Path

import numpy as np
import places
import pytest

import forking
from browsing import Visit
from mynah import compare, learn, modelfile
from mynah.cli.app import run as mynah
from mynah.data.builtin import builtin
from mynah.ground.errors import BadInput, UsageError
from mynah.runs.learn import resume

HERE = Path(__file__).parent
#: name: place, families, unit of the score, and what the best must reach.
TASKS = {
    "loudness": (places.levels, ("Perceptron", "Ridge"), "dB", lambda score: score < 0.5),
    "onsets": (places.clicks, ("Convolution", "Flux"), "%", lambda score: score > 0.9),
    "corridor": (places.corridor, ("PolicyGradient", "TableQ"), "steps", lambda score: score < 12),
}
OPTIONS = {"budget": "150steps", "executor": "sequential", "seed": 1}


@pytest.fixture(scope="module", params=sorted(TASKS))
def straight(request, tmp_path_factory):
    """A task's name, its place and a run that nobody disturbed."""
    root = tmp_path_factory.mktemp(request.param)
    place = TASKS[request.param][0](root / "place")
    return request.param, place, learn(place, out=root / "run", task=str(HERE / f"{request.param}.py"), **OPTIONS)


def own(name):
    return str(HERE / f"{name}.py")


def read(text):
    return list(csv.DictReader(io.StringIO(text)))


def table(path):
    return read(path.read_text(encoding="utf-8"))


def test_every_family_of_the_file_is_trained_and_the_best_has_learned(straight):
    name, _, run = straight
    _, families, unit, is_good = TASKS[name]
    assert sorted(row["name"] for row in run.board) == [f"{name}.py:{family}" for family in families]
    assert {row["status"] for row in run.board} == {"ok"}
    assert is_good(run.board[0]["score"])
    assert run.results["metric"]["unit"] == unit
    sign = -1 if run.results["metric"]["higher_is_better"] else 1
    scores = [sign * row["score"] for row in run.board]
    assert scores == sorted(scores)
    assert sign * run.board[-1]["score"] < sign * run.results["chance"]
    assert run.board[0]["verdict"] == "best"
    assert run.board[1]["verdict"] in ("as good", "unclear", "worse")
    assert f" {unit} " in str(run)


def test_a_killed_run_goes_on_to_the_same_bits(straight, tmp_path):
    name, place, whole = straight
    out = tmp_path / "run"
    options = [f"--{key}={value}" for key, value in OPTIONS.items()]
    process = forking.mynah(["learn", str(place), "--task", own(name), "--out", str(out), *options])
    while process.poll() is None and len(list(out.glob("trials/*/result.json"))) < 7:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL  # so it was not done
    done = len(list(out.glob("trials/*/result.json")))
    assert 7 <= done < 10
    run = resume(out)
    assert run.results["status"] == "complete"
    ours = ("train_seconds", "ms_per_clip", "ms_per_clip_p95", "megabytes")
    boards = [[{k: v for k, v in row.items() if k not in ours} for row in r.board] for r in (whole, run)]
    assert boards[0] == boards[1]
    for one, other in zip(sorted(Path(whole.folder).glob("trials/*")), sorted(out.glob("trials/*")), strict=True):
        assert one.name == other.name
        assert (one / "answers.npy").read_bytes() == (other / "answers.npy").read_bytes()
    one, other = (modelfile.load(r.folder / "best.mynah", families=own(name)).tensors() for r in (whole, run))
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[key], other[key]) for key in one)


def test_two_runs_are_compared_item_by_item(straight, tmp_path):
    name, place, run = straight
    other = learn(place, out=tmp_path / "other", task=own(name), **OPTIONS | {"budget": "5steps"})
    found = compare([run.folder, other.folder])
    assert len(found.rows) == 4
    assert found.clips == run.results["clips"]
    same = [row["score"] for row in found.rows if row["family"] == f"{name}.py:{TASKS[name][1][1]}"]
    assert len(same) == 2  # the second method has no steps, and is the same in both
    assert same[0] == same[1]


def test_the_page_shows_it(straight, browser):
    _, _, run = straight
    visit = Visit(browser, run.report.resolve().as_uri())
    try:
        text = visit.page.inner_text("main")
        for row in run.board:
            assert row["name"] in text
        assert run.results["metric"]["title"] in text
        assert run.results["words"]["items"][1] in text
        assert "NaN" not in text
        assert not re.search(r"\bNone\b(?! found)", text)
        assert visit.errors == []
        assert visit.fetched() == []
        assert visit.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    finally:
        visit.context.close()


def test_the_model_is_applied(straight, tmp_path, capsys):
    name, _, run = straight
    new = TASKS[name][0](tmp_path / "new")
    model = str(run.folder / "best.mynah")
    task = ["--task", own(name)] if name == "corridor" else []
    assert mynah(["apply", model, str(new), "--families", own(name), "--format", "csv", "--quiet", *task]) == 0
    rows = read(capsys.readouterr().out)
    assert not any(row["error"] for row in rows)
    if name == "loudness":
        true = {row["file"]: float(row["label"]) for row in table(new / "labels.csv")}
        found = {Path(row["file"]).name: float(row["label"].removesuffix(" dB")) for row in rows}
        assert found.keys() == true.keys()
        assert max(abs(found[file] - true[file]) for file in true) < 3
    if name == "onsets":
        true = [(row["file"], float(row["seconds"])) for row in table(new / "onsets.csv")]
        near = [any(Path(r["file"]).name == f and abs(float(r["start"]) - s) < 0.05 for r in rows) for f, s in true]
        assert np.mean(near) > 0.9
    if name == "corridor":
        assert len(rows) == 24
        assert all(set(row["label"]) <= set("LR") for row in rows)
        assert np.mean([len(row["label"]) for row in rows]) < 15


def test_workers_and_comparison_know_items_of_the_file(tmp_path):
    place = places.corridor(tmp_path / "place", walks=12)
    options = {"budget": "5steps", "executor": "processes", "workers": 2, "folds": 2}
    run = learn(place, out=tmp_path / "run", task=own("corridor"), **options)
    assert {row["status"] for row in run.board} == {"ok"}
    assert all(row["ci"][0] is not None for row in compare([run.folder]).rows)  # each walk is a group of its own


BAD = """
import numpy as np
from loudness import Loudness, Ridge

class Task(Loudness):
    pass

class Good(Ridge):
    pass

class Bad(Ridge):
    def predict(self, X):
        return {answer}
"""


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("super().predict(X) * np.nan", "finite numbers"),
        ("super().predict(X)[:1]", "1 answers to 6 takes"),
        ("np.append(super().predict(X), 0)", "7 answers to 6 takes"),
        ("None", "one value to 6 takes"),
    ],
)
def test_answers_that_are_none_fail_their_family_alone(tmp_path, answer, says):
    place = places.levels(tmp_path / "place", clips=12)
    (tmp_path / "bad.py").write_text(BAD.format(answer=answer), encoding="utf-8")
    run = learn(place, out=tmp_path / "run", task=str(tmp_path / "bad.py"), folds=2, executor="sequential")
    rows = {row["name"]: row for row in run.board}
    assert rows["bad.py:Good"]["status"] == "ok"
    assert rows["bad.py:Bad"]["status"] == "failed"
    assert says in rows["bad.py:Bad"]["message"]


def test_an_edited_task_is_another(straight, tmp_path):
    name, place, run = straight
    copy = tmp_path / f"{name}.py"
    copy.write_text((HERE / f"{name}.py").read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    other = learn(place, out=tmp_path / "run", task=str(copy), **OPTIONS | {"budget": "5steps"})
    of_one, of_other = ({p.name for p in Path(r.folder).glob("trials/*")} for r in (run, other))
    assert of_one.isdisjoint(of_other)


def test_what_a_task_refuses_and_what_is_no_task_gets_one_sentence(tmp_path, capsys):
    place = places.levels(tmp_path / "place", clips=6)
    (place / "labels.csv").write_text("file,label\n00.wav,loud\n01.wav,-3\n", encoding="utf-8")
    with pytest.raises(BadInput, match="a level in dB is needed"):
        learn(place, out=tmp_path / "run", task=own("loudness"))
    with pytest.raises(UsageError, match="no such task"):
        learn(place, out=tmp_path / "run", task="loudnes")
    with pytest.raises(UsageError, match="has no such class"):
        learn(place, out=tmp_path / "run", task=own("loudness") + ":Loudnes")
    with pytest.raises(UsageError, match="defines no task"):
        learn(place, out=tmp_path / "run", task=own("places"))
    with pytest.raises(UsageError, match="does not loudness"):
        learn(place, out=tmp_path / "run", task=own("loudness"), families="svm")
    with pytest.raises(UsageError, match="cannot be read"):
        learn(place, out=tmp_path / "run", task=str(tmp_path / "missing.py"))
    (tmp_path / "broken.py").write_text("import nothing_like_it\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"line 1, ModuleNotFoundError"):
        learn(place, out=tmp_path / "run", task=str(tmp_path / "broken.py"))
    assert not (tmp_path / "run").exists()


def test_results_hold_no_path_of_this_machine(straight):
    _, _, run = straight
    assert str(HERE) not in json.dumps(run.results)


def test_plain_classes_join_a_classification(tmp_path, capsys):
    sounds = builtin(tmp_path / "sounds", clips_per_class=6)
    plain = own("classifiers")
    out = tmp_path / "run"
    run = learn(sounds, out=out, families=f"svm,{plain}", budget="60steps", executor="sequential", folds=2)
    assert {row["name"]: row["status"] for row in run.board} == {
        "svm": "ok",
        "classifiers.py:NaiveBayes": "ok",
        "classifiers.py:Recurrent": "ok",
    }
    assert all(row["score"] > 0.2 for row in run.board if "NaiveBayes" in row["name"])
    before = {path.name: (path / "answers.npy").read_bytes() for path in out.glob("trials/*")}
    for result in sorted(out.glob("trials/*/result.json"))[:3]:
        result.unlink()
    resume(out)
    assert {path.name: (path / "answers.npy").read_bytes() for path in out.glob("trials/*")} == before
    only = learn(sounds, out=tmp_path / "only", families=f"{plain}:NaiveBayes", executor="sequential", folds=2)
    model = str(only.folder / "best.mynah")
    assert mynah(["apply", model, str(sounds), "--families", plain, "--format", "csv", "--quiet"]) == 0
    rows = read(capsys.readouterr().out)
    assert np.mean([Path(row["file"]).parent.name == row["label"] for row in rows]) > 0.8
