"""Truncated backpropagation: the same values, gradients that end at the windows' edges."""

import pytest
import torch

from mynah.layers.windows import detached, in_windows
from mynah.models.elman import Elman, ElmanNetwork
from mynah.models.gru import GRUNetwork
from mynah.models.lstm import LSTMNetwork
from mynah.testing.models import toy
from mynah.training import Training


@pytest.mark.parametrize("kind", [ElmanNetwork, GRUNetwork, LSTMNetwork])
def test_values_stay_and_gradients_end(kind):
    torch.manual_seed(0)
    net = kind(3, 4, 2)
    x = torch.randn(2, 11, 3, requires_grad=True)
    whole, cut = in_windows(net, x, None), in_windows(net, x, 4)
    assert torch.allclose(whole, cut, atol=1e-6)
    (far,) = torch.autograd.grad(whole[:, 9].sum(), x, retain_graph=True)
    (near,) = torch.autograd.grad(cut[:, 9].sum(), x)
    assert far[:, :8].abs().sum() > 0
    assert near[:, :8].abs().sum() == 0  # frame 9 lies in the window of 8 to 10
    assert near[:, 8:10].abs().sum() > 0


def test_windows_must_be_some():
    with pytest.raises(ValueError, match="at least one frame"):
        in_windows(ElmanNetwork(3, 4, 1), torch.zeros(1, 5, 3), 0)
    assert detached((torch.ones(1, requires_grad=True) * 2, [None]))[0].grad_fn is None


def test_lengths_are_cut_with_the_windows():
    seen = []

    def net(x, state, lengths):
        seen.append((x.shape[1], lengths.tolist()))
        return x, state

    in_windows(net, torch.zeros(3, 11, 1), 4, torch.tensor([11, 5, 1]))
    assert seen == [(4, [4, 4, 1]), (4, [4, 1, 0]), (3, [3, 0, 0])]


def test_a_fit_with_windows_learns_otherwise_and_answers_alike():
    clips, labels = toy(6)
    training = Training(budget="20steps")
    whole, cut = (Elman(training=training, window=window).fit(clips, labels) for window in (None, 2))
    assert not torch.equal(*[torch.from_numpy(m.tensors()["net.body.rnn.weight_hh_l0"]) for m in (whole, cut)])
    cut.window = None
    assert cut.predict(clips).shape == (len(clips),)
