"""The neural stack, queue and deque against a transcription of the equations, step by step."""

import pytest
import torch

from mynah.models.neural_stack import NeuralStack, NeuralStackNetwork, reproduce


def popped(s, u, order):
    """Return the strengths after u is taken from rows in this order."""
    s = list(s)
    before = 0.0
    for i in order:
        s[i], before = max(0.0, s[i] - max(0.0, u - before)), before + s[i]
    return s


def read(s, rows, order):
    before, found = 0.0, torch.zeros_like(rows[0])
    for i in order:
        found = found + min(s[i], max(0.0, 1 - before)) * rows[i]
        before += s[i]
    return found


def by_equations(net, x, memory):
    """Return the outputs for x (time, inputs), rows kept from the bottom to the top."""
    h = c = torch.zeros(1, net.width).double()
    count = 2 if memory == "deque" else 1
    s, rows, seen, outputs = [], [], torch.zeros(1, count * net.cell).double(), []
    for frame in x:
        h, c = net.controller(torch.cat([frame[None], seen], dim=1), (h, c))
        d, u = torch.sigmoid(net.signals(h))[0].split(count)
        v, o = torch.tanh(net.vectors(h))[0].split([count * net.cell, net.width])
        up, down = range(len(s)), range(len(s) - 1, -1, -1)
        if memory == "deque":
            s = popped(popped(s, u[0].item(), down), u[1].item(), up)
            s, rows = [d[1].item(), *s, d[0].item()], [v[net.cell :], *rows, v[: net.cell]]
            up = range(len(s))
            seen = torch.cat([read(s, rows, up[::-1]), read(s, rows, up)])[None]
        else:
            s = [*popped(s, u.item(), down if memory == "stack" else up), d.item()]
            rows.append(v)
            up = range(len(s))
            seen = read(s, rows, up[::-1] if memory == "stack" else up)[None]
        outputs.append(o)
    return torch.stack(outputs)


@pytest.mark.parametrize("memory", ["stack", "queue", "deque"])
def test_outputs_follow_the_equations(memory):
    torch.manual_seed(0)
    net = NeuralStackNetwork(3, 6, 4, memory).double()
    with torch.no_grad():
        net.signals.weight.mul_(40)
        net.controller.weight_ih.mul_(3)
        x = torch.randn(25, 3).double()
        torch.testing.assert_close(net(x[None])[0][0], by_equations(net, x, memory), rtol=0, atol=1e-12)


def test_memory_has_no_parameters_of_its_own():
    names = {name.split(".")[0] for name, _ in NeuralStackNetwork(3, 6, 4, "deque").named_parameters()}
    assert names == {"controller", "signals", "vectors"}


@pytest.mark.parametrize(("memory", "rows"), [("stack", 7), ("queue", 7), ("deque", 14)])
def test_memory_fills_at_first_and_grows_by_a_row_a_push(memory, rows):
    torch.manual_seed(0)
    *_, values, edges = NeuralStackNetwork(3, 6, 4, memory)(torch.randn(2, 7, 3))[1]
    assert values.shape == (2, rows, 4)
    assert (torch.diff(edges, dim=1) >= 0).all()
    assert (edges[:, -1] > 0.1 * rows).all()


@pytest.mark.parametrize(
    ("settings", "message"), [({"memory": "heap"}, "one of stack, queue, deque"), ({"cell": 0}, "at least one feature")]
)
def test_settings_that_cannot_be_meant_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        NeuralStack(**settings).network(3)


@pytest.mark.parametrize("experiment", ["nothing", "copy-heap", "adding-stack"])
def test_an_unknown_experiment_is_refused(experiment):
    with pytest.raises(ValueError, match="no experiment"):
        reproduce(experiment, 0)
