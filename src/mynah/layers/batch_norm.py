"""Batch normalisation that no padding touches (Ioffe & Szegedy 2015, arXiv:1502.03167).

    y = (x - mean) / sqrt(variance + eps) * weight + bias        per channel

Mean and variance are those of the real frames of a batch. Were padding counted, they would depend on how unequal
the clips of a batch are: with 15 of 16 clips at a quarter of the length, the variance of ResNet's last stage comes
out as .63 in place of .35.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional

from mynah.ground.processes import world


class FrameBatchNorm(nn.BatchNorm2d):
    """As ``nn.BatchNorm2d``, over the real frames of (batch, channel, time, band); padding comes out as zero.

    Names in the state dict, running statistics and options are those of ``nn.BatchNorm2d``. Memory is best
    channels_last, where a frame is one stretch. A batch with one value a channel has no variance, so in training it is
    normalised by the running statistics, and leaves them as they are.
    """

    running_mean: Float[Tensor, " channel"]
    running_var: Float[Tensor, " channel"]
    num_batches_tracked: Int[Tensor, ""]
    momentum: float

    def forward(
        self, x: Float[Tensor, "batch channel time band"], lengths: Int[Tensor, " batch"] | None = None
    ) -> Float[Tensor, "batch channel time band"]:
        """Return the same shape; lengths (batch,) are the real frames of each clip, None means all.

        Raises:
            ValueError: not four dimensions.
        """
        self._check_input_dim(x)
        rows = x.permute(0, 2, 3, 1).flatten(0, 1)  # (batch * time, band, channel)
        if lengths is None or bool((lengths >= x.shape[2]).all()):
            rows = self._normalise(rows)
        else:
            runs = _runs(lengths, x.shape[2])
            real = self._normalise(torch.cat(rows.split(runs)[::2]))
            spare = [real.new_zeros(count, *real.shape[1:]) for count in runs[1::2]]
            pairs = zip(real.split(runs[::2]), spare, strict=True)
            rows = torch.cat([piece for pair in pairs for piece in pair])
        return rows.unflatten(0, (len(x), x.shape[2])).permute(0, 3, 1, 2)

    def _normalise(self, rows: Tensor) -> Tensor:
        """Return (row, band, channel) normalised per channel.

        Two dimensions, since torch 2.13 mistakes the memory order of one picture and then returns wrong gradients.
        """
        values = rows.flatten(0, 1)
        learns = self.training and len(values) > 1
        if learns:
            self.num_batches_tracked.add_(1)
        if learns and world().size > 1:
            return self._normalise_together(values).unflatten(0, rows.shape[:2])
        normal = functional.batch_norm(
            values, self.running_mean, self.running_var, self.weight, self.bias, learns, self.momentum, self.eps
        )
        return normal.unflatten(0, rows.shape[:2])

    def _normalise_together(self, values: Tensor) -> Tensor:
        """Return (value, channel) normalised by mean and variance over the rows of all processes."""
        count, total = all_reduce(values.new_tensor([len(values)])), all_reduce(values.sum(dim=0))
        mean = total / count
        centred = values - mean
        variance = all_reduce(centred.square().sum(dim=0)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        return centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias


def _runs(lengths: Tensor, time: int) -> list[int]:
    """Return how many rows of (batch * time) are real, padding, real, padding ... in turn."""
    return [count for length in lengths.tolist() for count in (min(length, time), max(0, time - length))]
