"""Several processes on one fit: the same samples, the same losses, and every bit across a stop."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json, sys
import numpy as np, torch
from mynah import catalog
from mynah.errors import Stopped
from mynah.stores import FolderStore
from mynah.testing import toy
from mynah.training import Checkpoints, Notice, Saver, Training, joined

torch.set_num_threads(1)
family, folder, stop, out = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
clips, labels = toy(8)
model = catalog.model_class(family)(training=Training(budget="40steps", batch=12, valid=0.2, patience=99))
with joined() as world:
    notice = Notice()
    saver = Saver(Checkpoints(FolderStore(folder), "one"), notice, every_steps=10)
    code = 0
    try:
        for event in model.fit_events(clips, labels, keeper=saver):
            if event.step >= stop and world.rank == world.size - 1:  # only one of them is told
                notice.give(Stopped("enough"))
        saver.close()
    except Stopped:
        code = 75
    if world.is_first and code == 0:
        weights = {k: v.tolist() for k, v in model.tensors().items()}
        losses = [[e["train_loss"], e["valid_loss"]] for e in model.history_]
        json.dump({"losses": losses, "weights": weights}, open(out, "w"))
sys.exit(code)
"""


def fit(tmp_path, family, processes, name, stop=10**6):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    out = tmp_path / f"{name}.json"
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    done = subprocess.run(
        [*start, str(program), family, str(tmp_path / name), str(stop), str(out)],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300,
    )  # fmt: skip
    assert out.exists() == (done.returncode == 0), done.stderr[-3000:]
    return json.loads(out.read_text()) if done.returncode == 0 else None


@pytest.mark.parametrize("family", ["mlp", "lstm", "resnet"])
def test_two_processes_learn_what_one_does(tmp_path, family):
    one, two = fit(tmp_path, family, 1, "one"), fit(tmp_path, family, 2, "two")
    differences = [
        abs(a - b) for x, y in zip(one["losses"], two["losses"], strict=True) for a, b in zip(x, y, strict=True)
    ]
    assert len(differences) >= 20
    assert max(differences) < 1e-5
    assert fit(tmp_path, family, 2, "stopped", stop=22) is None
    again = fit(tmp_path, family, 2, "stopped")
    assert again == two


@pytest.mark.slow
@pytest.mark.parametrize("family", ["elman", "gru", "lenet"])
def test_two_processes_learn_what_one_does_of_the_others(tmp_path, family):
    test_two_processes_learn_what_one_does(tmp_path, family)


def test_learn_under_torchrun(tmp_path):
    from mynah.datasets import builtin
    from mynah.trials.run import Run

    sounds = builtin(tmp_path / "sounds", clips_per_class=5, rate=8000)
    options = ["learn", str(sounds), "--families", "knn,mlp", "--budget", "20steps", "--quiet"]
    for name, start in (
        ("one", ["-m"]),
        ("two", ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]),
    ):
        done = subprocess.run(
            [sys.executable, *start, "mynah", *options, "--out", str(tmp_path / name)],
            capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("Verdict") == 1
    one, two = (Run.open(tmp_path / name) for name in ("one", "two"))
    assert {r["name"]: r["score"] for r in one.board} == {r["name"]: r["score"] for r in two.board}
    assert two.best.predict([str(sounds / "kick" / "000.wav")]).shape == (1,)
