"""The highway layer: its equation, and that it starts by carrying."""

import torch

from mynah.models.highway import Highway, HighwayLayer


def test_the_layer_is_its_equation():
    layer = HighwayLayer(4, -2.0).double()
    x = torch.randn(3, 4, dtype=torch.float64)
    weight, bias = layer.both.weight, layer.both.bias
    h, t = torch.tanh(x @ weight[:4].T + bias[:4]), torch.sigmoid(x @ weight[4:].T + bias[4:])
    torch.testing.assert_close(layer(x), h * t + x * (1 - t))


def test_a_new_stack_carries():
    """Through 50 layers, the input is still there; without the bias below zero it is lost."""
    x = torch.randn(200, 50, generator=torch.Generator().manual_seed(0))

    def kept(bias):
        torch.manual_seed(0)
        y = x
        for _ in range(20):
            y = HighwayLayer(50, bias)(y)
        return torch.nn.functional.cosine_similarity(x, y, dim=1).mean()

    assert kept(-4.0) > 0.7 > kept(0.0)


def test_depth_is_what_was_asked():
    net = Highway(depth=7).build(12, 3)
    assert sum(isinstance(part, HighwayLayer) for part in net.modules()) == 7
