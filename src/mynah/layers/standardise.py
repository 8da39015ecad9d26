"""Zero mean and unit deviation per feature, with statistics of the training frames."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from mynah.layers.masks import time_mask


class Standardise(nn.Module):
    """(x - mean) / deviation per feature; frames after a clip's end become zero.

    Attributes:
        mean, scale: (feature,) learned from training frames by `learn`.
    """

    mean: Float[Tensor, " feature"]
    scale: Float[Tensor, " feature"]

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))

    def learn(self, clips: Iterable[Num[np.ndarray, "_time feature"]]) -> None:
        """Take the statistics of (time, feature) arrays, in float64, one clip in memory at a time."""
        count, total, squares = 0, 0.0, 0.0
        for clip in clips:
            frames = np.asarray(clip, dtype=np.float64)
            count, total, squares = count + len(frames), total + frames.sum(0), squares + (frames**2).sum(0)
        mean = np.asarray(total) / count
        scale = np.sqrt(np.maximum(np.asarray(squares) / count - mean**2, 0.0))
        scale = np.where(scale > 1e-6 * np.maximum(1.0, np.abs(mean)), scale, 1.0)
        self.mean.copy_(torch.from_numpy(mean))
        self.scale.copy_(torch.from_numpy(scale))

    def forward(
        self, x: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch time feature"]:
        """Return (batch, time, feature) from the same shape; lengths (batch,) or None for whole sequences."""
        x = (x - self.mean) / self.scale
        return x if lengths is None else x * time_mask(lengths, x.shape[1])[:, :, None]
