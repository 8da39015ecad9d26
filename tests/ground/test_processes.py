"""Several processes on one fit: the same samples, the same losses, and every bit across a stop."""

import json
import os
import subprocess
import sys

import pytest
import torch

import forking
from mynah import catalog
from mynah.cli.app import run as mynah
from mynah.data.builtin import builtin
from mynah.ground.errors import Stopped
from mynah.ground.processes import joined, rows
from mynah.models.batch_norm_rnn import BatchNormRNN
from mynah.models.resnet import ResNetwork
from mynah.runs.run import Run
from mynah.stores import FolderStore
from mynah.testing import toy
from mynah.training import Checkpoints, Notice, Saver, Training


def trained(family, folder, stop, out):
    """Train, and write losses and weights; the last process alone is told to stop."""
    clips, labels = toy(8)
    model = catalog.model_class(family)(training=Training(budget="40steps", batch=12, valid=0.2, patience=99))
    with joined() as world:
        notice = Notice()
        saver = Saver(Checkpoints(FolderStore(folder), "one"), notice, every_steps=10)
        try:
            for event in model.fit_events(clips, labels, keeper=saver):
                if event.step >= stop and world.rank == world.size - 1:
                    notice.give(Stopped("enough"))
            saver.close()
        except Stopped:
            return 75
        if world.is_first:
            weights = {k: v.tolist() for k, v in model.tensors().items()}
            losses = [[e["train_loss"], e["valid_loss"]] for e in model.history_]
            out.write_text(json.dumps({"losses": losses, "weights": weights}))
    return 0


def fit(tmp_path, family, processes, name, stop=10**6):
    out = tmp_path / f"{name}.json"
    ended = forking.together(processes, lambda: trained(family, tmp_path / name, stop, out))
    codes = {code for code, _ in ended}
    assert codes in ({0}, {75}), ended
    assert out.exists() == (codes == {0})
    return json.loads(out.read_text()) if codes == {0} else None


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


def gradients(net, out):
    """Write the gradients and buffers of one step."""
    with joined() as world:
        torch.manual_seed(0)
        if net == "resnet":
            net = ResNetwork(3, (8, 12, 16), 0.3).double()
        else:
            net = BatchNormRNN(hidden=5, layers=2, norm=net).build(32, 3).double()
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
            torch.save(found + [value.clone() for value in net.buffers()], out)
    return 0


@pytest.mark.parametrize("net", ["resnet", "input", pytest.param("both", marks=pytest.mark.slow)])
def test_batch_norm_and_dropout_are_of_the_whole_batch(tmp_path, net):
    """In float64, gradients and running statistics of two processes are those of one."""
    found = []
    for processes in (1, 2):
        out = tmp_path / f"{processes}.pt"
        ended = forking.together(processes, lambda out=out: gradients(net, out))
        assert {code for code, _ in ended} == {0}, ended
        found.append(torch.load(out))
    for one, two in zip(*found, strict=True):
        assert torch.allclose(one, two, rtol=1e-10, atol=1e-12)


def test_learn_under_torchrun(tmp_path, capsys):
    sounds = builtin(tmp_path / "sounds", clips_per_class=5, rate=8000)
    options = [
        "learn",
        str(sounds),
        "--families",
        "knn,mlp",
        "--budget",
        "20steps",
        "--executor",
        "sequential",
        "--quiet",
    ]
    assert mynah([*options, "--out", str(tmp_path / "one")]) == 0
    assert capsys.readouterr().out.count("Verdict") == 1
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "mynah"]
    done = subprocess.run(
        [*start, *options, "--out", str(tmp_path / "two")],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("Verdict") == 1
    one, two = (Run.open(tmp_path / name) for name in ("one", "two"))
    assert {r["name"]: r["score"] for r in one.board} == {r["name"]: r["score"] for r in two.board}
    assert two.best.predict([str(sounds / "kick" / "000.wav")]).shape == (1,)
