"""The main job on a small folder: whole, repeated, resumed, interrupted, refused."""

import dataclasses
import inspect
import json
import pydoc
import shutil
import signal
import time

import numpy as np
import pytest

import forking
from mynah import modelfile
from mynah.cli.app import run as mynah
from mynah.data.builtin import builtin
from mynah.ground.device import on_device
from mynah.ground.errors import BadInput, NotEnoughData, UsageError
from mynah.runs import fits, schedule
from mynah.runs.compare import compare
from mynah.runs.learn import Learning, learn
from mynah.runs.plan import Plan
from mynah.runs.run import Run
from mynah.runs.schedule import Clock
from sound_files import put, tone

OPTIONS = {"families": ["chance", "knn", "mlp"], "budget": "40steps", "executor": "sequential"}


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    return builtin(tmp_path_factory.mktemp("data") / "sounds", clips_per_class=6, rate=8000)


@pytest.fixture(scope="module")
def run(sounds, tmp_path_factory):
    return learn(sounds, out=tmp_path_factory.mktemp("one") / "run", **OPTIONS)


def test_everything_is_there(run):
    names = {path.name for path in run.folder.iterdir()}
    assert {"results.json", "report.html", "best.mynah", "skipped.csv", "trials"} <= names
    assert [row["name"] for row in run.board][-1] == "chance"
    assert run.board[-1]["score"] <= 0.2 < run.board[0]["score"]
    assert run.results["status"] == "complete"
    assert all(row["ci"][0] <= row["score"] <= row["ci"][1] for row in run.board)
    assert json.loads((run.folder / "results.json").read_text()) == json.loads(json.dumps(run.results))
    assert "Verdict" in str(run)
    assert "<table>" in run._repr_html_()


def test_the_documented_keys_are_there(run):
    """The contract of `learn --json`; a key may be added, none may go."""
    top = {
        "schema",
        "run",
        "task",
        "metric",
        "clips",
        "classes",
        "skipped",
        "folds",
        "best",
        "families",
        "report",
        "model",
    }
    row = {"name", "score", "ci", "probability", "train_seconds", "ms_per_clip", "megabytes", "parameters", "status"}
    assert top <= set(run.results)
    assert all(row <= set(entry) for entry in run.board)
    assert run.results["schema"] == "mynah.results/2"


def test_no_path_of_this_machine_is_told(run, sounds):
    for name in ("results.json", "report.html"):
        text = (run.folder / name).read_text(encoding="utf-8")
        assert str(sounds.parent) not in text
        assert str(run.folder.parent) not in text


def test_the_kept_model_beats_chance_and_knows_its_labels(run, sounds):
    model = run.best
    assert list(model.classes_) == run.results["classes"]
    files = sorted(sounds.rglob("*.wav"))[::3]
    from mynah.using.listening import apply

    answers = list(apply(model, files))
    assert np.mean([a.label == f.parent.name for a, f in zip(answers, files, strict=True)]) > 0.5


def test_the_same_seed_and_steps_give_the_same_bits(run, sounds, tmp_path):
    again = learn(sounds, out=tmp_path / "run", **OPTIONS)
    for one, other in zip(run.board, again.board, strict=True):
        assert (one["name"], one["score"], one["ci"], one["details"]) == (
            other["name"], other["score"], other["ci"], other["details"]
        )  # fmt: skip
    a, b = (modelfile.load(r.folder / "best.mynah").tensors() for r in (run, again))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_a_timed_run_can_be_repeated_by_its_steps(sounds, tmp_path, monkeypatch):
    monkeypatch.setattr(schedule, "LEAST_SECONDS", 0.2)
    timed = learn(sounds, out=tmp_path / "timed", **{**OPTIONS, "families": ["mlp"], "budget": "2s"})
    again = learn(sounds, out=tmp_path / "again", **{**OPTIONS, **Run.open(tmp_path / "timed").to_repeat(sounds)})
    assert timed.board[0]["details"] == again.board[0]["details"]
    assert timed.board[0]["steps"] == again.board[0]["steps"]
    a, b = (modelfile.load(r.folder / "best.mynah").tensors() for r in (timed, again))
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_finished_trials_are_not_repeated(sounds, tmp_path):
    learn(sounds, out=tmp_path / "run", **OPTIONS)
    results = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("result.json")}
    assert len(results) == 15
    next(iter(results)).unlink()
    learn(sounds, out=tmp_path / "run", **OPTIONS)
    changed = [path for path, when in results.items() if path.stat().st_mtime_ns != when]
    assert len(changed) == 1


def test_the_device_decides_no_trial(sounds, tmp_path, monkeypatch):
    wished = []

    def noted(wish):
        wished.append(wish)
        return on_device(wish)

    monkeypatch.setattr("mynah.runs.job.on_device", noted)
    options = OPTIONS | {"families": ["mlp"], "out": tmp_path / "run"}
    found = learn(sounds, device="cpu", **options)
    assert set(wished) == {"cpu"}
    assert found.results["how"]["device"] == found.to_repeat(sounds)["device"] == "cpu"
    assert found.to_repeat(sounds, "cuda")["device"] == "cuda"
    wished.clear()
    learn(sounds, device="auto", **options)
    assert not wished  # what was trained on one device is found from another


def test_a_device_that_is_not_there_is_refused_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UsageError, match=r"no cuda here \(torch .*\)\. Use --device auto, or --device cpu"):
        learn(tmp_path / "nowhere", out=tmp_path / "run", device="cuda")
    assert not (tmp_path / "run").exists()


def test_interruption_leaves_a_usable_run(sounds, tmp_path):
    def stop(stage, done, total, note=""):
        if stage == "train" and done == 8:  # chance and three folds of k-NN
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(sounds, out=tmp_path / "run", progress=stop, **OPTIONS)
    partial = Run.open(tmp_path / "run")
    assert partial.results["status"] == "partial"
    assert {row["name"]: row["status"] for row in partial.board} == {"chance": "ok", "knn": "partial", "mlp": "stopped"}
    assert partial.report.exists()
    assert partial.best.predict_proba(np.zeros((0, 3)).tolist() or [_silence()]).shape == (1, 10)
    whole = learn(sounds, out=tmp_path / "run", **OPTIONS)
    assert whole.results["status"] == "complete"


def _silence():
    from mynah.testing.models import ToyClip

    return ToyClip(np.zeros((1, 4000), np.float32), 8000)


def test_a_family_that_fails_is_said_so_and_stops_nothing(sounds, tmp_path, monkeypatch):
    from mynah.models.knn import KNN

    def broken(*_):
        raise RuntimeError("no neighbours today")

    monkeypatch.setattr(KNN, "learn_arrays", broken)
    run = learn(sounds, out=tmp_path / "run", **OPTIONS)
    row = next(row for row in run.board if row["name"] == "knn")
    assert (row["status"], row["score"]) == ("failed", None)
    assert "no neighbours today" in row["message"]
    assert run.results["best"] in ("mlp", "chance")


def test_files_that_vanish_or_break_on_the_way_are_set_aside(sounds, tmp_path):
    place = tmp_path / "in"
    shutil.copytree(sounds, place)
    gone, broken = min(place.glob("kick/*.wav")), min(place.glob("snare/*.wav"))

    def progress(stage, done, total, what):
        if stage == "represent" and gone.exists():
            gone.unlink()
            broken.write_bytes(b"RIFF")

    run = learn(place, out=tmp_path / "run", progress=progress, **OPTIONS)
    assert run.results["status"] == "complete"
    assert run.results["clips"] == 58
    found = {problem["file"]: problem for problem in run.results["problems"]}
    assert found.keys() == {f"kick/{gone.name}", f"snare/{broken.name}"}
    assert "not any more" in found[f"kick/{gone.name}"]["detail"]
    assert "changed" in (tmp_path / "run" / "log.jsonl").read_text()


def test_a_sound_that_no_method_can_read_is_no_reason_to_try_for_ever(sounds, tmp_path, monkeypatch):
    def unreadable(*_, **__):
        raise BadInput("frames that are not finite", where="kick/000.wav")

    monkeypatch.setattr(fits, "compute", unreadable)
    with pytest.raises(BadInput, match="not finite"):
        learn(sounds, out=tmp_path / "run", **OPTIONS)


def test_a_rate_that_is_too_high_is_said(tmp_path):
    for label, hertz in (("low", 300.0), ("high", 900.0)):
        for number in range(5):
            put(
                tmp_path / "in" / label / f"{'abcde'[number]}.wav",
                tone(0.1, hertz, rate=96000, seed=number),
                rate=96000,
            )
    run = learn(tmp_path / "in", out=tmp_path / "run", families="chance", folds=2, executor="sequential")
    assert "Sounds of 96 kHz are read at 48 kHz: what lies above 24 kHz is not learned" in str(run)
    assert "what lies above 24" in run.report.read_text(encoding="utf-8")


def test_sigterm_exits_75_with_the_line_that_resumes(sounds, tmp_path):
    command = ["learn", str(sounds), "--out", str(tmp_path / "run"),
               "--families", "knn,gru", "--budget", "100000steps", "--executor", "sequential"]  # fmt: skip
    process = forking.mynah(command)
    for _ in range(600):
        if len(list((tmp_path / "run").glob("trials/*/result.json"))) >= 5:
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 75, said
    assert f"to go on: mynah resume {tmp_path / 'run'}" in said
    assert Run.open(tmp_path / "run").results["status"] == "partial"


def _is_complete(folder):
    return (folder / "results.json").exists() and Run.open(folder).results["status"] == "complete"


STOPPED = ["--families", "mlp,elman", "--budget", "30steps", "--workers", "2", "--quiet"]


@pytest.fixture(scope="module")
def undisturbed(sounds, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    assert mynah(["learn", str(sounds), *STOPPED, "--executor", "sequential", "--out", str(out)]) == 0
    return Run.open(out)


@pytest.mark.parametrize("executor", ["sequential", "processes"])
@pytest.mark.parametrize(("number", "places"), [(signal.SIGTERM, (1, 10)), (signal.SIGINT, (3, 6))])
def test_a_stopped_run_goes_on_to_the_same_bits(sounds, undisturbed, tmp_path, executor, number, places):
    """Each place is a number of finished trials, of ten; after them comes the training on all clips."""
    out = tmp_path / "run"
    options = ["learn", str(sounds), *STOPPED, "--out", str(out), "--executor"]
    for place in places:
        process = forking.mynah([*options, executor])
        # by what is finished, not by the clock: on a slow machine workers need long before their first result
        for _ in range(6000):
            if process.poll() is not None or len(list(out.glob("trials/*/result.json"))) >= place:
                break
            time.sleep(0.02)
        process.send_signal(number)
        _, said = process.communicate()
        if place != places[0] and process.returncode in (0, -number) and _is_complete(out):
            break  # the signal met a program that was done, or about to leave
        assert process.returncode == {signal.SIGTERM: 75, signal.SIGINT: 130}[number], said
        assert "Traceback" not in said
    assert mynah([*options, "sequential"]) == 0  # to the end here: no other process has to load torch for it
    finished = Run.open(out)
    assert finished.results["status"] == "complete"
    assert [row["details"] for row in undisturbed.board] == [row["details"] for row in finished.board]
    one, other = (modelfile.load(r.folder / "best.mynah").tensors() for r in (undisturbed, finished))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert not list(out.glob("trials/*/checkpoints/*/*"))  # what is finished needs none


def test_wrong_options_are_refused_before_anything_is_trained(sounds, tmp_path):
    for wrong in ({"families": ["nonsense"]}, {"budget": "soon"}, {"executor": "pigeons"}, {"colour": "red"}):
        with pytest.raises(UsageError):
            learn(sounds, out=tmp_path / "run", **wrong)
    (tmp_path / "one" / "only").mkdir(parents=True)
    for path in sorted((sounds / "kick").iterdir()):
        (tmp_path / "one" / "only" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(NotEnoughData):
        learn(tmp_path / "one", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_runs_are_compared_on_the_same_clips(run, sounds, tmp_path):
    other = learn(sounds, out=tmp_path / "other", **{**OPTIONS, "families": ["forest"]})
    found = compare([run.folder, other.folder])
    assert {(row["run"], row["family"]) for row in found.rows} >= {("run", "knn"), ("other", "forest")}
    assert found.clips == 60
    assert "Verdict" in str(found)
    smaller = builtin(tmp_path / "smaller", clips_per_class=5, rate=8000)
    alone = learn(smaller, out=tmp_path / "alone", **{**OPTIONS, "families": ["chance"]})
    with pytest.raises(UsageError, match="not a run on the same clips"):
        compare([run.folder, alone.folder])


def test_signature_and_help_of_learn_show_every_option():
    shown = inspect.signature(learn).parameters
    assert list(shown)[:4] == ["path", "out", "progress", "command"]
    assert {name: shown[name].default for name in list(shown)[4:]} == {
        field.name: field.default for field in dataclasses.fields(Plan)
    }
    assert all(given.kind is given.KEYWORD_ONLY for name, given in shown.items() if name != "path")
    said = pydoc.render_doc(learn, renderer=pydoc.plaintext)
    assert all(f"\n        {field.name}: " in said for field in dataclasses.fields(Plan))


def test_one_trial_cannot_use_two_workers():
    """It and the training at the end, of one and a quarter as long, come one after the other."""
    clock = Clock(deadline=time.monotonic() + 90, workers=2, left=1)
    assert clock.share(lambda name: False) == pytest.approx(40, rel=0.01)


def test_shares_are_equal_and_leftovers_are_shared():
    clock = Clock(deadline=time.monotonic() + 100, workers=2, left=10)
    first = clock.share(lambda _: False)
    assert first == pytest.approx(200 / (10 + 2.5), rel=0.02)
    clock.left, clock.running = 5, {"a": time.monotonic() + 20}
    assert clock.share(lambda _: False) == pytest.approx(180 / 7.5, rel=0.02)
    assert clock.share(lambda _: True) == pytest.approx(200 / 7.5, rel=0.02)


def test_a_repetition_takes_over_labels_and_split(sounds, tmp_path):
    table = sounds / "who.csv"
    files = sorted(path.relative_to(sounds).as_posix() for path in sounds.rglob("*.wav"))
    lines = [f"{name},{name.split('/')[0]},{number % 3}" for number, name in enumerate(files)]
    table.write_text("file,kind,player\n" + "\n".join(lines))
    options = {"labels": str(table), "target": "kind", "group": "player", "families": ["knn"], "executor": "sequential"}
    run = learn(sounds, out=tmp_path / "run", **options)
    table_gone = Run.open(run.folder).to_repeat(sounds)
    again = learn(sounds, out=tmp_path / "again", executor="sequential", **table_gone)
    assert run.results["split"]["description"] == "3 folds, each judged by one player left out"
    assert again.results["split"] == run.results["split"]
    assert again.board[0]["details"] == run.board[0]["details"]
    assert "--out run-again" in run.results["how"]["repeat"]
    table.unlink()


def test_a_run_on_other_sounds_is_not_written_over(run, sounds, tmp_path):
    other = builtin(tmp_path / "others", clips_per_class=6, rate=8000)
    before = (run.folder / "results.json").read_bytes()
    with pytest.raises(UsageError, match="holds a run on other sounds"):
        learn(other, out=run.folder, **OPTIONS)
    assert (run.folder / "results.json").read_bytes() == before


def test_a_refit_that_fails_keeps_results_and_a_model(sounds, tmp_path, monkeypatch):
    from mynah.contracts.classifier import NetModel
    from mynah.training import Diverged

    def diverging(self, *_):
        raise Diverged("the loss is not a number")
        yield

    finished = learn(sounds, out=tmp_path / "run", **{**OPTIONS, "families": ["mlp"]})
    monkeypatch.setattr(NetModel, "_learn", diverging)
    run = learn(sounds, out=tmp_path / "run", **{**OPTIONS, "families": ["mlp"]})
    assert "Training it on all clips failed" in run.results["verdict"]
    assert run.board[0]["score"] == finished.board[0]["score"]
    assert run.best.predict([_silence()]).shape == (1,)


def test_what_failed_is_tried_again(sounds, tmp_path, monkeypatch):
    from mynah.models.knn import KNN

    def broken(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(KNN, "learn_arrays", broken)
        run = learn(sounds, out=tmp_path / "run", **OPTIONS)
        assert next(row for row in run.board if row["name"] == "knn")["score"] is None
        assert run.board[-1]["name"] == "knn"  # after those that finished
    run = learn(sounds, out=tmp_path / "run", **OPTIONS)
    assert next(row for row in run.board if row["name"] == "knn")["status"] == "ok"


def test_answers_that_are_no_probabilities_fail(sounds, tmp_path, monkeypatch):
    from mynah.models.knn import KNN

    monkeypatch.setattr(KNN, "log_scores", lambda self, arrays, X: np.full((len(X), len(self.classes_)), np.nan))
    run = learn(sounds, out=tmp_path / "run", **OPTIONS)
    row = next(row for row in run.board if row["name"] == "knn")
    assert (row["status"], row["message"]) == ("failed", "its answers are not probabilities")


def test_a_trial_is_another_when_anything_that_decides_it_is(sounds, tmp_path):
    def hashes(**options):
        plan = Plan(**{**OPTIONS, **options})
        learning = Learning.prepare(sounds, tmp_path / "run", plan, lambda *_: None, "")
        return {name: learning._trial(name, 0).hash for name in learning.families}

    plain = hashes(budget="10m")
    assert hashes(budget="10m") == plain
    assert hashes(budget="9m")["mlp"] != plain["mlp"]
    assert hashes(budget="9m")["knn"] == plain["knn"]  # it needs no budget
    assert hashes(budget="10m", families=["mlp", "gru"])["mlp"] != plain["mlp"]  # its share is another
    assert hashes(budget="10m", seed=1)["knn"] != plain["knn"]
    assert hashes(budget="10m", folds=4)["knn"] != plain["knn"]


def test_too_few_sounds_give_no_score(tmp_path):
    few = builtin(tmp_path / "few", clips_per_class=3, rate=8000)
    with pytest.raises(NotEnoughData):
        learn(few, out=tmp_path / "run", **OPTIONS)
    run = learn(few, out=tmp_path / "run", anyway=True, **OPTIONS)
    assert all(row["score"] is None and row["scores"] == {} for row in run.board)
    assert "Too few sounds for an honest score" in run.results["verdict"]
    assert run.best.predict([_silence()]).shape == (1,)
