"""What is said of networks over samples, of networks that do it wrong."""

import time

import torch

from mynah.ground.randomness import seeded
from mynah.layers.next_symbol import NextSymbol, Stream
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems import next_samples


class Window(SequenceNetwork):
    """A mean over places from `first` to `last`, counted from the present one."""

    def __init__(self, first, last):
        super().__init__(width=4)
        self.first, self.last = first, last

    def forward(self, x, state=None):
        padded = torch.nn.functional.pad(x, (0, 0, -self.first, max(0, self.last)))
        return padded.unfold(1, self.last - self.first + 1, 1).mean(dim=3)[:, : x.shape[1]], None


def network(first, last):
    return seeded(0, lambda: NextSymbol(16, 4, Window(first, last), torch.nn.Linear(4, 16)))


def test_a_network_that_sees_less_or_the_future_is_found():
    assert next_samples.structure(network(-7, 0), 8, 0) == {"future": 0, "reached": 8, "apart": 0}
    assert next_samples.structure(network(-7, 0), 10, 0)["apart"] == 2
    assert next_samples.structure(network(-7, 1), 8, 0)["future"] > 0.01


def test_the_gain_is_time_over_time(monkeypatch):
    net = network(-7, 0).eval()
    clock = [0.0]
    monkeypatch.setattr(time, "process_time", lambda: clock[0])

    class Timed(Stream):
        def draw(self, uniforms):
            clock[0] += 0.5 * len(uniforms)

    def whole(before):
        clock[0] += 3
        return Stream(net)

    whole.levels = 16
    assert next_samples.gain(whole, Timed(net), 8, 0) == 6
