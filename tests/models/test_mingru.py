"""minGRU and minLSTM against their equations, written out; how their gates start, and where they are nearly shut."""

import pytest
import torch

from mynah.models.mingru import MinGRU, MinGRULayer
from mynah.models.minlstm import MinLSTM, MinLSTMLayer


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def parts(layer, count):
    return zip(layer.into.weight.chunk(count), layer.into.bias.chunk(count), strict=True)


def test_mingru_is_its_equations():
    layer, x, h = MinGRULayer(3, 5).double(), noise(12, 2, 3), noise(2, 5)
    (w_z, b_z), (w_n, b_n) = parts(layer, 2)
    y, last = layer(x, h)
    for x_t, y_t in zip(x, y, strict=True):
        z = torch.sigmoid(x_t @ w_z.T + b_z)
        h = (1 - z) * h + z * (x_t @ w_n.T + b_n)
        torch.testing.assert_close(y_t, h)
    assert torch.equal(last, y[-1])


def test_minlstm_is_its_equations():
    layer, x, h = MinLSTMLayer(3, 5).double(), noise(12, 2, 3), noise(2, 5)
    (w_f, b_f), (w_i, b_i), (w_n, b_n) = parts(layer, 3)
    y, last = layer(x, h)
    for x_t, y_t in zip(x, y, strict=True):
        f, i = torch.sigmoid(x_t @ w_f.T + b_f), torch.sigmoid(x_t @ w_i.T + b_i)
        h = f / (f + i) * h + i / (f + i) * (x_t @ w_n.T + b_n)
        torch.testing.assert_close(y_t, h)
    assert torch.equal(last, y[-1])


def test_two_gates_that_are_nearly_shut_are_still_compared():
    """sigma(-200) is 0 in float32, and 0 / (0 + 0) is no number; of gates e^-200 and e^-201 the first has 0.731."""
    layer = MinLSTMLayer(1, 1)
    with torch.no_grad():
        layer.into.weight.zero_()
        layer.into.bias.copy_(torch.tensor([-201.0, -200.0, 1.0]))
    x = torch.zeros(2, 1, 1, requires_grad=True)
    y, _ = layer(x)
    assert y[0].item() == pytest.approx(0.7311, abs=1e-4)
    y.sum().backward()
    assert torch.isfinite(layer.into.bias.grad).all()


@pytest.mark.parametrize("kind", [MinGRULayer, MinLSTMLayer])
def test_units_forget_after_one_to_memory_frames(kind):
    torch.manual_seed(0)
    layer = kind(1, 500, memory=50.0).double()
    with torch.no_grad():
        layer.into.weight.zero_()
        kept = layer(torch.zeros(1, 1, 1, dtype=torch.float64), torch.ones(1, 500, dtype=torch.float64))[0][0, 0]
    frames = kept / (1 - kept)  # keep = u / (1 + u)
    assert frames.min() >= 1 - 1e-6
    assert frames.max() <= 50 + 1e-4
    assert frames.mean().item() == pytest.approx(25.5, abs=2)
    with pytest.raises(ValueError, match="longer than one frame"):
        kind(1, 5, memory=1.0)


@pytest.mark.parametrize("kind", [MinGRULayer, MinLSTMLayer])
def test_the_state_stays_among_what_it_was_given(kind):
    """A mean of the start and the candidates: no growth, however long."""
    torch.manual_seed(0)
    layer = kind(3, 5)
    x = 10 * noise(3000, 2, 3).float()
    with torch.no_grad():
        y, _ = layer(x)
        candidates = (x @ layer.into.weight.T + layer.into.bias)[..., -5:]
    assert y.abs().max() <= candidates.abs().max() + 1e-4


@pytest.mark.parametrize(("kind", "gates"), [(MinGRU, 1), (MinLSTM, 2)])
def test_gates_see_the_past_from_the_second_layer_on(kind, gates):
    """What came before changes the first layer's state, never its gates; it changes the second's gates."""
    torch.manual_seed(0)
    net = kind(hidden=4, layers=2).network(2).double()
    seen = {}
    for number, block in enumerate(net.stack.blocks):
        block.recurrence.register_forward_hook(
            lambda layer, given, _, number=number: seen.__setitem__(number, given[0] @ layer.into.weight.T)
        )
    x = noise(1, 6, 2)
    found = []
    with torch.no_grad():
        for past in (0.0, 1.0):
            net(torch.cat([x[:, :3] + past, x[:, 3:]], dim=1))
            found.append([seen[number][3:, :, : gates * 4].clone() for number in (0, 1)])
    assert torch.equal(found[0][0], found[1][0])
    assert not torch.equal(found[0][1], found[1][1])
