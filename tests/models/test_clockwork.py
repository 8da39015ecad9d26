"""The clockwork network's modules: who fires when, who reads whom, and that nothing else is computed."""

import pytest
import torch

from mynah.ground.randomness import seeded
from mynah.models.clockwork import Clockwork, ClockworkLayer, ClockworkNetwork, reproduce
from mynah.papers.problems import tones
from mynah.testing.models import toy

INPUTS, HIDDEN, MODULES = 3, 8, 4
SIZE = HIDDEN // MODULES


def layer():
    return seeded(0, lambda: ClockworkLayer(INPUTS, HIDDEN, MODULES)).double()


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def literal(net, x, begun=0, y=None):
    """The equations unit by unit, with periods by remainder and the triangle by comparing modules."""
    y = [x.new_zeros(len(x))] * HIDDEN if y is None else list(y.unbind(dim=1))
    outputs = []
    for time in range(x.shape[1]):
        before = list(y)
        for unit in range(HIDDEN):
            module, row = divmod(unit, SIZE)
            if (begun + time) % 2**module:
                continue
            total = net.bias[unit] + x[:, time] @ net.into[unit]
            for other in range(HIDDEN):
                if other // SIZE >= module:
                    total = total + net.inner[module][row, other - module * SIZE] * before[other]
            y[unit] = torch.tanh(total)
        outputs.append(torch.stack(y, dim=1))
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("begun", [0, 5])
def test_outputs_and_gradients_are_those_of_the_equations(begun):
    net, x = layer(), noise(2, 19, INPUTS)
    y = noise(2, HIDDEN)
    given = None if begun == 0 else (y, torch.tensor(begun))
    found, (last, steps) = net(x, given)
    wanted = literal(net, x, begun, None if begun == 0 else y)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    torch.testing.assert_close(last, wanted[:, -1], rtol=0, atol=1e-12)
    assert int(steps) == begun + 19
    weights = list(net.parameters())
    for one, other in zip(
        torch.autograd.grad(found.square().sum(), weights),
        torch.autograd.grad(wanted.square().sum(), weights),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)


def test_all_fire_at_first_and_then_each_at_its_period():
    y = layer()(noise(1, 33, INPUTS))[0][0]
    assert (y[0] != 0).all()
    changed = (y[1:] != y[:-1]).unflatten(1, (MODULES, SIZE))
    for time, modules in enumerate(changed, start=1):
        for number, units in enumerate(modules):
            assert units.tolist() == [time % 2**number == 0] * SIZE


def test_fast_modules_read_slow_ones_and_never_the_reverse():
    net, y = layer(), noise(1, HIDDEN)
    all_fire = torch.tensor(2 ** (MODULES - 1))
    jacobian = torch.autograd.functional.jacobian(lambda y: net(noise(1, 1, INPUTS), (y, all_fire))[0][0, 0], y)[:, 0]
    module = torch.arange(HIDDEN) // SIZE
    assert torch.equal(jacobian != 0, module[:, None] <= module[None])


def test_weights_out_of_the_triangle_do_not_exist():
    blocks = SIZE * SIZE * MODULES * (MODULES + 1) // 2
    assert sum(value.numel() for value in layer().parameters()) == HIDDEN * INPUTS + HIDDEN + blocks
    net = layer()
    net(noise(2, 9, INPUTS))[0].square().sum().backward()
    for value in net.parameters():
        assert value.grad.abs().min() > 0


def test_only_rows_that_fire_are_computed(monkeypatch):
    rows, plain = [], torch.addmm

    def counted(drive, y, weights):
        rows.append(weights.shape[1])
        return plain(drive, y, weights)

    monkeypatch.setattr(torch, "addmm", counted)
    layer()(noise(2, 9, INPUTS))
    assert rows == [SIZE * firing for firing in (4, 1, 2, 1, 3, 1, 2, 1, 4)]


def test_the_clock_goes_on_with_the_state():
    net, x = layer(), noise(2, 12, INPUTS)
    whole = net(x)[0]
    first, (y, steps) = net(x[:, :5])
    torch.testing.assert_close(torch.cat([first, net(x[:, 5:], (y, steps))[0]], dim=1), whole, rtol=0, atol=1e-12)
    again = net(x[:, 5:], (y, torch.zeros_like(steps)))[0]
    assert (again - whole[:, 5:]).abs().max() > 1e-2


def test_layers_have_clocks_of_their_own():
    net = seeded(0, lambda: ClockworkNetwork(INPUTS, HIDDEN, 2, MODULES)).double()
    x = noise(1, 6, INPUTS)
    y, states = net(x)
    torch.testing.assert_close(y, literal(net.layers[1], literal(net.layers[0], x)), rtol=0, atol=1e-12)
    assert [int(steps) for _, steps in states] == [6, 6]


@pytest.mark.parametrize(("hidden", "modules"), [(7, 3), (4, 8), (8, 0)])
def test_sizes_that_do_not_divide_are_refused(hidden, modules):
    clips, labels = toy(1)
    with pytest.raises(ValueError, match="cannot be divided into"):
        Clockwork(hidden=hidden, modules=modules).fit(clips, labels)


def test_the_tone_is_made_by_at_most_a_thousand_parameters(monkeypatch):
    """And none of the three has more than a few parameters more than the others: here twenty steps each."""
    monkeypatch.setattr(tones, "STEPS", 20)
    counts, learn = [], tones.learn

    def noted(body, seed, *, learning_rate):
        measured = learn(body, seed, learning_rate=learning_rate)
        counts.append(measured["parameters"])
        return measured

    monkeypatch.setattr(tones, "learn", noted)
    measured = reproduce("tone", 0)
    assert measured["parameters"] == counts[0] <= 1000
    assert all(counts[0] <= count <= 1000 for count in counts[1:])
    assert measured["ratio"] == measured["nmse"] / min(measured["lstm"], measured["tanh"])
    with pytest.raises(ValueError, match="no experiment"):
        reproduce("nonsense", 0)
