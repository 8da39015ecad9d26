"""LSTM and GRU step by step, where a variant is not in torch: peepholes, and the GRU as it was published.

Without the variant they equal torch.nn.LSTM and torch.nn.GRU in outputs and gradients, and use their names and order of
weights, so that a state dict fits both.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

#: h and c.
Both = tuple[Float[Tensor, "1 batch hidden"], Float[Tensor, "1 batch hidden"]]


class _Cell(nn.Module):
    """One layer of gates over an input and a state, with torch's names: ``weight_ih_l0`` and so on."""

    def __init__(self, inputs: int, hidden: int, gates: int) -> None:
        super().__init__()
        self.hidden = hidden
        bound = hidden**-0.5
        self.weight_ih_l0 = nn.Parameter(torch.empty(gates * hidden, inputs).uniform_(-bound, bound))
        self.weight_hh_l0 = nn.Parameter(torch.empty(gates * hidden, hidden).uniform_(-bound, bound))
        self.bias_ih_l0 = nn.Parameter(torch.empty(gates * hidden).uniform_(-bound, bound))
        self.bias_hh_l0 = nn.Parameter(torch.empty(gates * hidden).uniform_(-bound, bound))


class PeepholeLSTM(_Cell):
    """An LSTM layer whose gates may see the cell (Gers & Schmidhuber 2000, "Recurrent nets that time and count").

        i_t = sigma(W_i x_t + U_i h_{t-1} + b_i + p_i c_{t-1})
        f_t = sigma(W_f x_t + U_f h_{t-1} + b_f + p_f c_{t-1})
        c_t = f_t c_{t-1} + i_t tanh(W_c x_t + U_c h_{t-1} + b_c)
        o_t = sigma(W_o x_t + U_o h_{t-1} + b_o + p_o c_t)
        h_t = o_t tanh(c_t)

    With p = 0, as it starts, it is torch.nn.LSTM.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs, hidden, 4)
        self.peephole = nn.Parameter(torch.zeros(3, hidden))

    def forward(
        self, x: Float[Tensor, "batch time inputs"], state: Both | None = None
    ) -> tuple[Float[Tensor, "batch time hidden"], Both]:
        """Return (batch, time, hidden) of x (batch, time, inputs), and the last (h, c), each (1, batch, hidden)."""
        zeros = x.new_zeros(len(x), self.hidden)
        h, c = (zeros, zeros) if state is None else (state[0][0], state[1][0])
        driven = x @ self.weight_ih_l0.T + (self.bias_ih_l0 + self.bias_hh_l0)
        see_i, see_f, see_o = self.peephole
        outputs = []
        for drive in driven.unbind(dim=1):
            i, f, g, o = (drive + h @ self.weight_hh_l0.T).chunk(4, dim=1)
            c_before = c
            c = torch.sigmoid(f + see_f * c_before) * c_before + torch.sigmoid(i + see_i * c_before) * torch.tanh(g)
            h = torch.sigmoid(o + see_o * c) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, dim=1), (h[None], c[None])


class ChoGRU(_Cell):
    """A GRU layer as published (Cho et al. 2014): the reset gate multiplies the state before the recurrent product.

        r_t = sigma(W_r x_t + U_r h_{t-1} + b_r)
        z_t = sigma(W_z x_t + U_z h_{t-1} + b_z)
        n_t = tanh(W_n x_t + U_n (r_t h_{t-1}) + b_n)           torch: U_n after, r_t (U_n h_{t-1} + c_n)
        h_t = (1 - z_t) n_t + z_t h_{t-1}

    Args:
        before: False gives torch's form instead.
    """

    def __init__(self, inputs: int, hidden: int, before: bool = True) -> None:
        super().__init__(inputs, hidden, 3)
        self.before = before

    def forward(
        self, x: Float[Tensor, "batch time inputs"], state: Float[Tensor, "1 batch hidden"] | None = None
    ) -> tuple[Float[Tensor, "batch time hidden"], Float[Tensor, "1 batch hidden"]]:
        """Return (batch, time, hidden) of x (batch, time, inputs), and the last state (1, batch, hidden)."""
        h = x.new_zeros(len(x), self.hidden) if state is None else state[0]
        driven = x @ self.weight_ih_l0.T + self.bias_ih_l0
        gates, last = self.weight_hh_l0[: 2 * self.hidden], self.weight_hh_l0[2 * self.hidden :]
        gates_bias, last_bias = self.bias_hh_l0[: 2 * self.hidden], self.bias_hh_l0[2 * self.hidden :]
        outputs = []
        for drive in driven.unbind(dim=1):
            both = torch.sigmoid(drive[:, : 2 * self.hidden] + h @ gates.T + gates_bias)
            r, z = both.chunk(2, dim=1)
            inner = (r * h) @ last.T + last_bias if self.before else r * (h @ last.T + last_bias)
            n = torch.tanh(drive[:, 2 * self.hidden :] + inner)
            h = n + z * (h - n)
            outputs.append(h)
        return torch.stack(outputs, dim=1), h[None]


class Stacked(nn.ModuleList):
    """Layers on each other, each a module ``y, state = layer(x, state)``; the state is a list, one a layer."""

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: list[Any] | None = None, *given: Any
    ) -> tuple[Float[Tensor, "batch time width"], list[Any]]:
        """Return the last layer's outputs and the states of all; every layer gets what else is `given`."""
        states = []
        for layer, before in zip(self, state or [None] * len(self), strict=True):
            x, after = layer(x, before, *given)
            states.append(after)
        return x, states


def set_forget_bias(lstm: nn.Module, hidden: int, bias: float) -> None:
    """Let the forget gates of torch's or our LSTM start at `bias`: of the two vectors a gate, the other becomes 0."""
    with torch.no_grad():
        for name, value in lstm.named_parameters():
            last = name.rsplit(".", 1)[-1]
            if last.startswith("bias"):
                value[hidden : 2 * hidden] = bias if last.startswith("bias_ih") else 0.0


def zero_biases(net: nn.Module) -> None:
    """Let all biases of a recurrent network of torch's or ours start at 0."""
    with torch.no_grad():
        for name, value in net.named_parameters():
            if name.rsplit(".", 1)[-1].startswith("bias"):
                value.zero_()
