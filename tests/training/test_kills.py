"""Every family that learns by gradient is killed at random points and ends with the bits of an undisturbed fit."""

import os
import time

import numpy as np
import pytest

from killing import FAMILIES, Count, Slaughter
from mynah.stores import FolderStore
from mynah.training import Saver


def slaughter(kills, folder, seed=None):
    """Spread so many random kills over the families; what was counted is printed (see it with -s)."""
    seed = int.from_bytes(os.urandom(4), "big") if seed is None else seed
    rng, count, began = np.random.default_rng(seed), Count(), time.process_time()
    places = iter(range(10**6))
    shares = np.diff(np.arange(len(FAMILIES) + 1) * kills // len(FAMILIES))
    for name, share in zip(FAMILIES, shares, strict=True):
        family = Slaughter(name, lambda: FolderStore(folder / str(next(places))), rng, count)
        try:
            family.kill(int(share))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        assert (count.lost, count.corrupted) == (0, 0), f"seed {seed}: {name}: {count}"
    print(f"\n{count}; {len(FAMILIES)} families, seed {seed}, {time.process_time() - began:.1f} s of CPU in the parent")
    assert sum(count.kills.values()) >= kills
    return count


def test_twenty_random_kills(tmp_path):
    slaughter(20, tmp_path)


@pytest.mark.slow
def test_two_hundred_random_kills(tmp_path):
    slaughter(200, tmp_path)


def test_a_fit_that_does_not_go_on_is_seen(tmp_path, monkeypatch):
    """A saver that restores nothing but the step, as engines do that lose the optimizer, is found out."""
    plain = Saver.begin

    def forgetful(self, fit):
        fresh = fit.state()
        plain(self, fit)
        fit.optimizer.load_state_dict(fresh["optimizer"])

    monkeypatch.setattr(Saver, "begin", forgetful)
    with pytest.raises(AssertionError, match="corrupted"):
        slaughter(20, tmp_path)
