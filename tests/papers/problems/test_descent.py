"""The loop of the experiments: draws and weights named by a seed, and an early end."""

import torch
from torch import nn

from mynah.ground.randomness import generator, seeded
from mynah.papers.problems.descent import PLAIN, Drawn, descend, steps_until
from mynah.training import Batch


def draw(rng, size):
    x = torch.from_numpy(rng.normal(size=(size, 2)).astype("float32"))
    return Batch(x, torch.ones(size), x @ torch.tensor([[1.0], [-2.0]]))


def loss(net, batch):
    return nn.functional.mse_loss(net(batch.frames), batch.target)


def trained(seed, steps=200):
    net = seeded(seed, lambda: nn.Linear(2, 1))
    yields = list(descend(net, loss, draw, steps=steps, seed=seed))
    return net, yields


def test_it_trains_and_repeats():
    net, yields = trained(0)
    assert yields == list(range(20, 201, 10))  # the first ones fall into the probe of the loop
    again, _ = trained(0)
    other, _ = trained(1)
    assert torch.equal(net.weight, again.weight)
    assert not torch.equal(net.weight, other.weight)


def test_a_seed_names_weights_and_leaves_torchs_generator_alone():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    one, two = (seeded(3, lambda: nn.Linear(2, 1)) for _ in range(2))
    assert torch.equal(torch.rand(3), wanted)
    assert torch.equal(one.weight, two.weight)
    assert not torch.equal(one.weight, seeded(4, lambda: nn.Linear(2, 1)).weight)


def test_batches_are_functions_of_seed_and_step():
    drawn = Drawn(draw, 3, 7)
    assert torch.equal(drawn[4].frames, drawn[4].frames)
    assert not torch.equal(drawn[4].frames, drawn[5].frames)
    assert not torch.equal(drawn[4].frames, Drawn(draw, 3, 8)[4].frames)
    assert generator(1, "a").random() != generator(1, "b").random()


def test_it_can_be_left_early_and_evaluated_on_the_way():
    net = nn.Sequential(nn.Linear(2, 1), nn.Dropout(0.5))
    modes, values = [], []

    def spying(net, batch):
        modes.append(net.training)
        return loss(net, batch)

    def reached():
        net.eval()
        values.append(float(net[0].weight.detach().sum()))
        return len(values) == 3

    steps = steps_until(descend(net, spying, draw, steps=100, seed=0), reached)
    assert steps == len(modes) == 30
    assert all(modes)
    assert len(set(values)) == 3
    assert steps_until(descend(net, loss, draw, steps=20, seed=0), lambda: False) is None
    assert PLAIN.average == 0
