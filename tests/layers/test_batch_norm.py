"""Batch normalisation over real frames: equal to torch's on the clips without padding, whatever the padding holds."""

import pytest
import torch
from torch import nn

from mynah.layers.batch_norm import FrameBatchNorm

CHANNELS, TIME, BANDS = 5, 12, 3


def picture(batch, seed=0, time=TIME):
    torch.manual_seed(seed)
    x = 2 * torch.randn(batch, CHANNELS, time, BANDS) + 1
    return x.contiguous(memory_format=torch.channels_last)


def pair():
    """Torch's layer and ours, with the same weights that are not one and zero."""
    torch.manual_seed(1)
    theirs, ours = nn.BatchNorm2d(CHANNELS), FrameBatchNorm(CHANNELS)
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def joined(x, lengths):
    """The real frames of all clips, one after another: (1, channel, time, band)."""
    return torch.cat([clip[:, :length] for clip, length in zip(x, lengths.tolist(), strict=True)], dim=1)[None]


@pytest.mark.parametrize("lengths", [[12, 3, 1, 7], [12, 12, 12, 12], [3, 3, 3, 3], [0, 12, 5, 1], [12], [7]])
def test_values_gradients_and_statistics_are_those_without_padding(lengths):
    lengths = torch.tensor(lengths)
    theirs, ours = pair()
    one, two = picture(len(lengths)).requires_grad_(), picture(len(lengths)).requires_grad_()
    for _ in range(3):
        alone, padded = theirs(joined(one, lengths)), ours(two, lengths)
        torch.testing.assert_close(joined(padded, lengths), alone)
    (alone**3).sum().backward()
    (padded**3).sum().backward()
    torch.testing.assert_close(two.grad, one.grad, rtol=1e-4, atol=1e-4)
    for name, value in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, value.grad, rtol=1e-4, atol=1e-4)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    beyond = torch.arange(TIME)[None] >= lengths[:, None]
    assert (padded.permute(0, 2, 1, 3)[beyond] == 0).all()
    assert (two.grad.permute(0, 2, 1, 3)[beyond] == 0).all()


def test_what_lies_in_the_padding_does_not_matter():
    lengths, (_, ours), (_, again) = torch.tensor([12, 4]), pair(), pair()
    x = picture(2)
    wild = x.clone()
    wild[1, :, 4:] = 1e6
    assert torch.equal(ours(x, lengths), again(wild, lengths))
    assert torch.equal(ours.running_var, again.running_var)


def test_a_trained_layer_answers_for_a_clip_as_if_it_were_alone():
    lengths, (theirs, ours) = torch.tensor([12, 4, 9]), pair()
    x = picture(3)
    ours(x, lengths)
    theirs.load_state_dict(ours.state_dict())
    padded = ours.eval()(x, lengths)
    theirs.eval()
    for clip, answer, length in zip(x, padded, lengths.tolist(), strict=True):
        torch.testing.assert_close(answer[:, :length], ours(clip[None, :, :length])[0], rtol=0, atol=1e-6)
        torch.testing.assert_close(answer[:, :length], theirs(clip[None, :, :length])[0], rtol=0, atol=1e-6)
    assert ours.num_batches_tracked == 1


def test_reduced_precision_keeps_statistics_in_full():
    lengths, (theirs, ours) = torch.tensor([12, 4, 9]), pair()
    x = picture(3).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = ours(x, lengths)
        alone = theirs(joined(x, lengths))
    assert y.dtype == torch.bfloat16
    assert ours.running_var.dtype == torch.float32
    torch.testing.assert_close(joined(y, lengths), alone)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    y.float().square().sum().backward()
    assert torch.isfinite(x.grad).all()


def test_memory_stays_channels_last():
    y = pair()[1](picture(3), torch.tensor([12, 4, 9]))
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_one_value_a_channel_has_no_variance():
    _, ours = pair()
    x = torch.full((1, CHANNELS, 1, 1), 3.0)
    y = ours(x)
    torch.testing.assert_close(y, ours.eval()(x))
    assert ours.num_batches_tracked == 0
    y = ours.train()(torch.full((2, CHANNELS, 4, 1), 3.0), torch.tensor([1, 0]))
    assert torch.isfinite(y).all()
    assert torch.isfinite(ours.running_var).all()
    assert ours.running_var.eq(1).all()
