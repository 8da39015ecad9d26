"""Residual blocks against their formula, and normalisation over a batch: whose statistics, and what padding does."""

import torch
from torch import nn

from mynah.layers import scan
from mynah.layers.residual import GatedBlock, ResidualStack
from mynah.layers.scan import linear_scan


class Sum(nn.Module):
    """Adds up what it is given, with a slow leak."""

    def forward(self, x, state=None):
        return linear_scan(x.new_full((x.shape[2],), 0.9), x, torch.zeros_like(x[0]) if state is None else state)


def noise(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_a_block_is_its_formula():
    torch.manual_seed(0)
    block, x = GatedBlock(Sum(), 4, nn.LayerNorm(4)), noise(7, 2, 4)
    y, _ = block(x, None)
    summed, _ = Sum()(nn.functional.layer_norm(x, (4,)))
    mixed = nn.functional.gelu(summed) @ block.mix.weight.T + block.mix.bias
    torch.testing.assert_close(y, x + mixed[..., :4] * torch.sigmoid(mixed[..., 4:]))


def test_statistics_are_those_of_all_real_frames():
    """In training: mean 0 and variance 1 over the real frames alone, in however many blocks the layers run else."""
    torch.manual_seed(0)
    stack = ResidualStack(3, 4, [Sum()], over_batch=True)
    given = []
    stack.blocks[0].recurrence.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].detach()))
    lengths = torch.tensor([9, 5, 1])
    stack(3 + 2 * noise(3, 9, 3), None, lengths)
    (normal,) = given
    real = torch.cat([normal[:length, row] for row, length in enumerate(lengths)])
    torch.testing.assert_close(real.mean(dim=0), torch.zeros(4), rtol=0, atol=1e-5)
    torch.testing.assert_close(real.var(dim=0, unbiased=False), torch.ones(4), rtol=0, atol=1e-3)


def test_padding_does_not_reach_real_frames():
    torch.manual_seed(0)
    lengths, found = torch.tensor([9, 5]), []
    for padding in (0.0, 100.0):
        torch.manual_seed(0)
        stack, x = ResidualStack(3, 4, [Sum(), Sum()], over_batch=True), noise(2, 9, 3)
        x[1, 5:] = padding
        y, _ = stack(x, None, lengths)
        found.append((y[0], y[1, :5], stack.blocks[1].norm.running_mean, stack.blocks[1].norm.running_var))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_the_size_of_blocks_changes_nothing(monkeypatch):
    torch.manual_seed(0)
    stacks = [ResidualStack(3, 4, [Sum(), Sum()], over_batch=over_batch) for over_batch in (False, True)]
    x = noise(2, 23, 3)
    whole = [stack(x)[0] for stack in stacks]
    monkeypatch.setattr(scan, "BLOCK", 2 * 8 * 5)
    for stack, expected in zip(stacks, whole, strict=True):
        torch.testing.assert_close(stack(x)[0], expected)


def test_frames_are_independent_of_later_ones_once_trained():
    torch.manual_seed(0)
    stack, x = ResidualStack(3, 4, [Sum()], over_batch=True), noise(2, 9, 3)
    later = x.clone()
    later[:, 5:] += 1
    assert not torch.allclose(stack(x)[0][:, :5], stack(later)[0][:, :5])
    stack.eval()
    assert torch.equal(stack(x)[0][:, :5], stack(later)[0][:, :5])
