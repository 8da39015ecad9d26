"""From the outputs of a sequence network to what a problem asks for: an affine answer a frame, or one at the end."""

from __future__ import annotations

from torch import Tensor, nn

from mynah.layers.sequence_network import SequenceNetwork


class EveryFrame(nn.Module):
    """One affine answer of so many outputs from every output of a sequence network."""

    def __init__(self, body: SequenceNetwork, outputs: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(body.width, outputs)

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return (batch, time, outputs) of frames (batch, time, feature), of which so many are real in each row."""
        return self.head(self.body(frames, None, lengths)[0])


class LastFrame(EveryFrame):
    """One affine answer from the last output alone."""

    def forward(self, frames: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return (batch, outputs) of frames (batch, time, feature); the last frame must be real in every row."""
        return self.head(self.body(frames, None, lengths)[0][:, -1])
