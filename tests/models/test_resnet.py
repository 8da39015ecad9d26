"""ResNet on clips of unequal length: how far a batch is padded changes nothing."""

import torch
from torch.nn import functional

from mynah.models.resnet import ResNetwork

LENGTHS = torch.tensor([100] + [25] * 15)


def batch(time):
    """Sixteen clips, all but one a quarter as long, padded to `time` frames."""
    torch.manual_seed(0)
    frames = torch.randn(16, 100, 32) * (torch.arange(100)[None] < LENGTHS[:, None])[:, :, None]
    return functional.pad(frames, (0, 0, 0, time - 100)), torch.arange(16) % 3


def network():
    torch.manual_seed(1)
    return ResNetwork(3, (8, 12, 16), dropout=0.0)


def trained(time):
    net = network()
    frames, target = batch(time)
    loss = functional.cross_entropy(net(frames, LENGTHS), target)
    loss.backward()
    return loss, net


def test_a_training_step_does_not_depend_on_the_padding():
    (loss, net), (other_loss, other) = trained(100), trained(237)
    torch.testing.assert_close(other_loss, loss, rtol=1e-6, atol=1e-6)
    for name, value in net.named_parameters():
        torch.testing.assert_close(other.get_parameter(name).grad, value.grad, rtol=1e-4, atol=1e-6)
    for name, value in net.named_buffers():
        torch.testing.assert_close(other.get_buffer(name), value, rtol=1e-5, atol=1e-6)


def test_statistics_of_a_padded_batch_are_those_of_clips_of_one_length():
    """The stem's statistics are those of the clips run alone, weighed by their frames."""
    _, net = trained(100)
    frames, _ = batch(100)
    maps = torch.cat([net.stem[0](clip[None, None, :length]) for clip, length in zip(frames, LENGTHS, strict=True)], 2)
    torch.testing.assert_close(net.stem[1].running_mean, 0.1 * maps.mean(dim=(0, 2, 3)), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(net.stem[1].running_var, 0.9 + 0.1 * maps.var(dim=(0, 2, 3)), rtol=1e-4, atol=1e-6)


def test_a_clip_alone_and_in_a_padded_batch_are_answered_alike():
    _, net = trained(100)
    frames, _ = batch(151)
    with torch.no_grad():
        together = net.eval()(frames, LENGTHS)
        alone = torch.cat([net(clip[None, :length], None) for clip, length in zip(frames, LENGTHS, strict=True)])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


def test_the_shortest_clip_trains():
    net = network()
    net(torch.randn(1, 1, 1), None).sum().backward()
    assert all(torch.isfinite(value).all() for value in net.state_dict().values())
