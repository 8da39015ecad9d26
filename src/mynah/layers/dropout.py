"""Dropout (Srivastava et al. 2014, JMLR 15) that draws the same for a row, however many processes share the batch."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from mynah.ground.processes import draw_rows


class Dropout(nn.Module):
    """In training, zeroes elements with probability `share` and divides the rest by ``1 - share``."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Float[Tensor, " batch *rest"]) -> Float[Tensor, " batch *rest"]:
        """Return the same shape; x (batch, ...)."""
        if not self.training or self.share == 0:
            return x
        return x * draw_rows(x, self.share) / (1 - self.share)
