"""Checkpoints in a store that now and then fails, cuts off and is late."""

import time

import numpy as np
import pytest

from killing import Turning, goes_on, straight
from mynah.ground.errors import Stopped
from mynah.stores import FolderStore

FAMILY = "gru"


class Fickle(Turning):
    """A store that now and then fails before or after it did what was asked, cuts contents off, and is late.

    The first content put is always cut off: how many operations follow depends on the machine, so chance alone
    cannot promise that anything goes wrong.
    """

    def __init__(self, store, seed):
        super().__init__(store)
        self.rng, self.count = np.random.default_rng(seed), 0

    def turn(self, verb, name, act):
        chance = self.rng.random()
        if chance < 0.04:
            self.count += 1
            if chance < 0.02:
                act()
            raise Stopped("the network failed")
        if chance < 0.2:
            time.sleep(0.003)
        answer = act()
        if verb == "get" and chance > 0.97:
            self.count += 1
            return answer[: int(len(answer) * self.rng.random())]
        return answer

    def put(self, name, content):
        if self.rng.random() < 0.02 or self.count == 0:
            self.count += 1
            content = content[: len(content) // 2]
        super().put(name, content)


@pytest.mark.parametrize("seed", range(20))
def test_a_fickle_store_gives_the_right_bits_or_stops(seed, tmp_path):
    fickle = Fickle(FolderStore(tmp_path), seed)
    for _ in range(3):
        try:
            assert goes_on(FAMILY, fickle)[1] == straight(FAMILY)
        except Stopped:
            continue
    assert fickle.count > 0
    assert goes_on(FAMILY, FolderStore(tmp_path))[1] == straight(FAMILY)
