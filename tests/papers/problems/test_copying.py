"""The copy task: what is shown, what is hidden, and what is judged."""

import pytest
import torch

from mynah.ground.randomness import generator
from mynah.layers.sequence_network import SequenceNetwork
from mynah.papers.problems import copying
from mynah.papers.problems.copying import BITS, INPUTS, Recall


class Tape(SequenceNetwork):
    """Remembers what it saw, and says it again after the sign; `flips` first bits of each row wrongly."""

    def __init__(self, flips=0):
        super().__init__(width=BITS)
        self.flips = flips

    def forward(self, x, state=None):
        length = x.shape[1] // 2 - 1
        y = torch.zeros(*x.shape[:2], BITS)
        y[:, -length:] = 2 * x[:, 1 : length + 1, :BITS] - 1
        y[:, -length, : self.flips] *= -1
        return y, None


def recall(flips=0):
    net = Recall(Tape(flips))
    with torch.no_grad():
        net.head.weight.copy_(torch.eye(BITS) * 20)
        net.head.bias.zero_()
    return net


@pytest.mark.parametrize("length", [1, 10, 20])
def test_a_sequence_is_shown_between_signs_and_then_nothing(length):
    batch = copying.draw(generator(0), 5, length)
    assert batch.frames.shape == (5, 2 * length + 2, INPUTS)
    assert (batch.lengths == 2 * length + 2).all()
    shown, silent = batch.frames[:, : length + 2], batch.frames[:, length + 2 :]
    assert torch.equal(shown[:, 1:-1, :BITS], batch.target)
    assert (silent == 0).all()
    signs = batch.frames[:, :, BITS:]
    assert (signs[:, 0, 0] == 1).all()
    assert (signs[:, length + 1, 1] == 1).all()
    assert signs.sum() == 2 * 5
    assert (batch.frames[:, [0, length + 1], :BITS] == 0).all()


def test_lengths_and_bits_are_even():
    batches = [copying.draw(generator(0, n), 16) for n in range(400)]
    lengths = [batch.target.shape[1] for batch in batches]
    assert set(lengths) == set(range(1, copying.LONGEST + 1))
    ones = torch.cat([batch.target.flatten() for batch in batches])
    assert set(ones.tolist()) == {0.0, 1.0}
    assert 0.49 < ones.mean() < 0.51


@pytest.mark.parametrize("flips", [0, 3])
def test_wrong_bits_are_counted_a_sequence(flips):
    assert copying.wrong_bits(recall(flips), 0, 7) == flips


def test_only_recall_is_judged():
    """What is said while the sequence is shown does not count."""
    batch = copying.draw(generator(0), 4, 5)
    assert copying.loss(recall(), batch) < 1e-6

    class Babbling(Tape):
        def forward(self, x, state=None):
            y, state = super().forward(x, state)
            y[:, :-5] = 1
            return y, state

    net = recall()
    net.body = Babbling()
    assert copying.loss(net, batch) < 1e-6
    assert copying.loss(recall(flips=1), batch).item() == pytest.approx(20 / (5 * BITS))  # one bit of 40


def test_tests_are_new_sequences():
    """A seed's test differs from another's, and is the same each time."""
    one, other = (copying.draw(generator(seed, "copying", 10), 3, 10).target for seed in (0, 1))
    assert not torch.equal(one, other)
