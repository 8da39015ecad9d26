"""From a sequence network's outputs to one answer a clip."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor, nn

from mynah.layers.dropout import Dropout
from mynah.layers.masks import averaged, mean_and_max
from mynah.layers.windows import in_windows


class SequenceClassifier(nn.Module):
    """A sequence network, mean and maximum of its outputs over the real frames, dropout, one affine layer.

    Args:
        body: ``y, state = body(x, state, lengths)`` with y (batch, time, width).
        width: features of y.
        outputs: classes.
        dropout: share of pooled features dropped in training.
        window: in training, frames that a gradient goes back at most (see `in_windows`); None is all.
        stride: frames that are averaged into one before `body`.
    """

    def __init__(
        self,
        body: nn.Module,
        width: int,
        outputs: int,
        dropout: float = 0.3,
        window: int | None = None,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.body, self.window, self.stride = body, window, stride
        self.head = nn.Sequential(Dropout(dropout), nn.Linear(2 * width, outputs))

    def forward(
        self, frames: Float[Tensor, "batch time feature"], lengths: Int[Tensor, " batch"] | None
    ) -> Float[Tensor, "batch outputs"]:
        """Return logits (batch, outputs) of frames (batch, time, feature)."""
        frames, lengths = averaged(frames, lengths, self.stride)
        y = in_windows(self.body, frames, self.window if self.training else None, lengths)
        return self.head(mean_and_max(y, lengths))
