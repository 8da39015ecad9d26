"""Generators that predict one mu-law sample after another: what WaveNet and recurrent networks over samples share.

Inputs are the class of a sound and how long it has lasted: the receptive field is a fraction of a second,
and a drum that has rung for a tenth of a second sounds like a quieter one that was just struck. The time is given by
clocks that run down, exp(-t / tau), each held for `HELD` samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from mynah import kernels
from mynah.contracts.generator import NetGenerator, Request
from mynah.layers.next_symbol import NextSymbol
from mynah.representations import Frames, MuLaw, Representation
from mynah.representations.mulaw import decode, encode
from mynah.training import Batch, Training

#: Samples that are drawn, and of a clip that are predicted, at a time.
BLOCK, CHUNK = 1024, 8192
#: Seconds after which each clock has run down to 1 / e, and samples for which the clocks are held.
CLOCKS, HELD = (0.004, 0.016, 0.064, 0.25, 1.0), 128


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

    @property
    def is_slow(self) -> bool:
        return kernels.native is None

    def network(self, conditions: int) -> NextSymbol:
        """Return a new network over 256 symbols, given so many conditions: classes, if any, and clocks."""
        raise NotImplementedError(f"{type(self).__name__} must define network")  # an abstract method

    def stream(self, net: NextSymbol, conditions: Tensor | None) -> Any:
        """Return a new sequence to be fed and drawn (see `mynah.layers.next_symbol.Stream`).

        Args:
            net: of `network`, in evaluation mode.
            conditions: (conditions,) to begin with.
        """
        raise NotImplementedError(f"{type(self).__name__} must define stream")  # an abstract method

    def receptive_field(self, net: NextSymbol) -> int | None:
        """Return how many samples before one can change its prediction; None is all."""
        return None

    def build(self, inputs: int, classes: int) -> NextSymbol:
        if self.representation_ != self.default_representation or inputs != 1:
            raise ValueError(f"{type(self).__name__} takes one channel of {self.default_representation}, nothing else")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"the precision is float32 or bfloat16, not {self.precision!r}")
        return self.network((classes if classes > 1 else 0) + len(CLOCKS))

    def examples(self, net: Any, frames: Frames, codes: np.ndarray) -> Sequence[np.ndarray]:
        return _Timed(frames, self._lead)

    @property
    def _lead(self) -> int:
        """Symbols that stand before the first sample."""
        front: Any = self._front_end
        return int(front.lead)

    def losses(self, net: NextSymbol, batch: Batch) -> Tensor:
        symbols = batch.frames[:, :, 0].long()
        nats = net.told(symbols, self._conditions(batch.target, batch.frames[:, 1:, 1]))
        number = torch.arange(1, symbols.shape[1], device=symbols.device)
        real = (number < batch.lengths[:, None]) & (symbols[:, 1:] != net.start)
        return (nats * real).sum(dim=1) / (math.log(2) * real.sum(dim=1).clamp(min=1))

    def _conditions(self, target: Tensor, place: Tensor) -> Tensor:
        """Return (..., time, conditions) for classes (..., class) and numbers of samples (..., time)."""
        held = (place.clamp(min=0) / HELD).floor() * (HELD / self._rate)
        clocks = torch.exp(-held[..., None] / torch.tensor(CLOCKS, device=place.device))
        if len(self.classes_) == 1:
            return clocks
        return torch.cat([target[..., None, :].expand(*place.shape, -1), clocks], dim=-1)

    def _of_class(self, code: int, place: Any) -> Tensor:
        """Return (time, conditions) of samples of such numbers (time,) of a sound of a class."""
        return self._conditions(torch.eye(len(self.classes_))[code], torch.as_tensor(place, dtype=torch.float32))

    def _prediction_errors(self, frames: Frames, codes: np.ndarray) -> np.ndarray:
        """Return the bits of whole clips, a chunk at a time, so that an hour fits into memory."""
        net = self.net_.eval()
        found = []
        for clip, code in zip(frames, codes.tolist(), strict=True):
            symbols = torch.from_numpy(np.array(clip[:, 0])).long()[None]
            state, nats = None, 0.0
            for at in range(0, symbols.shape[1] - 1, CHUNK):
                known = symbols[:, at : at + CHUNK + 1]
                conditions = self._of_class(code, np.arange(at + 1, at + known.shape[1]) - self._lead)
                logits, state = net(known[:, :-1], conditions[None], state)
                loss = torch.nn.functional.cross_entropy(
                    logits[0], known[0, 1:], ignore_index=net.start, reduction="sum"
                )
                nats += float(loss)
            found.append(nats / (math.log(2) * int((symbols != net.start).sum())))
        return np.array(found)

    def _sound(self, request: Request) -> Iterator[np.ndarray]:
        net = self.net_.eval()
        stream = self.stream(net, self._of_class(request.code, [0])[0])
        before: Any = np.full(self._lead, net.start)  # as in training
        if request.like is not None:
            before = np.concatenate([before, encode(torch.from_numpy(request.like)).numpy()])
        at = len(before) - self._lead  # samples that the sound has lasted
        sees = self.receptive_field(net)
        known = before if sees is None else before[-sees:]
        for first, last in _held(at - len(known), at):
            stream.condition(self._of_class(request.code, [first])[0])
            stream.feed(known[len(known) - at + first :][: last - first])
        while True:
            drawn = []
            for first, last in _held(at, at + BLOCK):
                stream.condition(self._of_class(request.code, [first])[0])
                drawn.append(stream.draw(request.draws.random(last - first), request.temperature))
            at += BLOCK
            yield decode(torch.from_numpy(np.concatenate(drawn))).numpy()


def _held(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Yield the pieces of the samples [first, last) in which the clocks stand still; before 0 they have not started."""
    while first < last:
        end = min(last, HELD if first < 0 else (first // HELD + 1) * HELD)
        yield first, end
        first = end


class _Timed(Sequence[np.ndarray]):
    """Symbols of clips, and beside each the number of its sample; those of the lead lie before 0."""

    def __init__(self, frames: Frames, lead: int) -> None:
        self.frames, self.lead = frames, lead

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: Any) -> Any:
        symbols = self.frames[number]
        return np.concatenate([symbols, np.arange(len(symbols), dtype=np.float32)[:, None] - self.lead], axis=1)
