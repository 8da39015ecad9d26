"""Going on with a run: from its folder, from a bucket on another machine, with more time; and where trials run."""

import json
import os
import signal
import time

import numpy as np
import pytest

import forking
from mynah import modelfile
from mynah.cli.app import run as mynah
from mynah.data.builtin import builtin
from mynah.ground.errors import IncompatibleFile, MissingExtra, UsageError
from mynah.runs import schedule
from mynah.runs.learn import learn, resume
from mynah.runs.run import Run

OPTIONS = {"families": ["knn", "mlp"], "budget": "60steps", "executor": "sequential"}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return builtin(tmp_path_factory.mktemp("data") / "sounds", clips_per_class=5, rate=8000)


@pytest.fixture(scope="module")
def straight(sounds, tmp_path_factory):
    return learn(sounds, out=tmp_path_factory.mktemp("straight") / "run", **OPTIONS)


def assert_same(one, other):
    assert {r["name"]: r["details"] for r in one.board} == {r["name"]: r["details"] for r in other.board}
    a, b = (modelfile.load(r.folder / "best.mynah").tensors() for r in (one, other))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def stop_after(trials):
    def progress(stage, done, total, note=""):
        if stage == "train" and done == trials:
            raise KeyboardInterrupt

    return progress


def test_a_killed_demo_goes_on(tmp_path, monkeypatch):
    options = ["--out", str(tmp_path / "demo"), "--clips", "5", "--budget", "20s"]
    process = forking.mynah(["demo", *options])
    out = tmp_path / "demo" / "run"
    for _ in range(1200):
        if len(list(out.glob("trials/*/result.json"))) >= 20:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 75, said
    assert f"to go on: mynah resume {out}" in said
    before = {path: path.stat().st_mtime_ns for path in out.glob("trials/*/result.json")}
    monkeypatch.setattr(schedule, "LEAST_SECONDS", 0.1)  # of a hundred trials
    assert mynah(["resume", str(out), "--budget", "5s", "--quiet"]) == 0
    assert Run.open(out).results["status"] == "complete"
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    events = [json.loads(line)["event"] for line in (out / "log.jsonl").read_text().splitlines()]
    assert events[0] == "begin"
    assert events.count("begin") == 2
    assert "stopped" in events
    assert events[-1] == "end"


def test_another_machine_goes_on_from_a_bucket(sounds, straight, tmp_path):
    bucket = tmp_path / "bucket"  # a folder stands for it: one protocol serves both
    with pytest.raises(KeyboardInterrupt):
        learn(sounds, out=tmp_path / "here", checkpoints=str(bucket), progress=stop_after(7), **OPTIONS)
    kept = sorted(path.parent.name for path in bucket.glob("trials/*/result.json"))
    assert len(kept) == 7
    there = resume(bucket, out=tmp_path / "unused")  # a folder is its own run
    assert_same(there, straight)


def test_a_run_goes_on_where_its_device_is_not(sounds, straight, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(KeyboardInterrupt):
        learn(sounds, out=tmp_path / "run", progress=stop_after(7), **OPTIONS)
    plan = json.loads((tmp_path / "run" / "plan.json").read_text())
    plan["options"]["device"] = "mps"
    (tmp_path / "run" / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(UsageError, match="no mps here"):
        resume(tmp_path / "run", device="mps")
    assert_same(resume(tmp_path / "run"), straight)


def test_what_cannot_go_on_says_so(tmp_path, sounds, straight):
    with pytest.raises(IncompatibleFile, match="no run that can go on"):
        resume(tmp_path)
    with pytest.raises(UsageError, match="only a budget in time"):
        resume(straight.folder, budget="5m")
    (tmp_path / "plan.json").write_text('{"schema": "mynah.plan/9"}')
    with pytest.raises(IncompatibleFile, match="no run that can go on"):
        resume(tmp_path)
    assert mynah(["resume", str(tmp_path / "nowhere")]) == 4


def test_a_whole_run_is_only_written_again(straight):
    before = {path: path.stat().st_mtime_ns for path in straight.folder.glob("trials/*/result.json")}
    assert_same(resume(straight.folder), straight)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())


def test_optimizer_and_activation_by_their_names(sounds, straight, tmp_path):
    run = learn(sounds, out=tmp_path / "run", optimizer="RMSprop", activation="ELU", **OPTIONS)
    settings = [
        json.loads(json.loads(path.read_text())["trial"]["settings"])
        for path in run.folder.glob("trials/*/result.json")
    ]
    mlp = next(s for s in settings if "activation" in s)
    assert (mlp["activation"], mlp["training"]["optimizer"]) == ("ELU", "RMSprop")
    assert (
        next(r for r in run.board if r["name"] == "mlp")["curves"]
        != next(r for r in straight.board if r["name"] == "mlp")["curves"]
    )
    for wrong in ({"optimizer": "Nonsense"}, {"activation": "Linear"}, {"activation": "PReLU"}):
        with pytest.raises(UsageError, match="no such"):
            learn(sounds, out=tmp_path / "wrong", **wrong, **OPTIONS)


def test_tensorboard_gets_curves_sounds_and_pictures(sounds, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = learn(sounds, out=tmp_path / "run", tensorboard=True, **OPTIONS)
    place = run.folder / "tensorboard"
    fit = EventAccumulator(str(place / "mlp-1")).Reload()
    steps = next(r for r in run.board if r["name"] == "mlp")["curves"][0]["step"]
    assert [point.step for point in fit.Scalars("train_loss")] == steps
    clips = EventAccumulator(str(place / "clips")).Reload()
    assert len(clips.Tags()["audio"]) == len(clips.Tags()["images"]) > 0


@pytest.mark.parametrize(("executor", "module"), [("ray", "ray"), ("dask", "distributed")])
def test_cluster_engines(sounds, straight, tmp_path, executor, module):
    options = {**OPTIONS, "executor": executor, "workers": 2}
    try:
        __import__(module)
    except ModuleNotFoundError:
        with pytest.raises(MissingExtra, match=f"pip install '.\\[{executor}\\]'"):
            learn(sounds, out=tmp_path / "run", **options)
        return
    assert_same(learn(sounds, out=tmp_path / "run", **options), straight)


def test_a_lost_worker_costs_no_result(sounds, straight, tmp_path, monkeypatch):
    """A worker process is killed from outside in the middle of the comparison."""
    killed = []

    def progress(stage, done, total, note=""):
        if stage == "train" and done == 6 and not killed:
            from joblib.externals.loky import reusable_executor

            worker = next(iter(reusable_executor._executor._processes.values()))
            os.kill(worker.pid, signal.SIGKILL)
            killed.append(worker.pid)

    run = learn(sounds, out=tmp_path / "run", progress=progress, **{**OPTIONS, "executor": "processes", "workers": 2})
    assert killed
    assert_same(run, straight)
    assert "lost worker" in (run.folder / "log.jsonl").read_text()
