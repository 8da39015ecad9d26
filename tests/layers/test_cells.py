"""Own cells against torch's: the same outputs and gradients in float64, until their variant is switched on."""

import pytest
import torch
from torch import nn

from mynah.layers.cells import ChoGRU, PeepholeLSTM


def both(own, torchs, outputs):
    own, torchs = own.double(), torchs.double()
    torchs.load_state_dict({k: v for k, v in own.state_dict().items() if k in torchs.state_dict()})
    x = torch.randn(3, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = []
    for net in (own, torchs):
        given = x.clone().requires_grad_()
        first, state = net(given[:, :3])
        second, _ = net(given[:, 3:], state)
        y = torch.cat([first, second], dim=1)
        y.square().sum().backward()
        found.append([y, given.grad, *(dict(net.named_parameters())[name].grad for name in outputs)])
    return found


WEIGHTS = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]


def test_lstm_without_peepholes_is_torchs():
    own, torchs = both(PeepholeLSTM(4, 5), nn.LSTM(4, 5, batch_first=True), WEIGHTS)
    for one, other in zip(own, torchs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_gru_in_torchs_form_is_torchs():
    own, torchs = both(ChoGRU(4, 5, before=False), nn.GRU(4, 5, batch_first=True), WEIGHTS)
    for one, other in zip(own, torchs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_the_published_gru_is_another():
    own, torchs = both(ChoGRU(4, 5), nn.GRU(4, 5, batch_first=True), [])
    assert (own[0] - torchs[0]).abs().max() > 1e-3


def test_each_peephole_counts():
    """Input and forget gate see the cell before, the output gate the cell after the step."""
    net = PeepholeLSTM(1, 1).double()
    x = torch.tensor([[[0.3], [-0.2]]], dtype=torch.float64)
    with torch.no_grad():
        for value in net.parameters():
            value.fill_(0.5)
        net.peephole.copy_(torch.tensor([[0.7], [-0.4], [0.9]]))
    h = c = torch.zeros(1, dtype=torch.float64)
    for step in x[0]:
        drive = 0.5 * step + 0.5 * h + 1.0
        i, f = torch.sigmoid(drive + 0.7 * c), torch.sigmoid(drive - 0.4 * c)
        c = f * c + i * torch.tanh(drive)
        h = torch.sigmoid(drive + 0.9 * c) * torch.tanh(c)
    torch.testing.assert_close(net(x)[0][0, -1], h)


@pytest.mark.parametrize("cell", [PeepholeLSTM, ChoGRU])
def test_gradients_are_finite_differences(cell):
    net = cell(2, 3).double()
    x = torch.randn(2, 4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: net(x)[0], (x,))
