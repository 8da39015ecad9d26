"""Temporal order against its definition."""

import torch
from torch import nn

from mynah.ground.randomness import generator
from mynah.papers.problems import temporal_order


def symbols_of(batch):
    return [[int(frame.argmax()) for frame in row if frame.any()] for row in batch.frames]


def test_sequences_are_as_defined():
    batch = temporal_order.draw(generator(0, "t"), 400)
    assert batch.frames.shape == (400, 110, 8)
    assert set(batch.frames.sum(dim=2).unique().tolist()) == {0.0, 1.0}
    assert batch.frames[:, -1, 7].all()
    lengths, places = set(), [set(), set(), set()]
    for symbols, target in zip(symbols_of(batch), batch.target, strict=True):
        lengths.add(len(symbols))
        assert symbols[0] == 6
        assert symbols[-1] == 7
        assert not {6, 7} & set(symbols[1:-1])
        marked = [(place, symbol) for place, symbol in enumerate(symbols) if symbol in (4, 5)]
        assert len(marked) == 3
        for seen, (place, _) in zip(places, marked, strict=True):
            seen.add(place)
        first, second, third = (symbol - 4 for _, symbol in marked)
        assert int(target.argmax()) == 4 * first + 2 * second + third
    assert lengths == set(range(100, 111))
    assert places == [set(range(10, 21)), set(range(33, 44)), set(range(66, 77))]
    assert (batch.target.sum(dim=0) > 20).all()


class Reader(nn.Module):
    """Reads the three symbols, and answers all, or all but those that begin with Y."""

    def __init__(self, blind=False):
        super().__init__()
        self.blind = blind

    def forward(self, frames):
        marked = frames[:, :, 4:6].flatten(1).nonzero()[:, 1].reshape(-1, 3) % 2
        code = (marked * torch.tensor([0 if self.blind else 4, 2, 1])).sum(dim=1)
        return 10 * nn.functional.one_hot(code, 8).float()


def test_accuracy_and_loss_know_right_from_wrong():
    assert temporal_order.accuracy(Reader(), 0) == 1.0
    assert 0.45 < temporal_order.accuracy(Reader(blind=True), 0) < 0.55
    batch = temporal_order.draw(generator(0, "t"), 64)
    assert temporal_order.loss(Reader(), batch) < 0.01 < 1 < temporal_order.loss(Reader(blind=True), batch)
