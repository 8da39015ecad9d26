"""CPU time per training step: a bare torch loop, Mynah's `Fit`, and other trainers; prints one JSON document.

    python benchmarks/loop_overhead.py [--quick] [--rounds 7] [--steps 400]

A tiny LSTM (8 -> 16, T = 16, batch 8), Adam, one thread: work so small that a trainer's own cost shows. All do the
same mathematics: shuffled batches, forward, cross entropy against soft targets, a finite-loss check, backward, the norm
clipped at 5, Adam, a cosine learning rate (lightning and skorch: constant). Weight average, label smoothing, validation
and augmentation are off. `Fit` keys dropout and order by step number besides, pads, and can be resumed exactly.

Figures are of `time.process_time` between the losses of consecutive steps, in microseconds, over all steps of rounds in
which the loops take turns; `ratio` is to the bare loop. A round is too short for a checkpoint at the default interval,
so the whole CPU cost of one (copy, hash, write, read back, prune) is measured alone and spread over that interval.
Gates: 1.10 without checkpoints, 1.15 with them, by p10 and by median; the exit code says whether they are met.
"""

from __future__ import annotations

import json
import logging
import math
import os
import sys
import tempfile
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from _options import exit_code, parse, parser
from torch import nn

from mynah.stores import FolderStore
from mynah.training import Batches, Checkpoints, Fit, Keeper, Saver, Training
from mynah.training.saving import INTERVAL_SECONDS

EXAMPLES, TIME, INPUTS, HIDDEN, CLASSES, BATCH, CLIP, RATE = 256, 16, 8, 16, 2, 8, 5.0, 1e-3
GATES = {"fit": 1.10, "fit with checkpoints": 1.15}

rng = np.random.default_rng(0)
WAVES = rng.normal(size=(EXAMPLES, TIME, INPUTS)).astype(np.float32)
CODES = rng.integers(0, CLASSES, EXAMPLES)
X, TARGETS = torch.from_numpy(WAVES), nn.functional.one_hot(torch.from_numpy(CODES), CLASSES).float()


class Net(nn.Module):
    """The tiny LSTM."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.head = nn.LSTM(INPUTS, HIDDEN, batch_first=True), nn.Linear(HIDDEN, CLASSES)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Stamps:
    """The loss, which notes the CPU time at which it is asked for."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, logits, target):
        self.times.append(time.process_time())
        return nn.functional.cross_entropy(logits, target)


def bare(steps, stamp, tuned=None):
    """The loop as one writes it by hand; `tuned` may wrap net and optimizer and do backward and clipping."""
    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)
    if tuned is not None:
        net, optimizer = tuned.setup(net, optimizer)
    net.train()
    a_pass = EXAMPLES // BATCH
    for step in range(steps):
        if step % a_pass == 0:
            order = torch.randperm(EXAMPLES)
        items = order[step % a_pass * BATCH : (step % a_pass + 1) * BATCH]
        for group in optimizer.param_groups:
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        loss = stamp(net(X[items]), TARGETS[items])
        if not math.isfinite(loss.item()):
            raise ValueError("not a number")
        optimizer.zero_grad(set_to_none=True)
        if tuned is None:
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), CLIP)
        else:
            tuned.backward(loss)
            tuned.clip_gradients(net, optimizer, max_norm=CLIP)
        optimizer.step()


def new_fit(steps, stamp, keeper=None):
    settings = Training(
        budget=f"{steps}steps", batch=BATCH, optimizer="Adam", learning_rate=RATE, warmup_steps=0,
        weight_decay=0.0, clip_norm=CLIP, average=0.0,
    )  # fmt: skip
    data = Batches(list(WAVES), CODES, CLASSES, size=BATCH, seed=1)
    return Fit(Net(), lambda net, b: stamp(net(b.frames), b.target), data, settings, seed=2, keeper=keeper)


def fit(steps, stamp):
    list(new_fit(steps, stamp, Keeper()))


def fit_with_checkpoints(steps, stamp):
    with tempfile.TemporaryDirectory() as folder:
        saver = Saver(Checkpoints(FolderStore(folder), "benchmark"))
        list(new_fit(steps, stamp, saver))
        saver.close()


def fabric(steps, stamp):
    from lightning.fabric import Fabric

    bare(steps, stamp, Fabric(accelerator="cpu", devices=1))


def loader():
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, TARGETS), batch_size=BATCH, shuffle=True)


def trainer(steps, stamp):
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def training_step(self, batch, _):
            loss = stamp(self.net(batch[0]), batch[1])
            if not math.isfinite(loss.item()):
                raise ValueError("not a number")
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=RATE)

    lightning.Trainer(
        max_steps=steps, accelerator="cpu", devices=1, gradient_clip_val=CLIP, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    ).fit(Module(), loader())  # fmt: skip


def skorch(steps, stamp):
    from skorch import NeuralNet
    from skorch.callbacks import GradientNormClipping

    class Loss(nn.Module):
        def forward(self, logits, target):
            return stamp(logits, target)

    NeuralNet(
        Net, Loss, optimizer=torch.optim.Adam, lr=RATE, batch_size=BATCH, max_epochs=steps * BATCH // EXAMPLES,
        iterator_train__shuffle=True, train_split=None, verbose=0, callbacks=[GradientNormClipping(CLIP)],
    ).fit(WAVES, TARGETS.numpy())  # fmt: skip


LOOPS = {
    "bare": bare,
    "fit": fit,
    "fit with checkpoints": fit_with_checkpoints,
    "lightning Fabric": fabric,
    "lightning Trainer": trainer,
    "skorch": skorch,
}


def checkpoint_seconds(repeats=15):
    """CPU seconds of one checkpoint in a folder: copy, write, read back, and drop the oldest."""
    with tempfile.TemporaryDirectory() as folder:
        one, checkpoints, times = new_fit(repeats, Stamps()), Checkpoints(FolderStore(folder), "benchmark"), []

        class Saving(Keeper):
            def look(self, fit):
                began = time.process_time()
                checkpoints.save(fit.state())
                times.append(time.process_time() - began)

        one.keeper = Saving()
        list(one)
    return float(np.median(times))


def installed():
    loops = dict(LOOPS)
    for module, names in (("lightning", ("lightning Fabric", "lightning Trainer")), ("skorch", ("skorch",))):
        try:
            __import__(module)
        except ImportError:
            for name in names:
                del loops[name]
    return loops


def main() -> int:
    made = parser(__doc__)
    made.add_argument("--rounds", type=int, default=7)
    made.add_argument("--steps", type=int, default=400)
    options = parse(made, rounds=2, steps=200)
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning").setLevel(logging.ERROR)
    loops = installed()
    gaps: dict[str, list[float]] = {name: [] for name in loops}
    for turn in range(options.rounds + 1):
        for name, loop in loops.items():
            stamp = Stamps()
            loop(options.steps, stamp)
            if turn:  # the first round warms up
                gaps[name] += list(1e6 * np.diff(stamp.times)[20:])
    one = 1e6 * checkpoint_seconds()
    found: dict[str, dict[str, float]] = {}
    for name, steps in gaps.items():
        p10, median = np.percentile(steps, [10, 50])
        if name == "fit with checkpoints":  # an interval of 15 s holds 15 s of CPU at the most
            p10, median = (value * (1 + one / 1e6 / INTERVAL_SECONDS) for value in (p10, median))
        found[name] = {"p10_us": round(float(p10), 1), "median_us": round(float(median), 1)}
    for row in found.values():
        row["ratio_p10"] = round(row["p10_us"] / found["bare"]["p10_us"], 3)
        row["ratio_median"] = round(row["median_us"] / found["bare"]["median_us"], 3)
    worst = {name: max(row["ratio_p10"], row["ratio_median"]) for name, row in found.items()}
    met = {name: worst[name] <= gate for name, gate in GATES.items()}
    document = {
        "loops": found,
        "checkpoint_us": round(one, 1),
        "rounds": options.rounds,
        "quick": options.quick,
        "steps": options.steps,
        "torch": torch.__version__,
        "gates": GATES,
        "met": met,
    }
    print(json.dumps(document, indent=1))
    return exit_code(all(met.values()), options)


if __name__ == "__main__":
    sys.exit(main())
