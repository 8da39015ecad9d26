"""Generators that predict the next frame of a phase vocoder: what GRUV and Glover's network share.

A family writes `body`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mynah.contracts.generator import NetGenerator, Request
from mynah.layers.masks import time_mask
from mynah.layers.next_frame import Forecast, NextFrame, continued
from mynah.layers.sequence_network import SequenceNetwork
from mynah.representations import Frames, PhaseVocoder, Representation
from mynah.representations.phase_vocoder import Resynthesis
from mynah.training import Batch, Training

#: Noise on the network's input in training, see `NextFrame`.
NOISE = 0.2


class SpectralGenerator(NetGenerator):
    """Sounds made frame after frame by a `NextFrame`.

    Args:
        hidden, layers: units a layer of the recurrent network, layers.
        training, representation, rate, random_state: see `NetModel`; the representation is a `PhaseVocoder`.

    Attributes:
        conditioned: whether the class of a sound is an input of the network.
    """

    unit: ClassVar[str] = "nats a bin of level and frequency"
    default_representation: ClassVar[Representation] = PhaseVocoder()
    default_training: ClassVar[Training] = Training(
        most_epochs=1000, batch=8, learning_rate=5e-3, weight_decay=0.0, clip_norm=1.0, average=0.95, augment=False
    )
    conditioned: ClassVar[bool] = False
    ends_itself: ClassVar[bool] = True

    def __init__(
        self,
        hidden: int = 128,
        layers: int = 1,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.hidden = hidden
        self.layers = layers

    def body(self, inputs: int) -> SequenceNetwork:
        """Return the recurrent network over `inputs` features."""
        raise NotImplementedError(f"{type(self).__name__} must define body")  # an abstract method

    def build(self, inputs: int, classes: int) -> nn.Module:
        if not isinstance(self.representation_, PhaseVocoder):
            raise ValueError(f"{type(self).__name__} takes frames of a phase vocoder, not {self.representation_}")
        labels, span_hz = classes if self.conditioned else 0, self.representation_.span_hz(self._rate)
        return NextFrame(self.body(self.hidden), self.hidden, inputs // 2, span_hz, labels, NOISE)

    def prepare(self, net: Any, frames: Frames, codes: np.ndarray) -> None:
        net.learn(frames)

    def losses(self, net: Any, batch: Batch) -> Tensor:
        return losses(net, batch)

    def _sound(self, request: Request) -> Iterator[np.ndarray]:
        front: Any = self._front_end
        net, sound = self.net_.eval(), Resynthesis(front, locked=True)
        known = torch.zeros(0, 2 * front.bins)
        if request.like is not None:
            known = front(torch.from_numpy(request.like)[None, None])[0]
            sound.turns = front.spectrum(known)[1]
        label = torch.eye(len(self.classes_))[request.code, : net.classes]
        for frame in continued(net, known, label, request.temperature, request.draws):
            yield sound.push(frame).numpy()
        yield sound.end().numpy()


def sequence(net: NextFrame, batch: Batch) -> Tensor:
    """Return x of a batch of sounds: silence and then their frames, beside each the class, (batch, time + 1, ...)."""
    known = torch.cat([net.silence(batch.frames), batch.frames], dim=1)
    label = batch.target[:, None, : net.classes].expand(-1, known.shape[1], -1)
    return torch.cat([known, label], dim=2)


def losses(net: NextFrame, batch: Batch) -> Tensor:
    """Return the mean loss of each sound of a batch, in nats a bin of level and frequency.

    The end of a sound that was not cut is included.

    Args:
        batch: frames of sounds, and (batch, class) labels.
    """
    forecast = Forecast.of(net(sequence(net, batch))[0])
    level, angle = net.features(batch.frames)
    mask = time_mask(batch.lengths, batch.frames.shape[1])
    first = Forecast(*(getattr(forecast, name)[:, :-1] for name in ("level", "spread", "angle", "focus", "end")))
    of_level, of_angle = first.losses(level, angle)
    each = (of_level + net.standardise.scale.log() + of_angle).mean(dim=2)
    going = nn.functional.softplus(first.end)  # minus the logarithm of "it has not ended"
    total = ((each + going / net.bins) * mask).sum(dim=1)
    last = forecast.end.gather(1, batch.lengths[:, None])[:, 0]
    total = total + batch.ended * nn.functional.softplus(-last) / net.bins
    return total / batch.lengths.clamp(min=1)
