"""Streams of a^n b^n, and what counts as right in them."""

import numpy as np
import torch

from mynah.ground.randomness import generator
from mynah.papers.problems import counting


class Counter(torch.nn.Module):
    """Tells the next symbol by counting; `least` is the smallest n it gets wrong."""

    def __init__(self, least=1000):
        super().__init__()
        self.least = least

    def forward(self, frames):
        said = torch.zeros_like(frames)
        for row, symbols in enumerate(frames.argmax(dim=2).tolist()):
            count = high = 0
            for time, symbol in enumerate(symbols):
                if symbol == 0:
                    high = high + 1 if time and symbols[time - 1] == 0 else 1
                    count = high
                else:
                    count -= 1
                ends = count == 0 or (high >= self.least and count == 1 and symbol == 1)
                said[row, time, 0 if symbol == 0 or ends else 1] = 1
        return said


def test_a_stream_is_runs_of_equal_length():
    assert counting.stream(np.array([2, 1, 3])).tolist() == [0, 0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1]


def test_the_target_is_the_next_symbol():
    batch = counting.draw(generator(0), 8, largest=5)
    assert batch.frames.shape == batch.target.shape == (8, 80, 2)
    assert torch.equal(batch.frames[:, 1:], batch.target[:, :-1])
    again = counting.draw(generator(0), 8, largest=5)
    assert torch.equal(batch.frames, again.frames)


def test_n_stays_below_what_is_asked():
    symbols = counting.draw(generator(1), 50, largest=4).frames.argmax(dim=2).numpy()
    runs = [len(run) for row in symbols for run in "".join(map(str, row)).replace("10", "1 0").split()]
    assert max(runs) == 8


def test_counting_is_right_and_what_it_misses_is_seen():
    assert counting.right(Counter(), 0) == 1.0
    assert counting.right(Counter(least=41), 0) == 39 / 59


def test_always_the_same_symbol_is_right_nowhere():
    class Always(torch.nn.Module):
        def forward(self, frames):
            return torch.tensor([0.0, 1.0]).expand(*frames.shape)

    assert counting.right(Always(), 0) == 0.0


def test_the_second_b_is_judged_and_the_first_is_not():
    class Hasty(Counter):
        """Takes the first b for the last, or tells it too early."""

        def __init__(self, after):
            super().__init__()
            self.after = after

        def forward(self, frames):
            said, symbols = super().forward(frames), frames.argmax(dim=2)
            first = torch.zeros_like(symbols, dtype=torch.bool)
            first[:, 1:] = (symbols[:, 1:] == 1) & (symbols[:, :-1] == 0)
            where = first if self.after else first.roll(-1, dims=1)
            return torch.where(where[:, :, None], said.flip(2), said)

    assert counting.right(Hasty(after=True), 0) == 0.0
    assert counting.right(Hasty(after=False), 0) == 1.0
