"""Fits on a device: everything follows, the network comes back, and a fit begun on one goes on on another."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch

from mynah import catalog
from mynah.contracts.model import ByGradient
from mynah.ground.device import why_not
from mynah.training import Batch
from mynah.training.checkpoints import join, split

PROGRAM = Path(__file__).parents[1] / "device_fits.py"
QUICK = ["mlp", "gru", "resnet", "seq2seq", "biaxial", "frame_vae"]
ALL = [card.name for card in catalog.cards() if issubclass(catalog.model_class(card.name), ByGradient)]
REST = [*sorted(set(ALL) - set(QUICK)), "seq2seq, reversed"]
#: How far weights may lie apart after three steps; the scan of the processor's kernel rounds in another way.
APART = {"lru": 5e-3}


@cache
def fits(kind, names):
    """Return what `device_fits.py` found on a device."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), kind, *names],
        capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def check_device(found, kind):
    assert found["device"] == kind
    assert found["at_home"], "the network is not on the processor after its fit"
    assert found["repeats"], "two fits on one kind of device differ, or one that was stopped"


def check_pretended(found, apart=1e-6):
    check_device(found, "pretend")
    assert max(found["apart"], found["from_there"], found["from_here"], *found["losses"]) <= apart


@pytest.mark.parametrize("name", QUICK)
def test_all_follows_to_a_device_that_does_not_mix(name):
    check_pretended(fits("pretend", tuple(QUICK))[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", REST)
def test_so_does_every_family(name):
    check_pretended(fits("pretend", (name,))[name], APART.get(name, 1e-6))


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_a_gpu_trains_what_the_processor_does(kind, name):
    """Its sums are rounded in another order: the losses of three steps are near, its own repetitions the same."""
    if (reason := why_not(kind)) is not None:
        pytest.skip(f"needs {kind}: {reason}")
    found = fits(kind, tuple(QUICK))[name]
    is_left = kind == "mps" and found["device"] == "cpu"  # an Apple GPU cannot hold float64
    check_device(found, "cpu" if is_left else kind)
    assert max(found["losses"]) < 1e-2


def test_states_are_kept_on_the_processor():
    """Tensors of whatever device are stored as the processor's, and come back as such."""

    class Elsewhere(torch.Tensor):
        asked = 0

        def cpu(self):
            Elsewhere.asked += 1
            return self.as_subclass(torch.Tensor)

    value = torch.arange(3.0).as_subclass(Elsewhere)
    plain, tensors = split({"step": 1, "net": {"a": value}})
    assert Elsewhere.asked == 1
    assert type(tensors["net"]["/a"]) is torch.Tensor
    assert join(plain, tensors)["net"]["a"].device.type == "cpu"


def test_a_batch_goes_to_a_device_whole():
    batch = Batch(torch.zeros(2, 3, 1), torch.tensor([3, 2]), torch.eye(2), torch.eye(2), torch.tensor([True, False]))
    assert batch.to(torch.device("cpu")) is batch
    there = batch.to(torch.device("meta"))
    assert {there.frames.device.type, there.lengths.device.type, there.target.device.type} == {"meta"}
    assert {there.whole.device.type, there.cut.device.type, there.ended.device.type} == {"meta"}
    assert batch.part(slice(1)).to(torch.device("meta")).whole.shape == (2, 2)
