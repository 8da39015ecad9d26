"""Fit families on the processor and on a device, and print as JSON how far their weights lie apart.

    python tests/device_fits.py pretend|cuda|mps FAMILY ...

A process of its own: torch takes a pretend device once, and cannot put it away again.
"""

import dataclasses
import json
import os
import sys
import tempfile

import numpy as np
import torch

import test_every_composer as composers
import test_every_model as models
from mynah import catalog
from mynah.ground.device import choose, on_device
from mynah.ground.errors import Stopped
from mynah.stores import FolderStore
from mynah.testing.models import toy, toy_strings
from mynah.training import Checkpoints, Saver

STEPS = 3
CLIPS = toy(6)
#: Variants of families that make tensors of their own.
VARIANTS = {"seq2seq, reversed": ("seq2seq", {"attention": False, "reverse": True, "stride": 2})}


def new(name):
    """Return an unfitted model, and what it learns."""
    name, settings = VARIANTS.get(name, (name, {}))
    kind, tasks = catalog.model_class(name), catalog.card(name).tasks
    data = CLIPS
    if "compose" in tasks:
        model, data = composers.make(name), (composers.KEPT, [])
    elif "transcribe" in tasks:
        model, data = kind(**{"hidden": 12, **settings}), toy_strings(20)
    elif "generate" in tasks:
        settings, training = models.SMALL_GENERATORS[name]
        model = kind(**settings)
        model.training = dataclasses.replace(model.settings, **training)
    else:
        model = models.make(name)
    model.training = dataclasses.replace(model.settings, budget=f"{STEPS}steps", batch=8, valid=0.3, patience=99)
    return model, data


class Ending(Saver):
    """Is told to stop in the first step."""

    def look(self, fit):
        super().look(fit)
        self.notice.give(Stopped("enough"))


def fit(name, device, keeper=None):
    """Return a model fitted on a device, or None where it was stopped on its way."""
    model, data = new(name)
    try:
        with on_device(device):
            for _ in model.fit_events(*data, keeper=keeper):
                pass
    except Stopped:
        return None
    return model


def apart(one, other):
    """Return the largest difference of the weights of two models."""
    pairs = [(a, other.tensors()[name]) for name, a in one.tensors().items() if a.size]
    return max(float(np.abs(a.astype(float) - b.astype(float)).max()) for a, b in pairs)


def gone_on(name, first, second):
    """Return a model that was begun on one device and ended on another."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(FolderStore(folder), "one")
        assert fit(name, first, Ending(checkpoints)) is None
        assert checkpoints.newest()["step"] < STEPS
        return fit(name, second, Saver(checkpoints))


def facts(name, device):
    here, there = fit(name, torch.device("cpu")), fit(name, device)
    at_home = all(type(x) is torch.Tensor and x.device.type == "cpu" for x in there.net_.state_dict().values())
    return {
        "apart": apart(here, there),
        "from_there": apart(here, gone_on(name, device, torch.device("cpu"))),
        "from_here": apart(here, gone_on(name, torch.device("cpu"), device)),
        "repeats": apart(there, fit(name, device)) == 0.0 == apart(there, gone_on(name, device, device)),
        "device": there.record_["device"],
        "at_home": at_home,
        "losses": [abs(a["train_loss"] - b["train_loss"]) for a, b in zip(here.history_, there.history_, strict=True)],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1] == "pretend":
        from pretend_device import DEVICE
    else:
        DEVICE = choose(sys.argv[1])
    print(json.dumps({name: facts(name, DEVICE) for name in sys.argv[2:]}), flush=True)
    os._exit(0)  # torch would wait in vain for the threads of a pretend device
