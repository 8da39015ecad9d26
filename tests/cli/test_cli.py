"""The command line: data on stdout, exit codes, one sentence an error."""

import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys

import numpy as np
import pytest

from mynah.cli.app import run
from mynah.data.builtin import builtin
from mynah.ground.errors import Stopped
from sound_files import put, tone


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
        (["learn", "nowhere", "--device", "tpu"], 2),
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


def test_a_signal_that_an_import_has_wrapped_is_no_bug(monkeypatch, capsys):
    """Python makes a RuntimeError of what is raised while a class is being made, as in the middle of an import."""

    def fail(*_):
        raise RuntimeError("Error calling __set_name__") from Stopped("stopped by SIGTERM")

    monkeypatch.setattr("mynah.cli.doctor.examine", fail)
    assert run(["doctor"]) == 75
    assert "stopped by SIGTERM" in capsys.readouterr().err


def test_a_bug_is_called_one(monkeypatch, capsys):
    from mynah.papers import reading

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
    assert document["schema"] == "mynah.results/2"
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
    out = capsys.readouterr().out
    for name, versions in found["extras"].items():
        assert (f"pip install '.[{name}]'" in out) == (not all(versions.values()))


def test_doctor_reads_what_is_needed_from_the_package(monkeypatch):
    from mynah.cli import doctor

    lines = ["numpy>=2.0", 'moto[server]; extra == "test"', "obstore>1; python_version > '3' and extra == 'cloud'"]
    monkeypatch.setattr(doctor.metadata, "requires", lambda package: lines)
    assert doctor.needed() == {"": ["numpy"], "test": ["moto"], "cloud": ["obstore"]}
    found = doctor.examine()
    assert list(found["base"]) == ["numpy"]
    assert list(found["extras"]) == ["cloud"]  # an extra for working on Mynah is no concern of a user
    monkeypatch.undo()
    assert doctor.needed("no-such-package") == {}


def test_python_dash_m(tmp_path):
    done = subprocess.run([sys.executable, "-m", "mynah", "check", tmp_path], capture_output=True, text=True)
    assert done.returncode == 3
    assert "no audio" in done.stderr
    assert done.stdout == ""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of two classes, over 8 kHz."""
    from mynah import modelfile
    from mynah.models.knn import KNN
    from mynah.testing.models import toy

    clips, labels = toy(6)
    named = np.array(["[b]kick", "[/b]snare\x1b", "third"])[np.unique(labels, return_inverse=True)[1]]
    return modelfile.save(KNN().fit(clips, named), tmp_path_factory.mktemp("model") / "a.mynah")


def program(*arguments, shell="", **environment):
    """Run the real program, as the shell does, and return what became of it."""
    line = f"{shlex.join([sys.executable, '-m', 'mynah', *map(str, arguments)])} {shell}"
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, env={**os.environ, **environment}
    )


def test_names_are_no_markup(model, tmp_path, capsys):
    for name in ("[/b]0.wav", "[bold]1.wav", ":kick:.wav", "x\n\x1b[31m.wav"):
        put(tmp_path / "in" / name)
    assert run(["apply", str(model), str(tmp_path / "in")]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("[/b]0.wav", "[bold]1.wav", ":kick:.wav", "x��[31m.wav"))
    assert len(out.splitlines()) == 5
    assert "\x1b" not in out
    assert "[b]kick" in out or "[/b]snare�" in out or "third" in out


def test_progress_notes_are_no_markup(monkeypatch):
    from mynah.cli import drawing

    screen = io.StringIO()
    screen.isatty = lambda: True
    monkeypatch.setattr(sys, "stderr", screen)
    with drawing.drawn() as progress:
        progress("apply", 0, 2, "[/b]0\x1b[5m.wav")
        progress("apply", 2, 2, "[bold]1.wav")
    assert "[bold]1.wav" in screen.getvalue()
    assert "\x1b[5m" not in screen.getvalue()


def test_none_of_these_names_the_nearest_in_the_table_alone(model, tmp_path, capsys):
    put(tmp_path / "a.wav")
    assert run(["apply", str(model), str(tmp_path), "--threshold", "1"]) == 0
    assert re.search(r"none of these \(nearest: .+\)", capsys.readouterr().out)
    run(["apply", str(model), str(tmp_path), "--threshold", "1", "--format", "csv"])
    assert "nearest" not in capsys.readouterr().out


def test_flags_and_errors_are_told(model, tmp_path, capsys):
    put(tmp_path / "a.wav", np.clip(5 * tone(), -1, 1))
    put(tmp_path / "b.wav", np.zeros(800))
    assert run(["apply", str(model), str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "note" in said.out.splitlines()[0]
    assert "clipped" in said.out.splitlines()[1]
    assert f"{tmp_path}/a.wav: clipped, " in said.err
    assert f"{tmp_path}/b.wav: silent, peak 0.0e+00 of full scale. Remove it." in said.err


@pytest.mark.parametrize("form", ["table", "json"])
def test_out_is_checked_first_and_replaced_whole(model, tmp_path, capsys, monkeypatch, form):
    from mynah.using import listening as work

    put(tmp_path / "in" / "a.wav")
    out = tmp_path / "out.txt"
    out.write_text("old")
    command = ["apply", str(model), str(tmp_path / "in"), "--format", form, "--out"]
    assert run([*command, str(out)]) == 0
    assert "a.wav" in out.read_text()
    monkeypatch.setattr(work, "apply", lambda *_, **__: pytest.fail("listened first"))
    (tmp_path / "file").write_text("")
    for place in (tmp_path, tmp_path / "nowhere" / "x.txt", tmp_path / "file" / "x.txt"):
        assert run([*command, str(place)]) == 75
        assert "cannot be written" in capsys.readouterr().err
    assert run(["apply", str(model), str(tmp_path / "in"), "--cut", str(tmp_path / "file")]) == 75
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "in", "out.txt"]


def test_a_failed_write_keeps_the_old_file(model, tmp_path, monkeypatch):
    put(tmp_path / "in" / "a.wav")
    (tmp_path / "out.json").write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    command = ["apply", str(model), str(tmp_path / "in"), "--format", "json", "--out", str(tmp_path / "out.json")]
    assert run(command) == 75
    assert (tmp_path / "out.json").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out.json"]


def test_out_may_be_a_device(model, tmp_path, capsys):
    put(tmp_path / "a.wav")
    assert run(["apply", str(model), str(tmp_path), "--out", os.devnull]) == 0
    assert not os.path.isfile(os.devnull)
    assert run(["apply", str(model), str(tmp_path), "--out", "/dev/full"]) == 75


def test_names_that_are_no_unicode(model, tmp_path, capsys):
    put(tmp_path / "in" / "a.wav").rename(tmp_path / "in" / os.fsdecode(b"\xff.wav"))
    put(tmp_path / "in" / "\xfc.wav")
    for form in ("json", "csv", "table"):
        out = tmp_path / f"out.{form}"
        assert run(["apply", str(model), str(tmp_path / "in"), "--format", form, "--out", str(out), "--quiet"]) == 0
        assert capsys.readouterr().err == ""
        assert r"in/\xff.wav" in out.read_text(encoding="utf-8").replace("\\\\", "\\")
    done = program("apply", model, tmp_path / "in", "--quiet", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\xfc.wav" in done.stdout
    assert r"in/\xff.wav" in done.stdout


def test_stdout_that_takes_no_more():
    done = program("doctor", shell=">/dev/full")
    assert done.returncode == 75
    assert done.stderr == "mynah: the output cannot be written (No space left on device)\n"
    done = program("list", shell="| head -1")
    assert (done.returncode, done.stderr) == (0, "")
    done = program("list", "--json", shell="| true")
    assert (done.returncode, done.stderr) == (0, "")


def test_stdout_that_is_closed(model, tmp_path):
    put(tmp_path / "a.wav")
    done = program("apply", model, tmp_path, "--quiet", shell=">&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_signal_while_listening_is_no_bad_file(model, tmp_path, capsys, monkeypatch):
    from mynah import audio

    put(tmp_path / "a.wav")
    plain = audio.stream
    monkeypatch.setattr(audio, "stream", lambda *a, **k: os.kill(os.getpid(), signal.SIGTERM) or plain(*a, **k))
    assert run(["apply", str(model), str(tmp_path)]) == 75
    said = capsys.readouterr()
    assert said.out == ""
    assert "stopped by SIGTERM" in said.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["learn", "nowhere", "--seed", "-1"],
        ["learn", "nowhere", "--workers", "0"],
        ["learn", "nowhere", "--workers", "-2"],
        ["demo", "--seed", "-1"],
        ["report", "nowhere", "--max-mb", "0"],
        ["report", "nowhere", "--max-mb", "-5"],
        ["report", "nowhere", "--max-mb", "nan"],
        ["report", "nowhere", "--max-mb", "inf"],
    ],
)
def test_numbers_that_cannot_be_meant(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def bad(tmp_path):
    """One good file in three."""
    put(tmp_path / "in" / "low" / "good.wav")
    for number in range(7):
        put(tmp_path / "in" / "low" / f"bad{number}.wav").write_bytes(b"no sound")
    return tmp_path / "in"


@pytest.mark.parametrize("more", [[], ["--strict"]])
def test_check_lists_all_that_is_bad_before_it_refuses(bad, capsys, more):
    assert run(["check", str(bad), *more]) == 3
    said = capsys.readouterr()
    assert said.out.count("set aside: low/bad") == 7
    assert ("set aside" if more else "more than half") in said.err
    assert "`mynah check`" not in said.err
    assert run(["check", str(bad), "--json", *more]) == 3
    document = json.loads(capsys.readouterr().out)
    assert len(document["problems"]) == 7
    assert "more than half" in document["error"] or more
    (bad / "low" / "good.wav").unlink()
    assert run(["check", str(bad), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["clips"] == 0


def test_check_of_sounds_without_labels_says_how_they_would_be_split(sounds, capsys):
    assert run(["check", str(next(path for path in sorted(sounds.iterdir()) if path.is_dir()))]) == 0
    assert "split: " in capsys.readouterr().out


def test_a_run_in_which_nothing_came_to_an_end_is_no_success(sounds, tmp_path, monkeypatch, capsys):
    from mynah.models.knn import KNN

    def fails(*args):
        raise ValueError("nothing can be learned")

    monkeypatch.setattr(KNN, "learn_arrays", fails)
    options = ["--families", "knn", "--executor", "sequential", "--out", str(tmp_path / "run"), "-q"]
    assert run(["learn", str(sounds), *options]) == 5
    assert "No family finished" in capsys.readouterr().out


def test_check_as_json_says_and_returns_the_same(sounds, tmp_path, capsys):
    assert run(["check", str(sounds), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["schema"], document["warnings"], document["error"]) == ("mynah.check/1", [], None)
    assert run(["check", str(sounds)]) == 0
    assert f"split: {document['split']}" in capsys.readouterr().out
    put(tmp_path / "in" / "one" / "a.wav")
    for form in ([], ["--json"]):
        assert run(["check", str(tmp_path / "in"), *form]) == 5
        assert "one class only" in capsys.readouterr().err
    assert run(["check", str(sounds), "--folds", "1", "--json"]) == run(["check", str(sounds), "--folds", "1"]) == 2


def test_check_prints_no_control_characters(tmp_path, capsys):
    put(tmp_path / "in" / "lo\x1b[31mw" / "a\n.wav", np.zeros(800))
    put(tmp_path / "in" / "lo\x1b[31mw" / "b\n.wav")
    run(["check", str(tmp_path / "in")])
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err
    assert "set aside: lo�[31mw/a�.wav: silent" in said.out


def test_the_package_shows_its_public_names_alone():
    import mynah

    shown = [name for name in dir(mynah) if not name.startswith("__")]
    assert shown == mynah.__all__
    assert "__version__" in dir(mynah)
