"""One layer of LSTM or GRU with an affine output as a filter: frames in, frames out, for ever."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import nn

from mynah import kernels


def recurrent_filter(rnn: nn.LSTM | nn.GRU, head: nn.Linear, precision: str = "float32") -> Any:
    """Return a new filter: the kernel's, or its torch twin where there is none.

    Args:
        rnn: of one layer, one direction, with biases.
        head: from its units to the outputs.
        precision: of the recurrent weights, "float32" or "bfloat16".

    Raises:
        ValueError: another kind of network.
    """
    if rnn.num_layers != 1 or rnn.bidirectional or not rnn.bias or rnn.proj_size:
        raise ValueError("a recurrent filter is one layer that reads one way, with biases and without a projection")
    if kernels.native is not None:
        return kernels.RecurrentFilter(rnn, head, precision)
    return TorchFilter(rnn, head, precision)


class TorchFilter:
    """The same as `mynah.kernels.RecurrentFilter`, in torch."""

    def __init__(self, rnn: Any, head: nn.Linear, precision: str = "float32") -> None:
        self.rnn: Any = deepcopy(rnn)
        self.head = head
        self.state: Any = None
        if precision == "bfloat16":
            with torch.no_grad():
                self.rnn.weight_hh_l0.copy_(self.rnn.weight_hh_l0.bfloat16())

    @torch.no_grad()
    def run(self, x: Float[np.ndarray, "time inputs"]) -> Float32[np.ndarray, "time outputs"]:
        """Return y (time, outputs) of the next x (time, inputs), float32."""
        y, self.state = self.rnn(torch.from_numpy(np.asarray(x, dtype=np.float32))[None], self.state)
        return self.head(y)[0].numpy()
