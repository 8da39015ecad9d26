"""WaveNet (van den Oord et al. 2016, arXiv:1609.03499) and Fast WaveNet (Le Paine et al. 2016, arXiv:1611.09482).

    p(x) = prod_t p(x_t | x_1 ... x_{t-1})                                               eq. 1
    z_k = tanh(W_f,k * x + V_f,k h) . sigma(W_g,k * x + V_g,k h)                          eq. 2, 3
    x_{k+1} = x_k + R_k z_k,    s = sum_k S_k z_k                                         figure 4
    p(x_t | ...) = softmax(B relu(A relu(s)))

The samples are mu-law symbols (section 2.2); * is a causal convolution of two taps, a dilation apart, and h what the
sound is conditioned on: a label, a pitch, knobs (section 2.5). With dilations 1, 2, 4 ... 512 an output sees 1024.

Fast WaveNet: each layer keeps the inputs that its far tap has yet to meet in a ring as long as its dilation. A new
sample then costs O(layers), where running the network over all that it sees costs O(2^layers).

Departures from the paper:
- The first convolution is an embedding of each symbol, one tap; a symbol of its own stands before the first.
  Embeddings start as cosines over the levels, so that neighbouring levels begin alike.
- Before a sequence lie zeros at the input of every layer, in training as in generation.
- Conditions enter as features beside the input, so they may change over time without an upsampling network.
- The last layer has no R_k: nothing would read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from mynah import kernels
from mynah.contracts.symbol_generator import SymbolGenerator
from mynah.ground.randomness import generator, seeded
from mynah.layers.causal_conv import CausalConv
from mynah.layers.next_symbol import NextSymbol, Stream, draw_whole, rounded
from mynah.layers.sequence_network import SequenceNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "wavenet",
    "title": "WaveNet, with Fast WaveNet generation",
    "year": 2016,
    "authors": "A. van den Oord, S. Dieleman, H. Zen and others; T. Le Paine, P. Khorrami and others",
    "reference": "WaveNet: a generative model for raw audio, arXiv:1609.03499; Fast WaveNet, arXiv:1611.09482",
    "tasks": ("generate",),
    "reading": ("wavenet", "fast-wavenet"),
    "superseded_by": (),
    "aliases": ("fast-wavenet",),
    "estimator": "WaveNet",
    "cost": "gradient",
    "claims": (
        {
            "experiment": "ar2",
            "title": "mu-law symbols of a noisy resonance: bits a sample above what the exact filter needs",
            "measure": "excess",
            "at_most": 0.1,
            "paper": "no figure: listening tests; the bound is the source's entropy",
        },
        {
            "experiment": "ar2",
            "title": "the same sounds told by weights in bfloat16: bits a sample, relative to float32",
            "measure": "rounded",
            "at_most": 0.005,
            "paper": "no figure",
        },
        {
            "experiment": "structure",
            "title": "causality: largest change of a logit by samples that come later",
            "measure": "future",
            "at_most": 0.0,
            "seeds": "all",
            "paper": "exact by definition (section 2.1)",
        },
        {
            "experiment": "structure",
            "title": "receptive field of dilations 1 to 512: samples that reach a logit, less the 1024 as computed",
            "measure": "apart",
            "at_most": 0,
            "seeds": "all",
            "paper": "1024 (section 2.1)",
        },
        {
            "experiment": "fast",
            "title": "Fast WaveNet: share of samples equal to those of the naive way",
            "measure": "same",
            "at_least": 1.0,
            "seeds": "all",
            "paper": "the same samples (arXiv:1611.09482)",
        },
        {
            "experiment": "fast",
            "title": "Fast WaveNet at a receptive field of 1024: CPU time of the naive way over its own",
            "measure": "times at 1024",
            "at_least": 10,
            "paper": "O(2^L) against O(L); about 20 at 2 x 15 layers (read off a plot, on a GPU)",
        },
        {
            "experiment": "fast",
            "title": "Fast WaveNet: that gain over the gain at a receptive field of 256",
            "measure": "growth",
            "at_least": 1.5,
            "paper": "grows with the depth",
        },
    ),
}


#: Bounds on what a file of settings can ask for: layers, and samples that an output depends on.
MOST_LAYERS, MOST_SEEN = 256, 1 << 18


class WaveNetLayer(nn.Module):
    """A gated dilated convolution, and what goes on to the next layer and to the sum.

    Args:
        residual, skip: features that go on, and into the sum.
        dilation: from tap to tap.
        conditions: features given from outside.
        last: whether nothing goes on.
    """

    def __init__(self, residual: int, skip: int, dilation: int, conditions: int, last: bool) -> None:
        super().__init__()
        self.dilation = dilation
        self.taps = CausalConv(residual, 2 * residual, 2, dilation)
        self.given = nn.Linear(conditions, 2 * residual, bias=False) if conditions else None
        self.onward = None if last else nn.Linear(residual, residual)
        self.skip = nn.Linear(residual, skip, bias=last)  # one bias is enough for a sum

    def forward(
        self,
        x: Float[Tensor, "batch time residual"],
        h: Float[Tensor, "batch time conditions"] | None,
        queue: Float[Tensor, "batch {self.dilation} residual"] | None,
    ) -> tuple[
        Float[Tensor, "batch time residual"],
        Float[Tensor, "batch time skip"],
        Float[Tensor, "batch {self.dilation} residual"],
    ]:
        """Return (batch, time, residual), the part of the sum (batch, time, skip), and the queue."""
        driven, queue = self.taps(x, queue)
        return *self._gated(x, driven, h), queue

    def step(self, x: Tensor, h: Tensor | None, ring: Tensor, place: int) -> tuple[Tensor, Tensor]:
        """Do what `forward` does to one frame (batch, residual), and put it in the ring (dilation, batch, residual)."""
        weight, bias = self.taps.conv.weight, self.taps.conv.bias
        driven = torch.nn.functional.linear(ring[place], weight[:, :, 0], bias).addmm_(x, weight[:, :, 1].T)
        ring[place] = x
        return self._gated(x, driven, h)

    def _gated(self, x: Tensor, driven: Tensor, h: Tensor | None) -> tuple[Tensor, Tensor]:
        if self.given is not None:
            driven = driven + self.given(h)
        signal, gate = driven.chunk(2, dim=-1)
        z = torch.tanh(signal) * torch.sigmoid(gate)
        return x if self.onward is None else x + self.onward(z), self.skip(z)


class WaveNetwork(SequenceNetwork):
    """Layers of gated dilated convolutions; the state is a list of each layer's queue.

    x (batch, time, residual + conditions), the conditions last; y (batch, time, skip), the sum over the layers.

    Args:
        residual, skip: features between layers, and of the sum.
        dilations: one a layer, such as 1, 2, 4, 1, 2, 4.
        conditions: features of x that are conditions.

    Attributes:
        sees: frames that an output depends on, its own among them: the receptive field.

    Raises:
        ValueError: no layer, too many, or a receptive field that no memory should be asked for.
    """

    def __init__(self, residual: int, skip: int, dilations: Sequence[int], conditions: int = 0) -> None:
        super().__init__(width=skip)
        if not 0 < len(dilations) <= MOST_LAYERS:
            raise ValueError(f"a WaveNet needs 1 to {MOST_LAYERS} layers, not {len(dilations)}")
        self.residual, self.conditions = residual, conditions
        self.sees = 1 + sum(dilations)
        if self.sees > MOST_SEEN:
            raise ValueError(f"a WaveNet sees at most {MOST_SEEN} samples, these dilations {self.sees}")
        self.layers: Any = nn.ModuleList(
            WaveNetLayer(residual, skip, dilation, conditions, last=number == len(dilations))
            for number, dilation in enumerate(dilations, start=1)
        )

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        x, h = x[..., : self.residual], x[..., self.residual :]
        total: Any = None
        queues = []
        for layer, queue in zip(self.layers, state or [None] * len(self.layers), strict=True):
            x, part, queue = layer(x, h, queue)
            total = part if total is None else total + part  # at once: the parts of all layers would fill the memory
            queues.append(queue)
        return total, queues

    def step(self, x: Tensor, rings: list[Tensor], time: int) -> Tensor:
        """Return y (batch, skip) of one frame (batch, residual + conditions), changing the rings in place.

        Args:
            rings: of `rings`; frame number `time` since then.
        """
        x, h = x[..., : self.residual], x[..., self.residual :]
        parts = []
        for layer, ring in zip(self.layers, rings, strict=True):
            x, part = layer.step(x, h, ring, time % len(ring))
            parts.append(part)
        return sum(parts[1:], parts[0])

    def rings(self, state: list[Tensor] | None) -> list[Tensor]:
        """Return a ring (dilation, 1, residual) a layer from the state of one sequence, oldest frame first."""
        if state is None:
            return [torch.zeros(layer.dilation, 1, self.residual) for layer in self.layers]
        return [queue.transpose(0, 1).contiguous() for queue in state]


class FastStream(Stream):
    """A sequence drawn from a WaveNet with one ring a layer: no queue is moved, a sample costs O(layers)."""

    rings: list[Tensor] | None = None
    time = 0

    def _next(self) -> Tensor:
        body = self.net.body
        if self.rings is None:
            self.rings, self.state, self.time = body.rings(self.state), None, 0
        x = self.net.joined(self.net.embedding(torch.tensor([[self.last]])), self.conditions)[:, 0]
        y = body.step(x, self.rings, self.time)
        self.time += 1
        return self.net.head(y)[0]

    def feed(self, symbols: Any) -> Any:
        if self.rings is not None:
            self.state = [ring.roll(-(self.time % len(ring)), dims=0).transpose(0, 1) for ring in self.rings]
            self.rings = None
        return super().feed(symbols)


def stream(net: NextSymbol, conditions: Tensor | None = None, precision: str = "float32") -> Any:
    """Return a new sequence to be drawn from a WaveNet of `network`: by the kernel, or its twin where there is none.

    Args:
        net: in evaluation mode.
        conditions: (conditions,) to begin with, or None.
        precision: of the weights, "float32" or "bfloat16".
    """
    if kernels.native is None:
        return FastStream(net if precision == "float32" else rounded(net), conditions)
    made = kernels.native.wavenet(**_packed(net, conditions), precision=precision)
    return kernels.SymbolStream(made, net.start, net.levels, partial(_starts, net))


@torch.no_grad()
def _starts(net: NextSymbol, conditions: Tensor | None) -> np.ndarray:
    """Return what the gates of each layer start from: biases, and what the conditions add."""
    net.joined(torch.zeros(1, 1, 1), None if conditions is None else conditions[None])  # refuses a wrong number
    starts = []
    for layer in net.body.layers:
        start = layer.taps.conv.bias if layer.given is None else layer.taps.conv.bias + layer.given(conditions)
        starts.append(kernels.padded(start.view(2, -1).numpy(), 1).ravel())
    return np.stack(starts)


@torch.no_grad()
def _packed(net: NextSymbol, conditions: Tensor | None) -> dict[str, Any]:
    """Return what the kernel takes: weights side by side, what the conditions add, widths padded."""
    layers, residual = list(net.body.layers), net.body.residual
    gates, onward = [], []
    for layer in layers:
        taps = layer.taps.conv.weight.unflatten(0, (2, residual)).permute(0, 1, 3, 2)  # kind, row, tap, column
        wide = kernels.padded(taps.numpy(), 1, 3)
        gates.append(wide.reshape(2 * wide.shape[1], -1))
        on = layer.onward or nn.Linear(residual, residual).requires_grad_(False)
        onward.append((kernels.padded(on.weight.numpy(), 0, 1), kernels.padded(on.bias.numpy(), 0)))
    skips = [kernels.padded(layer.skip.weight.numpy(), 0, 1) for layer in layers]
    hidden, out = net.head[1], net.head[3]
    return {
        "levels": net.levels,
        "dilations": [layer.dilation for layer in layers],
        "table": kernels.padded(net.embedding.weight.numpy(), 1),
        "gates": np.stack(gates),
        "gates_start": _starts(net, conditions),
        "onward": np.stack([weight for weight, _ in onward]),
        "onward_start": np.stack([bias for _, bias in onward]),
        "skips": np.concatenate(skips, axis=1),
        "skips_start": kernels.padded(layers[-1].skip.bias.numpy(), 0),
        "hidden": kernels.padded(hidden.weight.numpy(), 0, 1),
        "hidden_start": kernels.padded(hidden.bias.numpy(), 0),
        "out": kernels.padded(out.weight.numpy(), 0, 1),
        "out_start": kernels.padded(out.bias.numpy(), 0),
    }


def dilated(blocks: int, doublings: int) -> list[int]:
    """Return the dilations of so many blocks, each 1, 2, 4 ... 2^(doublings - 1); no more than are refused."""
    blocks = min(blocks, MOST_LAYERS + 1)
    doublings = min(doublings, MOST_LAYERS + 1)
    return [2**doubling for _ in range(blocks) for doubling in range(doublings)]


def network(residual: int, skip: int, dilations: Sequence[int], levels: int = 256, conditions: int = 0) -> NextSymbol:
    """Return a WaveNet over symbols: embedding, layers, and two affine maps behind rectifiers."""
    body = WaveNetwork(residual, skip, dilations, conditions)
    head = nn.Sequential(nn.ReLU(), nn.Linear(skip, skip), nn.ReLU(), nn.Linear(skip, levels))
    return NextSymbol(levels, residual, body, head, conditions)


class WaveNet(SymbolGenerator):
    """Sounds made a sample at a time by a WaveNet, conditioned on their class.

    What lies further back than it sees it cannot know but by the clocks (`mynah.contracts.symbol_generator`). Of
    40 synthesised kicks, learned for five minutes of processor time, it made hits that decay, though faster than the
    originals (95 % of the energy within 40 ms against 214) and brighter (centroids of 520 and 144 Hz, medians).

    Args:
        blocks, doublings: the dilations are so many times 1, 2, 4 ... 2^(doublings - 1).
        residual, skip: see `WaveNetwork`.
        precision: see `SymbolGenerator`.
        training, representation, rate, random_state: see `ByGradient`.
    """

    def __init__(
        self,
        blocks: int = 2,
        doublings: int = 9,
        residual: int = 32,
        skip: int = 64,
        precision: str = "float32",
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(precision, training, representation, rate, random_state)
        self.blocks = blocks
        self.doublings = doublings
        self.residual = residual
        self.skip = skip

    def network(self, conditions: int) -> NextSymbol:
        return network(self.residual, self.skip, dilated(self.blocks, self.doublings), conditions=conditions)

    def stream(self, net: NextSymbol, conditions: Tensor | None) -> Any:
        return stream(net, conditions, self.precision)

    def receptive_field(self, net: NextSymbol) -> int:
        return net.body.sees


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Run an experiment; `quick` is the same.

    ar2: 2 blocks of dilations 1 to 32, 16 features, 64 in the sum, 600 steps of 8 x 1024 symbols; then 5000 new symbols
    told in both precisions. structure: new networks with dilations 1 to 512. fast: the same, 1100 samples made in both
    ways; then the CPU time of a sample with dilations 1 to 32, 64 and so on to 512, at the full width of 64 and 256.
    """
    from mynah.papers.problems import ar2, next_samples

    if experiment == "ar2":
        net = seeded(seed, lambda: network(16, 64, dilated(2, 6)))
        learned = ar2.learn(net, seed, steps=600, learning_rate=5e-3)
        return {**learned, "rounded": ar2.rounding(partial(stream, net), seed)}
    if experiment == "structure":
        net = seeded(seed, lambda: network(16, 32, dilated(1, 10)))
        return next_samples.structure(net, net.body.sees, seed)
    if experiment == "fast":
        return _fast(seed)
    raise ValueError(f"no experiment {experiment!r}")


def _fast(seed: int) -> dict[str, float]:
    from mynah.papers.problems import next_samples

    small = seeded(seed, lambda: network(16, 32, dilated(1, 10))).eval()
    uniforms = generator(seed, "fast").random(1100)
    same = FastStream(small).draw(uniforms) == draw_whole(small, uniforms, small.body.sees)
    gains = {}
    for doublings in (6, 7, 8, 9, 10):
        net = seeded(seed, partial(network, 64, 256, dilated(1, doublings))).eval()
        gains[f"times at {2**doublings}"] = next_samples.gain(net, FastStream(net), net.body.sees, seed)
    return {"same": float(same.mean()), **gains, "growth": gains["times at 1024"] / gains["times at 256"]}
