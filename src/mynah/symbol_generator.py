"""Generators that say one mu-law sample after another: what WaveNet and recurrent networks over samples share."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mynah.generator import NetGenerator, Request
from mynah.layers.next_symbol import NextSymbol
from mynah.representations import Frames, MuLaw, Representation
from mynah.representations.mulaw import decode, encode
from mynah.training import Batch, Training

#: Samples that are drawn, and of a clip that are told, at a time.
BLOCK, CHUNK = 1024, 8192


class SymbolGenerator(NetGenerator):
    """A network that tells each mu-law sample from those before it, and of which class the sound is.

    A family writes `network` and `stream`.

    Args:
        precision: of the weights that sounds are drawn with, "float32" or "bfloat16".
        training, representation, rate, random_state: see `ByGradient`.
    """

    unit: ClassVar[str] = "bits a sample"
    default_representation: ClassVar[Representation] = MuLaw(lead_seconds=0.125)
    default_training: ClassVar[Training] = Training(
        most_epochs=2000, batch=8, crop_seconds=0.25, weight_decay=0.0, augment=False
    )

    def __init__(
        self,
        precision: str = "float32",
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.precision = precision

    def network(self, conditions: int) -> NextSymbol:
        """Return a new network over 256 symbols, told of so many conditions."""
        raise NotImplementedError(f"{type(self).__name__} must define network")  # an abstract method

    def stream(self, net: NextSymbol, conditions: Tensor | None) -> Any:
        """Return a new sequence to be fed and drawn (see `mynah.layers.next_symbol.Stream`)."""
        raise NotImplementedError(f"{type(self).__name__} must define stream")  # an abstract method

    def heard(self, net: NextSymbol) -> int | None:
        """Return how many samples of a sound to go on from matter; None is all."""
        return None

    def build(self, inputs: int, classes: int) -> NextSymbol:
        if self.representation_ != self.default_representation or inputs != 1:
            raise ValueError(f"{type(self).__name__} hears one channel of {self.default_representation}, nothing else")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"the precision is float32 or bfloat16, not {self.precision!r}")
        return self.network(classes if classes > 1 else 0)

    def losses(self, net: NextSymbol, batch: Batch) -> Tensor:
        symbols = batch.frames[:, :, 0].long()
        told = net.told(symbols, self._conditions(batch.target))
        real = (torch.arange(1, symbols.shape[1]) < batch.lengths[:, None]) & (symbols[:, 1:] != net.start)
        return (told * real).sum(dim=1) / (math.log(2) * real.sum(dim=1).clamp(min=1))

    def _conditions(self, target: Tensor) -> Tensor | None:
        return target if len(self.classes_) > 1 else None

    def _one_hot(self, code: int) -> Tensor:
        return torch.eye(len(self.classes_))[code]

    def _surprises(self, frames: Frames, codes: np.ndarray) -> np.ndarray:
        """Return the bits of whole clips, a chunk at a time, so that an hour fits into memory."""
        net = self.net_.eval()
        found = []
        for clip, code in zip(frames, codes.tolist(), strict=True):
            symbols = torch.from_numpy(np.array(clip[:, 0])).long()[None]
            conditions, state, nats = self._conditions(self._one_hot(code)[None]), None, 0.0
            for at in range(0, symbols.shape[1] - 1, CHUNK):
                known = symbols[:, at : at + CHUNK + 1]
                logits, state = net(known[:, :-1], conditions, state)
                told = torch.nn.functional.cross_entropy(
                    logits[0], known[0, 1:], ignore_index=net.start, reduction="sum"
                )
                nats += float(told)
            found.append(nats / (math.log(2) * int((symbols != net.start).sum())))
        return np.array(found)

    def _sound(self, request: Request) -> Iterator[np.ndarray]:
        net = self.net_.eval()
        stream = self.stream(net, self._conditions(self._one_hot(request.code)))
        before: Any = np.full(self._front_end.lead, net.start)  # as in training
        if request.like is not None:
            before = np.concatenate([before, encode(torch.from_numpy(request.like)).numpy()])
        sees = self.heard(net)
        stream.feed(before if sees is None else before[-sees:])
        while True:
            symbols = stream.draw(request.draws.random(BLOCK), request.temperature)
            yield decode(torch.from_numpy(symbols)).numpy()
