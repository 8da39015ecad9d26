"""Networks that predict the next frame of a phase vocoder, as a distribution that can be drawn from.

Of every bin: a normal distribution of its level, and a von Mises distribution of how far its phase turns beside the
bin's centre, an angle. Both are relative to the frame before, so that a network of zeros expects the
sound to stay as it is. One more output is the probability that the sound has ended.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from mynah.layers.sequence_network import SequenceNetwork
from mynah.layers.standardise import Standardise

#: Level of a bin that is empty, in dB: that of `mynah.representations.PhaseVocoder`.
FLOOR_DB = -100.0
#: Least deviation of a level, as a share of the bin's deviation in training.
LEAST_SPREAD = 0.02
#: Concentrations exp(-4) (all angles alike) to exp(9) (within 0.01).
FOCUS = (-4.0, 9.0)
#: Running means of a bin: how much of each lasts to the next frame.
MEANS = (0.7, 0.95)
#: Logit of the last frame against the running means, before anything is learned; units of the function of a bin.
AS_IT_WAS, LOCAL = 2.0, 12
#: Logit of "it has ended" before anything is learned: sounds last for more than a frame.
GOING_ON = -4.0


class NextFrame(SequenceNetwork):
    """An affine layer, a sequence network, an affine layer; y is a `Forecast`, packed.

    Of every bin it also keeps running means, of the level and of the phase's turn as a point on the unit circle. What
    it expects is a weighted mean of the last frame and these, plus a change: a tone lasts, and noise returns to its
    mean. How the weights depend on a bin's own past is one small function for all bins, steered by the network.

    x (batch, time, 2 * bins + classes): frames of `PhaseVocoder`, and beside each what class the sound is of.
    state: (that of the body, running means).

    Args:
        body: the sequence network, of frames of `inputs` features.
        inputs: what the first layer makes of a frame.
        bins: of the phase vocoder.
        span_hz: see `PhaseVocoderModule`.
        classes: numbers beside a frame; one class needs none.
        noise: deviation of the noise on levels (in theirs) and angles (in radians) in training,
            so that the network has learned to go back to what it knows when its own frames are its input.
    """

    def __init__(
        self, body: SequenceNetwork, inputs: int, bins: int, span_hz: float, classes: int = 0, noise: float = 0.0
    ) -> None:
        super().__init__(width=4 * bins + 1)
        self.bins, self.classes, self.noise = bins, classes, noise
        self.radians = 2 * math.pi / span_hz
        self.standardise = Standardise(bins)
        self.enter = nn.Linear(3 * bins + classes, inputs)
        self.body = body
        self.leave = nn.Linear(body.width, 4 * bins + 1)
        pasts = 1 + len(MEANS)
        self.own, self.steer = nn.Linear(2 * pasts + 1, LOCAL), nn.Linear(body.width, LOCAL, bias=False)
        self.judge = nn.Linear(LOCAL, 2 * pasts + 4)
        with torch.no_grad():  # it begins with: as it was
            for layer in (self.leave, self.judge):
                layer.weight.mul_(0.1)
                layer.bias.zero_()
            self.leave.bias[-1] = GOING_ON
            self.judge.bias[[0, pasts]] = AS_IT_WAS

    def learn(self, frames: Iterable[Num[np.ndarray, "_time {2*self.bins}"]]) -> None:
        """Take the statistics of the levels of frames (time, 2 * bins)."""
        self.standardise.learn(frame[:, : self.bins] for frame in frames)

    def forward(
        self, x: Float[Tensor, "batch time {2*self.bins+self.classes}"], state: Any = None
    ) -> tuple[Float[Tensor, "batch time {self.width}"], Any]:
        before, means = (None, None) if state is None else state
        level, angle = self.features(x[..., : 2 * self.bins])
        if self.training and self.noise:
            level = level + self.noise * torch.randn_like(level)
            angle = angle + self.noise * torch.randn_like(angle)
        loud = (x[..., : self.bins] / -FLOOR_DB + 1).clamp(min=0.0)  # the angle of a bin that is empty says nothing
        points = torch.stack([level, torch.cos(angle), torch.sin(angle)], dim=3)
        pasts, means = running_means(points, means)  # (batch, time, bin, past, 3)
        known = torch.cat([level, *(loud * points[..., n] for n in (1, 2)), x[..., 2 * self.bins :]], dim=2)
        y, before = self.body(torch.tanh(self.enter(known)), before)

        change, spread, turn, focus, end = self.leave(y).split([self.bins] * 4 + [1], dim=2)
        steady = pasts[..., 1:].norm(dim=4)  # 1 where a bin turned evenly, near 0 in noise
        own = torch.cat([pasts[..., 0], steady, loud[..., None]], dim=3)
        judged = self.judge(torch.tanh(self.own(own) + self.steer(y)[:, :, None]))
        count = pasts.shape[3]
        of_level, of_turn, rest = judged.split([count, count, 4], dim=3)
        level = (torch.softmax(of_level, dim=3) * pasts[..., 0]).sum(dim=3) + change + rest[..., 0]
        point = (torch.softmax(of_turn, dim=3)[..., None] * pasts[..., 1:]).sum(dim=3)
        angle = torch.atan2(point[..., 1], point[..., 0] + 1e-6) + turn + rest[..., 1]
        packed = torch.cat([level, spread + rest[..., 2], angle, focus + 4 * rest[..., 3], end], dim=2)
        return packed, (before, means)

    def features(
        self, frames: Float[Tensor, "batch time {2*self.bins}"]
    ) -> tuple[Float[Tensor, "batch time {self.bins}"], Float[Tensor, "batch time {self.bins}"]]:
        """Return standardised levels and angles of (batch, time, 2 * bins)."""
        level, beside = frames.chunk(2, dim=2)
        return self.standardise(level, None), beside * self.radians

    def frames(
        self, level: Float[Tensor, "batch time {self.bins}"], angle: Float[Tensor, "batch time {self.bins}"]
    ) -> Float[Tensor, "batch time {2*self.bins}"]:
        """Return the frames of such levels and angles."""
        angle = torch.remainder(angle + math.pi, 2 * math.pi) - math.pi
        back = level * self.standardise.scale + self.standardise.mean
        return torch.cat([back.clamp(min=FLOOR_DB, max=0.0), angle / self.radians], dim=2)

    def silence(self, like: Float[Tensor, "batch time ..."]) -> Float[Tensor, "batch 1 {2*self.bins}"]:
        """Return the frame before a sound begins, (batch, 1, 2 * bins), for a sound of frames (batch, time, ...)."""
        empty = like.new_zeros(len(like), 1, 2 * self.bins)
        empty[..., : self.bins] = FLOOR_DB
        return empty


def running_means(
    points: Float[Tensor, "batch time bin 3"], before: Float[Tensor, "batch bin means 3"] | None
) -> tuple[Float[Tensor, "batch time bin pasts 3"], Float[Tensor, "batch bin means 3"]]:
    """Return each point (batch, time, bin, 3) and its running means, (batch, time, bin, 1 + means, 3), and the last.

    Args:
        before: (batch, bin, means, 3) where an earlier piece ended; None starts with the first point.
    """
    lasting = points.new_tensor(MEANS)[:, None]
    mean = points[:, 0, :, None].expand(-1, -1, len(MEANS), -1) if before is None else before
    found = []
    for point in points.unbind(dim=1):
        mean = torch.lerp(point[:, :, None], mean, lasting)
        found.append(torch.cat([point[:, :, None], mean], dim=2))
    return torch.stack(found, dim=1), mean


@dataclass(frozen=True)
class Forecast:
    """What a `NextFrame` expects, each (batch, time, bin) but `end`, (batch, time): the logit of "it has ended"."""

    level: Float[Tensor, "batch time bin"]
    spread: Float[Tensor, "batch time bin"]
    angle: Float[Tensor, "batch time bin"]
    focus: Float[Tensor, "batch time bin"]
    end: Float[Tensor, "batch time"]

    @classmethod
    def of(cls, y: Float[Tensor, "batch time outputs"]) -> Forecast:
        """Unpack the outputs of a `NextFrame`."""
        level, spread, angle, focus = y[..., :-1].chunk(4, dim=2)
        return cls(level, LEAST_SPREAD + nn.functional.softplus(spread), angle, focus.clamp(*FOCUS).exp(), y[..., -1])

    def losses(
        self, level: Float[Tensor, "batch time bin"], angle: Float[Tensor, "batch time bin"]
    ) -> tuple[Float[Tensor, "batch time bin"], Float[Tensor, "batch time bin"]]:
        """Return minus the log-densities of standardised levels and of angles (batch, time, bin), in nats."""
        away = (level - self.level) / self.spread
        of_level = 0.5 * away.square() + self.spread.log() + 0.5 * math.log(2 * math.pi)
        # log I0(k) = k + log i0e(k)
        of_angle = self.focus * (1 - torch.cos(angle - self.angle)) + torch.special.i0e(self.focus).log()
        return of_level, of_angle + math.log(2 * math.pi)

    def draw(
        self, temperature: float, rng: np.random.Generator
    ) -> tuple[Float[Tensor, "batch time bin"], Float[Tensor, "batch time bin"]]:
        """Return levels and angles, drawn with `temperature` times the deviation; 0 gives the most probable."""
        if temperature == 0:
            return self.level, self.angle
        noise = torch.from_numpy(rng.standard_normal(self.level.shape, dtype=np.float32))
        turned = rng.vonmises(0.0, (self.focus / temperature**2).double().numpy())
        return self.level + temperature * self.spread * noise, self.angle + torch.from_numpy(turned).float()


def continued(
    net: NextFrame,
    known: Float[Tensor, "time {2*net.bins}"],
    label: Float[Tensor, " class"],
    temperature: float,
    rng: np.random.Generator,
) -> Iterator[Float[Tensor, "1 {2*net.bins}"]]:
    """Yield frames (1, 2 * bins) that go on from those known, each fed back, until the network says it has ended.

    Args:
        net: in evaluation mode.
        known: (time, 2 * bins); may be of no frames.
        label: (class,) what stands beside each frame.
        temperature: see `Forecast.draw`; at 0 a sound ends when it is as probable as not that it has.
        rng: draws everything.
    """
    frame = torch.cat([net.silence(known[None]), known[None]], dim=1)
    state, lasting = None, 1.0
    while True:
        beside = label.expand(1, frame.shape[1], -1)
        with torch.no_grad():
            y, state = net(torch.cat([frame, beside], dim=2), state)
        forecast = Forecast.of(y[:, -1:])
        ends = float(torch.sigmoid(forecast.end))
        lasting *= 1 - ends
        if rng.random() < ends if temperature else lasting < 0.5:
            return
        frame = net.frames(*forecast.draw(temperature, rng))
        yield frame[0]
