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
from mynah.ground.errors import Stopped
from mynah.stores import FolderStore
from mynah.testing import toy
from mynah.ground.processes import joined
from mynah.training import Checkpoints, Notice, Saver, Training

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


def check_same_losses(tmp_path, family):
    one, two = fit(tmp_path, family, 1, "one"), fit(tmp_path, family, 2, "two")
    pairs = zip(one["losses"], two["losses"], strict=True)
    differences = [abs(a - b) for x, y in pairs for a, b in zip(x, y, strict=True)]
    assert len(differences) >= 20
    assert max(differences) < 1e-5
    return two


def check_goes_on(tmp_path, family, straight):
    assert fit(tmp_path, family, 2, "stopped", stop=22) is None
    assert fit(tmp_path, family, 2, "stopped") == straight


def test_two_processes_learn_what_one_does_and_go_on_with_every_bit(tmp_path):
    check_goes_on(tmp_path, "lstm", check_same_losses(tmp_path, "lstm"))


@pytest.mark.slow
@pytest.mark.parametrize("family", ["mlp", "elman", "gru", "lenet"])
def test_so_do_the_others(tmp_path, family):
    check_goes_on(tmp_path, family, check_same_losses(tmp_path, family))


@pytest.mark.slow
def test_batch_norm_goes_on_with_every_bit(tmp_path):
    """Its losses part from those of one process by rounding, which batch normalisation and Adam make grow."""
    check_goes_on(tmp_path, "resnet", fit(tmp_path, "resnet", 2, "two"))


GRADIENTS = """
import sys
import torch
from mynah.models.batch_norm_rnn import BatchNormRNN
from mynah.models.resnet import ResNetwork
from mynah.ground.processes import joined
from mynah.ground.processes import rows

torch.set_num_threads(1)
with joined() as world:
    torch.manual_seed(0)
    if sys.argv[2] == "resnet":
        net = ResNetwork(3, (8, 12, 16), 0.3).double()
    else:
        net = BatchNormRNN(hidden=5, layers=2, norm=sys.argv[2]).build(32, 3).double()
    x, lengths, y = torch.randn(12, 20, 32).double(), torch.randint(8, 21, (12,)), torch.randint(0, 3, (12,))
    x = x * (torch.arange(20)[None] < lengths[:, None])[..., None]
    part = world.part(12)
    torch.manual_seed(1)
    with rows(part, 12):
        loss = torch.nn.functional.cross_entropy(net(x[part], lengths[part]), y[part], reduction="sum")
    loss.backward()
    found = [parameter.grad for parameter in net.parameters()]
    if world.size > 1:
        for gradient in found:
            torch.distributed.all_reduce(gradient)
    if world.is_first:
        torch.save(found + [value.clone() for value in net.buffers()], sys.argv[1])
"""


@pytest.mark.parametrize("net", ["resnet", "input", pytest.param("both", marks=pytest.mark.slow)])
def test_batch_norm_and_dropout_are_of_the_whole_batch(tmp_path, net):
    """In float64, gradients and running statistics of two processes are those of one."""
    import torch

    (tmp_path / "gradients.py").write_text(GRADIENTS)
    found = []
    for start in ([], ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]):
        out = tmp_path / f"{len(found)}.pt"
        subprocess.run([sys.executable, *start, str(tmp_path / "gradients.py"), str(out), net], check=True, timeout=200)
        found.append(torch.load(out))
    for one, two in zip(*found, strict=True):
        assert torch.allclose(one, two, rtol=1e-10, atol=1e-12)


def test_learn_under_torchrun(tmp_path):
    from mynah.data.builtin import builtin
    from mynah.runs.run import Run

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
