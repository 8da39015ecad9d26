"""The memories of the stack-augmented network against a list of Python, and what its settings mean."""

import numpy as np
import pytest
import torch

from mynah.models.stack_rnn import EMPTY, StackRNN, StackRNNNetwork, reproduce


def driven(actions, values, **settings):
    """Return the places after each whole action, taken by a network whose units are bypassed."""
    net = StackRNNNetwork(1, 2, 1, **settings)
    start = net(torch.zeros(1, 1, 1))[1][1]
    places, seen = torch.full_like(start, EMPTY), []
    for action, value in zip(actions, values, strict=True):
        share = [torch.full((1, 1, 1), float(action == number)) for number in range(net.actions)]
        places = net._moved(places, torch.full((1, 1, 1), float(value)), share)
        seen.append(places[0, 0].numpy())
    return net, seen


@pytest.mark.parametrize("seed", range(3))
def test_whole_actions_are_a_stack(seed):
    rng = np.random.default_rng(seed)
    actions, values = rng.choice(3, 60, p=[0.5, 0.3, 0.2]), rng.random(60).astype(np.float32)
    net, seen = driven(actions, values, capacity=64, idle=True)
    literal = []
    for action, value, places in zip(actions, values, seen, strict=True):
        if action == 0:
            literal.append(value)
        elif action == 1 and literal:
            literal.pop()
        expected = (literal[::-1] + [EMPTY] * net.places)[: net.places]
        np.testing.assert_array_equal(places, np.array(expected, dtype=np.float32))


@pytest.mark.parametrize("seed", range(3))
def test_whole_actions_are_a_list_with_a_head(seed):
    rng = np.random.default_rng(seed)
    actions, values = rng.choice(4, 60, p=[0.4, 0.25, 0.25, 0.1]), rng.random(60).astype(np.float32)
    net, seen = driven(actions, values, memory="list", capacity=64, idle=True)
    left, right = [EMPTY] * 200, [EMPTY] * 200  # left ends with the place of the head
    for action, value, places in zip(actions, values, seen, strict=True):
        if action == 0:
            left.append(value)
        elif action == 1:
            right.insert(0, left.pop())
        elif action == 2:
            left.append(right.pop(0))
        expected = left[-net.capacity - 1 :] + right[: net.capacity]
        np.testing.assert_array_equal(places, np.array(expected, dtype=np.float32))


def test_a_mixture_of_actions_is_their_average():
    net = StackRNNNetwork(1, 2, 1, capacity=4)
    places = torch.tensor([[[0.5, 0.25, EMPTY, EMPTY]]])
    share = [torch.full((1, 1, 1), 0.75), torch.full((1, 1, 1), 0.25)]
    moved = net._moved(places, torch.ones(1, 1, 1), share)[0, 0]
    torch.testing.assert_close(moved, torch.tensor([0.8125, 0.125, -0.0625, -1.0]))


def test_actions_are_rounded_in_evaluation_alone():
    torch.manual_seed(0)
    net = StackRNNNetwork(3, 5, 2, rounded=True)
    chosen = torch.randn(4, 2, 2)
    assert set(torch.cat(net.eval()._shares(chosen)).unique().tolist()) == {0.0, 1.0}
    assert not set(torch.cat(net.train()._shares(chosen)).unique().tolist()) & {0.0, 1.0}


def test_without_r_nothing_but_the_memory_is_carried():
    torch.manual_seed(0)
    net, x = StackRNNNetwork(3, 5, 2), torch.randn(2, 4, 3)
    h, places = net(x)[1]
    torch.testing.assert_close(net(x, (h + 1, places))[0], net(x, (h, places))[0], rtol=0, atol=0)
    again = StackRNNNetwork(3, 5, 2, recurrent=True)
    assert not torch.equal(again(x, (h + 1, places))[0], again(x, (h, places))[0])


def test_the_first_step_reads_empty_places():
    torch.manual_seed(0)
    net, x = StackRNNNetwork(3, 5, 2), torch.randn(1, 1, 3)
    expected = torch.sigmoid(net.into(x[:, 0]) + net.read(torch.full((1, 4), -1.0)))
    torch.testing.assert_close(net(x)[0][:, 0], expected)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"memory": "heap"}, "one of stack, list"),
        ({"stacks": 0}, "at least one stack"),
        ({"depth": 9, "capacity": 8}, "from 1 to the capacity"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        StackRNN(**settings).network(3)


def test_an_unknown_experiment_is_refused():
    with pytest.raises(ValueError, match="no experiment"):
        reproduce("nothing", 0)
