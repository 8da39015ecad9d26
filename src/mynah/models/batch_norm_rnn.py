"""Batch-normalised recurrent network (Laurent, Pereyra, Brakel, Zhang & Bengio 2015, arXiv:1510.01378).

An LSTM in which batch normalisation BN stands at one of two places; a_t drives the gates:

    a_t = W x_t + U h_{t-1} + b             norm="none"
    a_t = BN(W x_t) + U h_{t-1} + b         norm="input"    the paper's proposal: the input alone
    a_t = BN(W x_t + U h_{t-1}) + b         norm="both"     what does not help, by the paper: the hidden state too

    BN(a) = gain (a - mean) / sqrt(variance + eps)

Mean and variance are frame-wise: of one time step over the rows of the batch. The sequence-wise form, over all steps,
would tell a step about later ones.

Departures from the paper:
- In evaluation all steps share one running mean and variance, the mean over steps of theirs; so a sequence may be
  longer than those seen in training, and may be run in pieces.
- Padded rows are left out; a step with fewer than two real rows is normalised by the running statistics.
- Chorales in place of the Wall Street Journal and the Penn Treebank.
- Outputs are pooled over time (mean and maximum) for one answer a clip.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from mynah.contracts.sequence import SequenceModel
from mynah.ground.processes import world
from mynah.ground.randomness import seeded
from mynah.layers.cells import Stacked
from mynah.layers.masks import time_mask
from mynah.layers.sequence_network import SequenceNetwork
from mynah.representations import Representation
from mynah.training import Training

CARD = {
    "name": "batch_norm_rnn",
    "title": "Batch-normalised recurrent network",
    "year": 2015,
    "authors": "C. Laurent, G. Pereyra, P. Brakel, Y. Zhang, Y. Bengio",
    "reference": "Batch normalized recurrent neural networks, arXiv:1510.01378",
    "tasks": ("classify",),
    "reading": ("batch-normalised-rnn",),
    "superseded_by": (),
    "aliases": ("bn-rnn", "batch-normalised-rnn", "batch-normalized-rnn"),
    "estimator": "BatchNormRNN",
    "cost": "gradient",
    "asked": True,
    "claims": (
        {
            "experiment": "chorales",
            "title": "JSB chorales, input normalised: epochs to the plain network's lowest training loss, over its own",
            "measure": "epochs",
            "at_most": 0.8,
            "paper": "faster convergence of the training criterion",
            "data": "jsb_chorales",
        },
        {
            "experiment": "chorales",
            "title": "no better on new music: its lowest validation loss over that of the plain network",
            "measure": "valid",
            "at_least": 0.98,
            "paper": "1.014 (120.9 against 119.2 perplexity on the Penn Treebank, small, as recalled)",
            "data": "jsb_chorales",
        },
        {
            "experiment": "chorales",
            "title": "hidden state normalised too, no help: epochs to that loss over those of the input alone",
            "measure": "hidden",
            "at_least": 1.0,
            "paper": "doesn't help the training procedure",
            "data": "jsb_chorales",
        },
    ),
}
#: Where batch normalisation stands.
NORMS = ("none", "input", "both")
#: Mean, variance and number of real rows of steps: (time, feature), (time, feature), (time, 1).
Moments = tuple[Tensor, Tensor, Tensor]


class StepBatchNorm(nn.Module):
    """Batch normalisation of each time step by itself, over the real rows; its bias is that of the gates.

    Args:
        features: of a frame.
        momentum: share of the running statistics that a batch replaces.
        eps: added to the variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, features: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.gain = nn.Parameter(torch.ones(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_var", torch.ones(features))

    def forward(
        self, x: Float[Tensor, "batch time feature"], mask: Float[Tensor, "batch time 1"] | None, seen: list[Moments]
    ) -> Float[Tensor, "batch time feature"]:
        """Return x (batch, time, feature) normalised.

        Args:
            mask: (batch, time, 1), one where a frame is real; None is everywhere.
            seen: in training, the moments of these steps are added, for `remember`.
        """
        x = x.to(self.running_mean.dtype)  # statistics are taken in full precision
        if not self.training:
            return self._scaled(x - self.running_mean, self.running_var)
        mask = x.new_ones(*x.shape[:2], 1) if mask is None else mask
        count = _over_rows(mask)
        mean = _over_rows(x * mask) / count.clamp(min=1)
        variance = _over_rows((x - mean).square() * mask) / count.clamp(min=1)
        seen.append((mean.detach(), variance.detach(), count))
        many = count > 1
        centre = torch.where(many, mean, self.running_mean)
        return self._scaled(x - centre, torch.where(many, variance, self.running_var))

    def _scaled(self, centred: Tensor, variance: Tensor) -> Tensor:
        return centred * (torch.rsqrt(variance + self.eps) * self.gain)

    @torch.no_grad()
    def remember(self, seen: list[Moments]) -> None:
        """Move the running statistics towards the mean over the steps that have more than one real row."""
        mean, variance, count = (torch.cat(parts) for parts in zip(*seen, strict=True))
        many = count[:, 0] > 1
        if many.any():
            unbiased = variance[many] * count[many] / (count[many] - 1)
            self.running_mean.lerp_(mean[many].mean(dim=0), self.momentum)
            self.running_var.lerp_(unbiased.mean(dim=0), self.momentum)


def _over_rows(x: Tensor) -> Tensor:
    """Add (batch, time, feature) over the batch, which may lie in several processes."""
    total = x.sum(dim=0)
    return all_reduce(total) if world().size > 1 else total


class NormalisedLSTM(nn.Module):
    """One layer; without a norm it is torch.nn.LSTM, with its names and order of weights but one bias.

    Raises:
        ValueError: a norm that is none of `NORMS`.
    """

    def __init__(self, inputs: int, hidden: int, norm: str) -> None:
        super().__init__()
        if norm not in NORMS:
            raise ValueError(f"norm is one of {', '.join(NORMS)}, not {norm!r}")
        self.hidden = hidden
        bound = hidden**-0.5
        self.weight_ih = nn.Parameter(torch.empty(4 * hidden, inputs).uniform_(-bound, bound))
        self.weight_hh = nn.Parameter(torch.empty(4 * hidden, hidden).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.zeros(4 * hidden))
        with torch.no_grad():
            self.bias[hidden : 2 * hidden] = 1.0  # forget gates
        self.norm = None if norm == "none" else StepBatchNorm(4 * hidden)
        self.of_sum = norm == "both"

    def forward(
        self,
        x: Float[Tensor, "batch time inputs"],
        state: tuple[Float[Tensor, "batch hidden"], Float[Tensor, "batch hidden"]] | None,
        mask: Float[Tensor, "batch time 1"] | None,
    ) -> tuple[Float[Tensor, "batch time hidden"], tuple[Float[Tensor, "batch hidden"], Float[Tensor, "batch hidden"]]]:
        """Return (batch, time, hidden) and the last (h, c), each (batch, hidden); mask as in `StepBatchNorm`."""
        zeros = x.new_zeros(len(x), self.hidden)
        h, c = (zeros, zeros) if state is None else state
        driven = x @ self.weight_ih.T
        seen: list[Moments] = []
        if self.norm is not None and not self.of_sum:
            driven = self.norm(driven, mask, seen)
        outputs = []
        for step, drive in enumerate(driven.unbind(dim=1)):
            a = torch.addmm(drive, h, self.weight_hh.T)
            if self.norm is not None and self.of_sum:
                a = self.norm(a[:, None], None if mask is None else mask[:, step, None], seen)[:, 0]
            i, f, g, o = (a + self.bias).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        if self.norm is not None and seen:
            self.norm.remember(seen)
        return torch.stack(outputs, dim=1), (h, c)


class BatchNormNetwork(SequenceNetwork):
    """Layers of LSTM, batch-normalised; x (batch, time, inputs), y (batch, time, hidden), state a list, one a layer.

    Args:
        inputs, hidden, layers: features in, units a layer, layers.
        norm: "none", "input" or "both", see the module.
    """

    takes_lengths = True

    def __init__(self, inputs: int, hidden: int, layers: int, norm: str) -> None:
        super().__init__(width=hidden)
        self.layers = Stacked(NormalisedLSTM(hidden if n else inputs, hidden, norm) for n in range(layers))

    def forward(
        self, x: Float[Tensor, "batch time feature"], state: Any = None, lengths: Int[Tensor, " batch"] | None = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        mask = None if lengths is None else time_mask(lengths, x.shape[1])[:, :, None].to(x.dtype)
        return self.layers(x, state, mask)


class BatchNormRNN(SequenceModel):
    """Clips classified by a batch-normalised LSTM over log-mel frames, four averaged into one.

    Args:
        norm: "input", or "none" or "both".
        hidden, layers, window: see `SequenceModel`.
        training, representation, rate, random_state: see `NetModel`.
    """

    stride: ClassVar[int] = 4

    def __init__(
        self,
        hidden: int = 96,
        layers: int = 1,
        norm: str = "input",
        window: int | None = None,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(hidden, layers, window, training, representation, rate, random_state)
        self.norm = norm

    def network(self, inputs: int) -> SequenceNetwork:
        return BatchNormNetwork(inputs, self.hidden, self.layers, self.norm)


#: Units, epochs and batch of the experiment; nothing regularises, since the training loss is what is compared.
UNITS, EPOCHS, BATCH = 100, 100, 32


def reproduce(experiment: str, seed: int, quick: bool = False) -> dict[str, float]:
    """Train the three forms on chorales from the same weights, batches and learning rate; `quick` is the same.

    The rate is the plain network's best of 1e-3, 3e-3 and 1e-2 by training loss; twice the last validates worse. At
    small rates, where the plain network is far from its end, normalising both places beats none; never the input alone.
    """
    if experiment != "chorales":
        raise ValueError(f"no experiment {experiment!r}")
    arms = {norm: _descent(norm, seed) for norm in NORMS}
    target = min(arms["none"]["train"])
    epochs = {norm: _epochs_to(target, arm) for norm, arm in arms.items()}
    valid = {norm: min(arm["valid"]) for norm, arm in arms.items()}
    return {
        "epochs": epochs["input"] / epochs["none"],
        "valid": valid["input"] / valid["none"],
        "hidden": epochs["both"] / epochs["input"],
        "hidden against none": epochs["both"] / epochs["none"],
        "training loss": target,
        "validation loss": valid["none"],
    }


def _descent(norm: str, seed: int) -> dict[str, list[float]]:
    """Train one form, and return the epochs done and the losses on the whole parts then, in evaluation mode."""
    from mynah.papers.problems import chorales
    from mynah.papers.problems.answers import EveryFrame
    from mynah.papers.problems.descent import PLAIN, descend

    net = seeded(seed, lambda: EveryFrame(BatchNormNetwork(chorales.NOTES, UNITS, 1, norm), chorales.NOTES))
    steps_per_epoch = len(chorales.rolls("train")) / BATCH
    steps = round(EPOCHS * steps_per_epoch)
    arm: dict[str, list[float]] = {"epoch": [], "train": [], "valid": []}
    training = replace(PLAIN, batch=BATCH, learning_rate=1e-2)
    for step in descend(net, chorales.plain_loss, chorales.draw, steps=steps, seed=seed, training=training):
        arm["epoch"].append(step / steps_per_epoch)
        for part in ("train", "valid"):
            arm[part].append(chorales.evaluate(net, part))
    return arm


def _epochs_to(target: float, arm: dict[str, list[float]]) -> float:
    """Return the epochs after which the training loss fell to `target`, on a straight line between two evaluations.

    The last epoch where it never did, so that a ratio is then a bound.
    """
    known = list(zip(arm["epoch"], arm["train"], strict=True))
    for (begun, before), (done, now) in pairwise(known):
        if now <= target < before:
            return done - (done - begun) * (target - now) / (before - now)
    return known[-1][0]
