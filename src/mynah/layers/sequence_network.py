"""Networks that can run over a sequence in pieces: the streaming law."""

from __future__ import annotations

from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn


class SequenceNetwork(nn.Module):
    """A network over sequences that can be run in pieces.

    ``y, state = net(x, state)`` with x (batch, time, feature_in), y (batch, time, width); state None starts a
    sequence. The streaming law: running a sequence in chunks while carrying `state` equals running it whole.
    A state is a tensor, or tuples and lists of them, batch first or second; None inside means "not begun".

    Attributes:
        width: features of y.
        looks_ahead: whether an output needs later input; such a network refuses a carried state.
        takes_lengths: whether `forward` takes the real frames of each row as a third argument: for a network in which
            padding would else reach what comes of real frames.
    """

    looks_ahead: bool = False
    takes_lengths: bool = False

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def __call__(
        self, x: Float[Tensor, "batch time feature"], state: Any = None, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        """Check what is given, then run `forward`.

        Args:
            x: (batch, time, feature).
            state: what an earlier call returned; None starts a sequence.
            lengths: (batch,) real frames of each row, the others being padding; None is all.

        Raises:
            ValueError: x is not (batch, time, feature) of at least one frame, or a state is carried into a network
                that looks ahead.
        """
        if x.dim() != 3 or x.shape[1] == 0:
            raise ValueError(
                f"a sequence is (batch, time, feature) with at least one frame, not of shape {tuple(x.shape)}"
            )
        if self.looks_ahead and state is not None:
            raise ValueError(
                f"{type(self).__name__} looks ahead (bidirectional), so it cannot stream: run the whole sequence"
            )
        return super().__call__(x, state, lengths) if self.takes_lengths else super().__call__(x, state)

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        """Return (batch, time, width) and the state after the last frame."""
        raise NotImplementedError(f"{type(self).__name__} must define forward")  # an abstract method


class TorchNetwork(SequenceNetwork):
    """One layer or more of torch's own, ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU`` with the batch first."""

    def __init__(self, rnn: nn.RNNBase) -> None:
        super().__init__(width=rnn.hidden_size)
        self.rnn = rnn

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        return self.rnn(x, state)
