"""The command line: data on stdout, exit codes, one sentence an error."""

import json
import subprocess
import sys

import pytest

from mynah.cli.app import run
from mynah.datasets import builtin


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return builtin(tmp_path_factory.mktemp("data") / "sounds", clips_per_class=5, rate=8000)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["list"], 0),
        (["list", "--json"], 0),
        (["doctor"], 0),
        (["nonsense"], 2),
        (["learn"], 2),
        (["learn", "nowhere"], 3),
        (["learn", "nowhere", "--budget", "soon"], 2),
        (["list", "nonsense-nonsense"], 2),
        (["apply", "nothing.mynah", "x.wav"], 4),
        (["report", "nowhere"], 3),
        (["compare", "nowhere"], 3),
    ],
)
def test_exit_codes(arguments, code, capsys):
    assert run(arguments) == code
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert bool(said.out) == (code == 0)


def test_a_bug_is_called_one(monkeypatch, capsys):
    from mynah import reading

    monkeypatch.setattr(reading, "as_text", lambda: 1 / 0)
    assert run(["list"]) == 70
    assert "this is a bug in Mynah: ZeroDivisionError" in capsys.readouterr().err


def test_check_learn_apply_report(sounds, tmp_path, capsys):
    assert run(["check", str(sounds)]) == 0
    assert "50 clips, 10 classes" in capsys.readouterr().out
    out = tmp_path / "run"
    options = ["--families", "knn,logistic", "--executor", "sequential", "--quiet"]
    assert run(["learn", str(sounds), "--out", str(out), "--json", *options]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "mynah.results/1"
    assert run(["apply", str(out / "best.mynah"), str(sounds / "kick"), "--format", "json", "--quiet"]) == 0
    answers = json.loads(capsys.readouterr().out)
    assert len(answers) == 5
    assert set(answers[0]["scores"]) == set(document["classes"])
    assert run(["apply", str(out / "best.mynah"), str(sounds / "kick"), "--format", "xml"]) == 2
    (out / "report.html").unlink()
    assert run(["report", str(out)]) == 0
    assert (out / "report.html").exists()
    assert run(["compare", str(out)]) == 0
    assert "logistic" in capsys.readouterr().out


def test_doctor_names_the_line_that_installs(capsys):
    assert run(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["base"]["torch"]
    run(["doctor"])
    missing = [name for name, modules in found["extras"].items() if not all(modules.values())]
    assert all(f"pip install 'mynah[{name}]'" in capsys.readouterr().out for name in missing[:1])


def test_python_dash_m(tmp_path):
    done = subprocess.run([sys.executable, "-m", "mynah", "check", tmp_path], capture_output=True, text=True)
    assert done.returncode == 3
    assert "no audio" in done.stderr
    assert done.stdout == ""
