"""Mistakes in a user's own file: each is one sentence that names the file, and what was done before is not lost."""

import os
import pickle
from pathlib import Path

import places
import pytest

from mynah import compare, learn
from mynah.cli.app import run as mynah
from mynah.contracts.own import Source
from mynah.ground.errors import BadInput, MynahError, NotEnoughData, UsageError
from mynah.runs.run import Run
from mynah.stores import FolderStore

HERE = Path(__file__).parent
OPTIONS = {"budget": "5steps", "executor": "sequential", "folds": 2}
#: A task over the corridor with a mistake: the method that replaces one of its own.
MISTAKEN = """
import numpy as np
from corridor import Corridor, Start, TableQ
from mynah.data import Corpus, Item

class Mistaken(Corridor):
    {mistake}

class Q(TableQ):
    pass
"""


@pytest.fixture
def mistaken(tmp_path, monkeypatch):
    """Write a task with a mistake; return its name for ``--task``."""
    monkeypatch.syspath_prepend(str(HERE))
    places.corridor(tmp_path / "place", walks=8)

    def write(mistake):
        (tmp_path / "mine.py").write_text(MISTAKEN.format(mistake=mistake.replace("\n", "\n    ")), encoding="utf-8")
        return str(tmp_path / "mine.py")

    return write


@pytest.mark.parametrize(
    ("mistake", "kind", "says"),
    [
        ("def read(self, place, reading): return []", UsageError, "`read` must return a mynah.data.Corpus"),
        ("def read(self, place, reading): return Corpus('empty', place, ())", NotEnoughData, "holds nothing"),
        ("def read(self, place, reading): return Corpus('x', place, ('a', 'b'))", UsageError, "mynah.data.Item"),
        (
            "def read(self, place, reading): return Corpus('x', place, (Item('a', 1), Item('a', 2)))",
            UsageError,
            r"one name \(a\)",
        ),
        ("def read(self, place, reading): return Corpus('x', place, (Item(1, 1),))", UsageError, "needs a name"),
        ("def check(self, corpus, anyway): return corpus", UsageError, "`check` must return"),
        ("def targets(self, corpus): return np.zeros(3)", UsageError, r"one an item \(3 to 8 walks\)"),
        ("def targets(self, corpus): return np.full(8, np.nan)", UsageError, r"a finite number \(nan\)"),
        ("def floor(self, targets, names): return float('nan')", UsageError, "`floor` must be a finite number"),
        ("def floor(self, targets, names): return None", UsageError, "`floor` must be a finite number"),
        ("metric = None", UsageError, "needs a `metric`"),
        ("name = None", UsageError, "needs a `name`"),
        ("def __init__(self, size): pass", UsageError, "constructor must take no arguments"),
    ],
)
def test_what_a_task_lacks_is_said_before_any_training(mistaken, tmp_path, mistake, kind, says):
    with pytest.raises(kind, match=says):
        learn(tmp_path / "place", out=tmp_path / "run", task=mistaken(mistake), **OPTIONS)
    assert not list(tmp_path.glob("run/trials/*/result.json"))


def test_a_task_without_statistics_or_floor_is_refused(tmp_path):
    text = "from loudness import Loudness, Task\n\nclass Bare(Task):\n    name = 'bare'\n    metric = Loudness.metric\n"
    (tmp_path / "mine.py").write_text(f"import sys; sys.path.insert(0, {str(HERE)!r})\n{text}", encoding="utf-8")
    with pytest.raises(UsageError, match="must define statistics and floor"):
        learn(places.levels(tmp_path / "place", clips=6), out=tmp_path / "run", task=str(tmp_path / "mine.py"))


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("def targets(self, corpus): return corpus.nothing", "line 7, AttributeError"),
        ("def read(self, place, reading): open('nowhere.json')", "line 7, FileNotFoundError"),
        ("def floor(self, targets, names): raise SystemExit(3)", "line 7, SystemExit: 3"),
        ("def of_kept(self, found, targets, names): return 1 / 0", "line 7, ZeroDivisionError"),
    ],
)
def test_an_error_in_the_file_is_no_bug_in_mynah(mistaken, tmp_path, capsys, mistake, says):
    task = mistaken(mistake)
    line = ["learn", str(tmp_path / "place"), "--task", task, "--out", str(tmp_path / "run"), "--quiet"]
    assert mynah([*line, *(f"--{name}={value}" for name, value in OPTIONS.items())]) == UsageError.exit_code
    said = capsys.readouterr().err
    assert f"mine.py: has an error in it ({says}" in said
    assert "bug in Mynah" not in said


@pytest.mark.parametrize("error", ["raise KeyError('x')", "raise SystemExit(3)", "open('nowhere')"])
def test_an_error_in_a_family_fails_it_alone_and_names_the_line(tmp_path, error):
    (tmp_path / "mine.py").write_text(
        f"import sys; sys.path.insert(0, {str(HERE)!r})\nfrom corridor import Corridor, TableQ\n\n"
        "class Task(Corridor):\n    pass\n\nclass Good(TableQ):\n    pass\n\n"
        f"class Bad(TableQ):\n    def act(self, place):\n        {error}\n",
        encoding="utf-8",
    )
    place = places.corridor(tmp_path / "place", walks=8)
    run = learn(place, out=tmp_path / "run", task=str(tmp_path / "mine.py"), **OPTIONS)
    rows = {row["name"]: row for row in run.board}
    assert rows["mine.py:Good"]["status"] == "ok"
    assert rows["mine.py:Bad"]["status"] == "failed"
    assert rows["mine.py:Bad"]["message"].startswith("mine.py: has an error in it (line 12, ")


def test_a_file_that_leaves_python_is_said_too(tmp_path):
    (tmp_path / "mine.py").write_text("raise SystemExit(0)\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 1, SystemExit: 0"):
        learn(places.corridor(tmp_path / "place"), out=tmp_path / "run", task=str(tmp_path / "mine.py"))


def test_an_error_in_a_family_of_the_tasks_file_is_not_swallowed(tmp_path):
    """A file with a task and a family that cannot be made says what is wrong with the family."""
    (tmp_path / "mine.py").write_text(
        f"import sys; sys.path.insert(0, {str(HERE)!r})\nfrom corridor import Corridor, TableQ\n\n"
        "class Task(Corridor):\n    pass\n\nclass Bad(TableQ):\n    def __init__(self, size):\n        pass\n",
        encoding="utf-8",
    )
    with pytest.raises(UsageError, match=r"mine.py:Bad: its constructor must take no arguments"):
        learn(places.corridor(tmp_path / "place"), out=tmp_path / "run", task=str(tmp_path / "mine.py"))


def test_a_class_that_is_no_task_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"TableQ: is no task. Derive it from mynah"):
        learn(places.corridor(tmp_path / "place"), out=tmp_path / "run", task=f"{HERE}/corridor.py:TableQ")


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A run of a task whose file lies in another folder than the current one."""
    root = tmp_path_factory.mktemp("elsewhere")
    (root / "mine").mkdir()
    (root / "mine" / "corridor.py").write_bytes((HERE / "corridor.py").read_bytes())
    place = places.corridor(root / "place", walks=8)
    here = Path.cwd()
    os.chdir(root)
    try:
        learn("place", out="run", task="mine/corridor.py", checkpoints="kept", **OPTIONS)
    finally:
        os.chdir(here)
    return root, place


def test_the_next_line_works_from_where_one_stands(elsewhere, tmp_path, monkeypatch):
    root, _ = elsewhere
    monkeypatch.chdir(root)
    said = str(Run.open("run")).splitlines()[-1].split()
    assert said[:3] == ["next", "mynah", "apply"]
    assert said[-4:] == ["--families", "mine/corridor.py", "--task", "mine/corridor.py:Corridor"]
    monkeypatch.chdir(tmp_path)
    said = str(Run.open(root / "run")).splitlines()[-1].split()
    assert mynah([word.replace("NEW/", str(root / "place")) for word in said[2:]] + ["--quiet"]) == 0


def test_a_repetition_finds_the_file_where_it_lay(elsewhere, tmp_path, monkeypatch):
    root, place = elsewhere
    monkeypatch.chdir(tmp_path)
    options = Run.open(root / "run").to_repeat(place)
    assert options["task"] == f"{root}/mine/corridor.py:Corridor"
    again = learn(place, out="again", executor="sequential", **options)
    first = Run.open(root / "run")
    assert [(row["name"], row["score"]) for row in again.board] == [(row["name"], row["score"]) for row in first.board]
    assert len(compare([root / "run", "again"]).rows) == 4


def test_checkpoints_are_found_from_another_folder(elsewhere, tmp_path, monkeypatch):
    root, _ = elsewhere
    monkeypatch.chdir(tmp_path)
    found = Run.open(root / "run")._planned
    assert found["checkpoints"] == str(root / "kept")
    assert "plan.json" in FolderStore(root / "kept").names()


def test_an_edited_task_is_not_used_on_old_results(elsewhere, tmp_path, monkeypatch):
    root, place = elsewhere
    monkeypatch.chdir(root)
    file = root / "mine" / "corridor.py"
    content = file.read_text(encoding="utf-8")
    try:
        file.write_text(content.replace("MOST_STEPS = 60", "MOST_STEPS = 50"), encoding="utf-8")
        for use in (lambda: compare(["run"]), lambda: Run.open("run").to_repeat(place)):
            with pytest.raises(UsageError, match=r"corridor.py:Corridor: has changed since this run"):
                use()
        assert "corridor.py" in str(Run.open("run"))  # which the board needs no task for
    finally:
        file.write_text(content, encoding="utf-8")
    assert compare(["run"]).rows


def test_a_run_whose_plan_is_of_another_task_is_read_by_its_name(elsewhere, tmp_path, monkeypatch):
    root, _ = elsewhere
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "results.json").write_bytes((root / "run" / "results.json").read_bytes())
    plan = (root / "run" / "plan.json").read_text(encoding="utf-8")
    for text in (plan.replace("mine/corridor.py:Corridor", "mine/other.py:Other"), "{}", "no JSON"):
        (tmp_path / "run" / "plan.json").write_text(text, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(UsageError, match="cannot be read"):
            _ = Run.open("run").task
        monkeypatch.chdir(root / "mine")
        assert Run.open(tmp_path / "run").task.name == "corridor"


APPLY = ["--families", f"{HERE}/corridor.py", "--task", f"{HERE}/corridor.py", "--quiet"]


@pytest.mark.parametrize("option", ["--threshold=0.5", "--window=1", "--hop=1", "--cut=out"])
def test_apply_refuses_what_a_task_leaves(elsewhere, tmp_path, monkeypatch, capsys, option):
    root, place = elsewhere
    monkeypatch.chdir(tmp_path)
    assert mynah(["apply", str(root / "run" / "best.mynah"), str(place), *APPLY, option]) == UsageError.exit_code
    assert "mean nothing to it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_apply_keeps_the_answers_that_worked(elsewhere, tmp_path, capsys):
    root, place = elsewhere
    (tmp_path / "mine.py").write_text(
        f"import sys; sys.path.insert(0, {str(HERE)!r})\nfrom corridor import Corridor\n\nclass Task(Corridor):\n"
        "    def use(self, model, item):\n        assert item.place != 3\n        return super().use(model, item)\n",
        encoding="utf-8",
    )
    line = ["apply", str(root / "run" / "best.mynah"), str(place), *APPLY, "--task", str(tmp_path / "mine.py")]
    assert mynah([*line, "--format", "csv"]) == 0
    said = capsys.readouterr()
    rows = said.out.splitlines()[1:]
    assert len(rows) == 8
    assert [row for row in rows if "has an error in it (line 6, AssertionError" in row] == [rows[3]]
    assert "walk 03" in said.err


def test_apply_says_that_a_place_is_empty_and_that_a_model_is_of_another_task(elsewhere, tmp_path, capsys):
    root, _ = elsewhere
    (tmp_path / "place").mkdir()
    (tmp_path / "place" / "corridor.json").write_text('{"length": 9, "swapped": [], "starts": []}', encoding="utf-8")
    line = ["apply", str(root / "run" / "best.mynah"), str(tmp_path / "place")]
    assert mynah([*line, *APPLY]) == BadInput.exit_code
    assert "holds nothing that the task reads" in capsys.readouterr().err
    assert mynah([*line, *APPLY[:2], "--task", "classify"]) == UsageError.exit_code
    assert "a model that does not classify (it does corridor)" in capsys.readouterr().err


def test_a_source_survives_a_pickle_although_its_file_fails(tmp_path):
    (tmp_path / "mine.py").write_text("1 / 0\n", encoding="utf-8")
    source = pickle.loads(pickle.dumps(Source(str(tmp_path / "mine.py"), "Mine", "0" * 64)))
    with pytest.raises(MynahError, match="has changed since the run began"):
        _ = source.defined
