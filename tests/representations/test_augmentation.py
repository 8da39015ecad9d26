"""Variations keep what they must and are a pure function of their generator."""

import torch

from mynah.representations import augment_log_mel
from mynah.representations.augmentation import FLOOR_DB, GAIN_DB


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    frames = -40 + 10 * torch.randn(8, 50, 64, generator=generator)
    return frames, torch.full((8,), 50), torch.eye(8)


def vary(seed, frames, lengths, target):
    return augment_log_mel(frames, lengths, target, torch.Generator().manual_seed(seed))


def test_same_generator_same_bits_other_generator_other_bits():
    one, two, three = vary(1, *batch()), vary(1, *batch()), vary(2, *batch())
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not torch.equal(one[0], three[0])


def test_shapes_targets_and_range():
    for seed in range(20):
        frames, lengths, target = vary(seed, *batch())
        assert frames.shape == (8, 50, 64)
        assert torch.isfinite(frames).all()
        assert frames.min() >= FLOOR_DB
        assert torch.allclose(target.sum(dim=1), torch.ones(8))
        assert (target >= 0).all()
        assert ((lengths >= 1) & (lengths <= 50)).all()


def test_padding_is_never_loud():
    """Zeros after a short clip are 0 dB to the eye of a careless variation; none may sound through."""
    frames = torch.zeros(4, 50, 64)
    frames[:, :20] = -60.0
    for seed in range(20):
        out, lengths, _ = vary(seed, frames, torch.full((4,), 20), torch.eye(4))
        real = torch.arange(50)[None] < lengths[:, None]
        assert out[real].max() < -60 + GAIN_DB + 12


def test_input_is_not_changed():
    frames, lengths, target = batch()
    before = frames.clone()
    vary(0, frames, lengths, target)
    assert torch.equal(frames, before)
