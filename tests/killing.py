"""Fits that are killed: families small enough, stores that kill their user, children that die."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import time
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from mynah import catalog
from mynah.data.tunes import tune
from mynah.ground.errors import Stopped
from mynah.representations import Frames
from mynah.stores import Store
from mynah.testing.models import RATE, toy
from mynah.training import Checkpoints, Notice, Saver, Training, noticed
from small import SMALL

#: The families that a kill may meet.
FAMILIES = [card.name for card in catalog.cards() if card.cost == "gradient"]
STEPS = 60
EVERY = 3
#: Frames of a clip for families that go through every sample; the others see it whole.
CUT = {"sample_rnn": 100, "wavenet": 400}
TRAINING = Training(
    budget=f"{STEPS}steps", batch=6, warmup_steps=5, valid=0.2, patience=99, average=0.9, crop_seconds=0.2
)


@cache
def frames(name: str) -> tuple[Any, np.ndarray]:
    """What a family sees of the toy, and its labels; pieces of music for one that composes."""
    if "compose" in catalog.card(name).tasks:
        return [tune(0, number, bars=4, melody_only=True) for number in range(16)], np.zeros(16)
    clips, labels = toy(clips_per_class=8)
    kind = catalog.model_class(name)
    module = kind.default_representation.build(RATE).eval()
    with torch.no_grad():
        arrays = [module(torch.from_numpy(clip.wave)[None])[0, : CUT.get(name)].numpy() for clip in clips]
    return Frames.from_arrays(arrays, representation=kind.default_representation, rate=RATE), labels


def train(name: str, keeper=None) -> str:
    """Fit a small model of a family, and return the digest of all that it learned."""
    model = catalog.model_class(name)(**SMALL[name], training=TRAINING, random_state=3)
    for _ in model.fit_events(*frames(name), keeper=keeper):
        pass
    digest = hashlib.sha256()
    for key, value in sorted(model.tensors().items()):
        digest.update(key.encode() + str(value.dtype).encode() + np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()


@cache
def straight(name: str) -> str:
    """The digest of a fit that nobody disturbs."""
    return train(name)


def stopped_at(name: str, step: int, store: Store) -> None:
    """Fit until a step and be told to stop there."""
    notice = Notice()

    class Told(Saver):
        def look(self, fit):
            if fit.step == step:
                notice.give(Stopped("enough"))
            super().look(fit)

    with pytest.raises(Stopped, match="enough"):
        train(name, Told(Checkpoints(store, "one"), notice, every_steps=EVERY))


def goes_on(name: str, store: Store) -> tuple[int, str]:
    """Fit to the end from what is there; return where it began and the digest."""

    class Seen(Saver):
        began = 0

        def begin(self, fit):
            super().begin(fit)
            self.began = fit.step

    saver = Seen(Checkpoints(store, "one"), every_steps=EVERY)
    digest = train(name, saver)
    saver.close()
    return saver.began, digest


class Turning(Store):
    """A store that does something before and after every operation of another."""

    def __init__(self, store: Store) -> None:
        self.store, self.url = store, store.url

    def turn(self, verb: str, name: str, act):
        """Do one operation; what inherits adds the trouble."""
        return act()

    def get(self, name):
        return self.turn("get", name, lambda: self.store.get(name))

    def get_range(self, name, start, length):
        return self.turn("get", name, lambda: self.store.get_range(name, start, length))

    def put(self, name, content):
        self.turn("put", name, lambda: self.store.put(name, content))

    def names(self, prefix=""):
        return self.turn("names", prefix, lambda: self.store.names(prefix))

    def delete(self, name):
        self.turn("delete", name, lambda: self.store.delete(name))


class Mortal(Turning):
    """A store whose user dies by SIGKILL just before or just after its n-th operation."""

    def __init__(self, store: Store, point: int, after: bool) -> None:
        super().__init__(store)
        self.left, self.after = point, after

    def turn(self, verb, name, act):
        self.left -= 1
        if self.left == 0 and not self.after:
            os.kill(os.getpid(), signal.SIGKILL)
        answer = act()
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


class Warned(Saver):
    """A saver whose process gets SIGTERM at a step."""

    warned_at = -1

    def look(self, fit):
        if fit.step == self.warned_at:
            os.kill(os.getpid(), signal.SIGTERM)
        super().look(fit)


@dataclass
class Count:
    """What happened to fits that were killed."""

    runs: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    resumes: int = 0
    lost: int = 0
    corrupted: int = 0

    def __str__(self) -> str:
        kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(self.kills.items()))
        return (
            f"{sum(self.kills.values())} kills ({kinds}) in {self.runs} runs, {self.resumes} resumes, "
            f"{self.lost} lost, {self.corrupted} corrupted"
        )


KINDS = ("SIGKILL at an operation", "SIGKILL at a moment", "SIGTERM at a step")


class Slaughter:
    """Kills fits of one family at random points, each time going on in a new process, and counts.

    Args:
        name: of the family.
        store: () to a new empty place for one run.
        rng: draws what happens.
        count: is added to.
    """

    def __init__(self, name: str, store, rng: np.random.Generator, count: Count) -> None:
        self.name, self.new_store, self.rng, self.count = name, store, rng, count
        self.right = straight(name)

    def kill(self, kills: int) -> None:
        """Do at least one run, and as many as it takes for so many kills; the last is let through to its end."""
        left = kills
        while left > 0:
            self.count.runs += 1
            store, reached, is_done, is_first = self.new_store(), 0, False, True
            while not is_done:
                kind = str(self.rng.choice(KINDS, p=(0.4, 0.4, 0.2))) if left > 0 else "none"
                self.count.resumes += not is_first
                is_first = False
                is_done, answer = self._one_process(store, kind, reached)
                now = self._look(store, reached)
                if is_done:
                    self.count.corrupted += answer != self.right
                    break
                left -= 1
                self.count.kills[kind] = self.count.kills.get(kind, 0) + 1
                if kind.startswith("SIGTERM"):  # it was told, so it saved where it was, or after one step more
                    self.count.lost += not int(answer) <= now <= int(answer) + 1
                reached = now

    def _look(self, store: Store, reached: int) -> int:
        """Return the step of the newest checkpoint; it never goes back, and all that are there are whole."""
        checkpoints = Checkpoints(store, self.name)
        for manifest in checkpoints._manifests():
            body = checkpoints._manifest(manifest)
            self.count.corrupted += body is None or checkpoints._state(body) is None
        state = checkpoints.newest()
        step = state["step"] if state else 0
        self.count.lost += step < reached
        return step

    def _one_process(self, store: Store, kind: str, reached: int) -> tuple[bool, str]:
        """Fit in a child that something may happen to: (did it end, what it said)."""
        point, after = int(self.rng.integers(1, 90)), bool(self.rng.integers(2))
        at = int(self.rng.integers(reached + 1, STEPS + 1)) if reached < STEPS else -1
        delay = float(self.rng.uniform(0.02, 0.6))
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            code = 70
            with contextlib.suppress(BaseException):
                if kind == KINDS[0]:
                    store = Mortal(store, point, after)
                code = self._in_child(store, at if kind == KINDS[2] else -1, writing)
            os._exit(code)
        os.close(writing)
        if kind == KINDS[1]:
            time.sleep(delay)
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        with os.fdopen(reading) as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL, f"{self.name}: died of signal {os.WTERMSIG(status)}"
            return False, ""
        code = os.WEXITSTATUS(status)
        assert code in (0, 75), f"{self.name}: exit code {code}"
        return code == 0, said

    def _in_child(self, store: Store, at: int, writing: int) -> int:
        with noticed() as notice:
            saver = Warned(Checkpoints(store, self.name), notice, every_steps=EVERY)
            saver.warned_at = at
            try:
                digest = train(self.name, saver)
                saver.close()
            except Stopped as error:
                os.write(writing, str(at).encode())
                return error.exit_code
        os.write(writing, digest.encode())
        return 0
