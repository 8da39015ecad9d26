"""Copy and reversal: what is drawn, and what counts as right."""

import numpy as np
import pytest
import torch

from mynah.ground.randomness import generator
from mynah.papers.problems import copy_reverse


class Oracle(torch.nn.Module):
    """Writes what it has read; after `most` symbols it errs."""

    def __init__(self, backwards, most=100):
        super().__init__()
        self.backwards, self.most = backwards, most

    def forward(self, frames):
        n = frames.shape[1] // 2
        written = frames[:, :n].flip(1) if self.backwards else frames[:, :n].clone()
        written[:, self.most :] = written[:, self.most :].roll(1, dims=2)
        return 30 * torch.cat([torch.zeros_like(frames[:, :n]), written, frames[:, n : n + 1]], dim=1)


@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_read_is_written_again(backwards):
    batch = copy_reverse.draw(generator(0), 6, backwards=backwards)
    codes, target = batch.frames.argmax(dim=2).numpy(), batch.target.argmax(dim=2).numpy()
    n = codes.shape[1] // 2
    assert n in copy_reverse.TRAINED
    assert (codes[:, n] == copy_reverse.SEPARATOR).all()
    assert (target[:, -1] == copy_reverse.END).all()
    read = codes[:, :n]
    np.testing.assert_array_equal(target[:, :-1], read[:, ::-1] if backwards else read)
    np.testing.assert_array_equal(codes[:, n + 1 :], target[:, :-1])


def test_every_length_is_drawn():
    lengths = {len(copy_reverse.draw(generator(n), 1, backwards=False).frames[0]) // 2 for n in range(200)}
    assert lengths == set(copy_reverse.TRAINED)


@pytest.mark.parametrize("backwards", [False, True])
def test_scores(backwards):
    score = copy_reverse.score(Oracle(backwards), generator(1), copy_reverse.LONGER, backwards=backwards)
    assert score == {"coarse": 1.0, "fine": 1.0, "perplexity": pytest.approx(1.0)}
    wrong = copy_reverse.score(Oracle(not backwards), generator(1), copy_reverse.LONGER, backwards=backwards)
    assert wrong["coarse"] == 0.0


def test_what_follows_an_error_does_not_count():
    score = copy_reverse.score(Oracle(True, most=10), generator(2), range(14, 15), backwards=True)
    assert score["coarse"] == 0.0
    assert score["fine"] == pytest.approx(10 / 15)
