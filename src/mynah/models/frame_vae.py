"""A variational autoencoder of whole sounds, decoded into partials and noise: few clips, and sounds between them.

After Bowman et al. 2016 (arXiv:1511.06349, a recurrent decoder told of one vector a sequence), RAVE (Caillon & Esling
2021, arXiv:2111.05011, variational autoencoders of audio) and DDSP (Engel et al. 2020, arXiv:2001.04643, partials and
filtered noise). With x a sound's phase-vocoder frames, c its class:

    q(z | x) = N(m(x), s(x))                    two layers over the frames, means over time
    p(x_t | z, c): level N(a_t, b_t), turn of the phase von Mises(d_t, k_t), or "it has ended"
                                                from h_t = GRU(h_{t-1}; z, c), and not from what was made before
    loss: - log p(x | z, c) / values + PRESSURE KL(q(z | x) || N(0, 1)) / dimensions

Nothing that was made is fed back, so errors do not add up. After training, z of a class is normal with the mean and
covariance of its clips' m(x) (Ghosh et al. 2020, arXiv:1903.12436, a density after the fact). A sound is

    X_t = 10^(a'_t / 20) (A_t exp(i phase_t) + sqrt(1 - A_t^2) W_t),      A_t^2 = I1(k_t) / I0(k_t)

where the phase sums d_t, locked to the nearest peak, and W_t are the spectra of one stream of white noise: a bin whose
phase can be foretold is a partial, any other is noise; a' is the level of the mean power. (Where a partial of share A
of the amplitude stands in noise, each phase agrees with the partial's by A in the mean, the difference of two frames'
by A^2, and that is what a turn tells.) Bins weigh in the loss as bands of hearing do: else half of it were above 5 kHz,
and the body of a drum a hundredth.

All of this happens at one pitch for each class (`mynah.representations.congealing`): how many octaves a sound lies
above the low ones of its class is drawn together with z, and what was decoded is moved up by so much. So is how long it
lasts at most, since few clips teach little of ends.

Departures from these papers: small enough for minutes on a processor; no adversary (RAVE); relative pitch is found by
congealing rather than by a network that knows notes (DDSP); the weight of the divergence is a constant.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from mynah.contracts.generator import NetGenerator, Request
from mynah.ground.randomness import generator
from mynah.layers.masks import mean_and_max, time_mask
from mynah.layers.next_frame import Forecast
from mynah.layers.standardise import Standardise
from mynah.representations import Frames, PhaseVocoder, Representation
from mynah.representations import congealing as tuning
from mynah.representations.phase_vocoder import FLOOR_DB, PhaseVocoderModule
from mynah.representations.stft import OverlapAdd
from mynah.training import Batch, Training

CARD = {
    "name": "frame_vae",
    "title": "Variational autoencoder of sounds, decoded into partials and noise",
    "year": 2021,
    "authors": "after S. Bowman and others, A. Caillon and P. Esling, J. Engel and others",
    "reference": "arXiv:1511.06349, arXiv:2111.05011, arXiv:2001.04643",
    "tasks": ("generate",),
    "reading": (),
    "superseded_by": (),
    "aliases": ("vae",),
    "estimator": "FrameVAE",
    "cost": "gradient",
}
#: Weight of the divergence of a dimension against the loss of a value.
PRESSURE = 0.3
#: Share of the bins that the encoder is not given of a sound in training, and of the units after them.
DEAF = 0.3
#: Frames decoded at a time when a sound is made.
BLOCK = 50
#: Phases that a sound begins with, in turns: sines, so that it does not begin with a click.
BEGIN = -0.25
#: The level of the mean power of a bin lies above its mean level, but by no more than this many dB.
MOST_ABOVE_DB = 8.0
#: Bins weigh like bands of hearing: those at f Hz by 1 / (f + this).
EAR_HZ = 150.0
#: The sounds of a class are moved to the pitch that this share of them lies below: moved down, they lose nothing but
#: detail, and moved up, all above half the rate.
LOW = 0.1
#: Frames after which the decoder's clocks have run down to 1 / e.
CLOCKS = (1.5, 4.0, 10.0, 25.0, 60.0, 150.0)


class SoundVAE(nn.Module):
    """Encoder of whole sounds and recurrent decoder.

    Args:
        bins, span_hz: of the phase vocoder.
        classes: at least 1.
        hidden: units of each layer.
        latent: numbers that describe a sound.
        rate: Hz.

    Attributes:
        weight: (bin,) how much it counts, one in the mean.
        outline: (class, step) see `mynah.representations.congealing`, of the low sounds of a class.
        lowest, highest: (class,) octaves that the clips of a class lie above these.
        centre: (class, latent + 2) mean of the clips of a class: what describes them, their octaves, and the logarithm
            of their frames.
        factor: (class, latent + 2, latent + 2) square root of their covariance.
    """

    centre: Tensor
    factor: Tensor
    weight: Tensor
    outline: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self, bins: int, span_hz: float, classes: int, hidden: int, latent: int, rate: int) -> None:
        super().__init__()
        self.bins, self.latent, self.radians = bins, latent, 2 * math.pi / span_hz
        bin_hz = rate / (2 * bins - 2)
        self.mover = tuning.Mover(bins, span_hz, bin_hz)
        self.standardise = Standardise(bins)
        self.listen = nn.Sequential(nn.Linear(bins, hidden), nn.ReLU(), nn.Conv1d(hidden, hidden, 5, padding=2))
        self.describe = nn.Linear(2 * hidden, 2 * latent)
        self.begin = nn.Linear(latent + 2 + classes, hidden)
        self.decoder = nn.GRU(latent + 2 + classes + len(CLOCKS), hidden, batch_first=True)
        self.leave = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 4 * bins + 1))
        weight = 1 / (torch.arange(bins) * bin_hz + EAR_HZ)
        self.register_buffer("weight", weight / weight.mean(), persistent=False)
        self.register_buffer("outline", torch.zeros(classes, tuning.steps(bins, bin_hz), dtype=torch.float64))
        self.register_buffer("lowest", torch.zeros(classes))
        self.register_buffer("highest", torch.zeros(classes))
        self.register_buffer("centre", torch.zeros(classes, latent + 2))
        self.register_buffer("factor", torch.eye(latent + 2).repeat(classes, 1, 1))

    def learn_pitch(self, frames: Frames, codes: np.ndarray) -> None:
        """Find the outline of each class, and between which octaves above it its clips lie."""
        for code in range(len(self.outline)):
            of_class = frames.take(np.flatnonzero(codes == code))
            if len(of_class):
                outlines = np.stack([self._outline(torch.from_numpy(np.array(clip))) for clip in of_class])
                mean = tuning.congeal(outlines)
                above = tuning.octaves_above(outlines, mean)
                low = float(np.quantile(above, LOW))
                self.outline[code] = torch.from_numpy(tuning.moved(mean, round(low * tuning.STEPS)))
                self.lowest[code], self.highest[code] = above.min() - low, above.max() - low

    def _outline(self, frames: Tensor) -> np.ndarray:
        return tuning.outline(frames[:, : self.bins].numpy(), self.mover.bin_hz)

    def octaves(self, frames: Tensor, code: int) -> float:
        """Return how far frames (time, 2 * bins) lie above the low sounds of a class."""
        return float(tuning.octaves_above(self._outline(frames)[None], self.outline[code].cpu().numpy())[0])

    def cells(self, frames: Tensor, code: int, octaves: float | None = None) -> Tensor:
        """Return frames (time, 2 * bins) at the pitch of their class; beside each the octaves and the log of all."""
        above = self.octaves(frames, code) if octaves is None else octaves
        beside = torch.tensor([above, math.log(len(frames))]).float().expand(len(frames), -1)
        return torch.cat([self.mover.down(frames, above), beside], dim=1)

    def encode(self, frames: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the deviation of z, each (batch, latent)."""
        x = self.standardise(frames[..., : self.bins], lengths)
        x = x * nn.functional.dropout(torch.ones_like(x[:, :1]), DEAF, self.training)
        x = torch.relu(self.listen[1](self.listen[0](x)))
        x = nn.functional.dropout(x, DEAF, self.training)
        x = torch.relu(self.listen[2](x.transpose(1, 2))).transpose(1, 2)
        mean, deviation = self.describe(mean_and_max(x, lengths)).chunk(2, dim=1)
        return mean, deviation.clamp(-6.0, 2.0)

    def decode(self, z: Tensor, label: Tensor, time: int, state: Any = None) -> tuple[Tensor, Any]:
        """Return the packed `Forecast` of `time` frames, and the state to go on from: of the GRU, and the time.

        z (batch, latent + 2): what describes a sound, the octaves it lies above the low ones of its class, and the
        logarithm of its frames.
        """
        told = torch.cat([z, label], dim=1)
        before, begin = (torch.tanh(self.begin(told))[None], 0) if state is None else state
        number = torch.arange(begin, begin + time, device=z.device)[:, None]
        clocks = torch.exp(-number / torch.tensor(CLOCKS, device=z.device))
        given = torch.cat([told[:, None].expand(-1, time, -1), clocks.expand(len(z), -1, -1)], dim=2)
        h, before = self.decoder(given, before)
        return self.leave(h), (before, begin + time)


class FrameVAE(NetGenerator):
    """Sounds decoded from a vector that is drawn for the class; classes are inputs of the decoder.

    Args:
        hidden: units of each layer.
        latent: numbers that describe a sound.
        training, representation, rate, random_state: see `NetModel`; the representation is a `PhaseVocoder`.
    """

    unit: ClassVar[str] = "nats a bin, weighed by the ear"
    ends_itself: ClassVar[bool] = True
    default_representation: ClassVar[Representation] = PhaseVocoder(0.046, 0.0115)
    default_training: ClassVar[Training] = Training(
        budget="600steps", most_epochs=1000, batch=16, learning_rate=4e-3, weight_decay=0.0, augment=False
    )

    def __init__(
        self,
        hidden: int = 192,
        latent: int = 10,
        training: Training | None = None,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(training, representation, rate, random_state)
        self.hidden = hidden
        self.latent = latent

    def build(self, inputs: int, classes: int) -> nn.Module:
        if not isinstance(self.representation_, PhaseVocoder):
            raise ValueError(f"{type(self).__name__} takes frames of a phase vocoder, not {self.representation_}")
        span_hz = self.representation_.span_hz(self._rate)
        return SoundVAE(inputs // 2, span_hz, classes, self.hidden, self.latent, self._rate)

    def prepare(self, net: Any, frames: Frames, codes: np.ndarray) -> None:
        net.learn_pitch(frames, codes)
        net.standardise.learn(cells[:, : net.bins] for cells in self.examples(net, frames, codes))

    def examples(self, net: Any, frames: Frames, codes: np.ndarray) -> Sequence[np.ndarray]:
        return _AtOnePitch(net, frames, codes)

    def losses(self, net: Any, batch: Batch) -> Tensor:
        mean, deviation = net.encode(batch.frames, batch.lengths)
        z = mean + deviation.exp() * torch.randn_like(mean) if net.training else mean
        divergence = (0.5 * (mean.square() + (2 * deviation).exp() - 1) - deviation).mean(dim=1)
        told = batch.frames[:, 0, 2 * net.bins :]
        packed, _ = net.decode(torch.cat([z, told], dim=1), batch.target, batch.frames.shape[1] + 1)
        return _losses(net, Forecast.of(packed), batch) + PRESSURE * divergence

    @property
    def _longest(self) -> int:
        """Frames of the longest excerpt."""
        front: Any = self._front_end
        return front.frame_count(max(1, round(self.settings.crop_seconds * self._rate)))

    def finish(self, frames: Frames, codes: np.ndarray) -> None:
        net = self.net_.eval()
        with torch.no_grad():
            z = torch.cat([self._described(cells) for cells in self.examples(net, frames, codes)]).double()
            for code in range(len(self.classes_)):
                of_class = z[torch.from_numpy(codes == code)]
                away = of_class - of_class.mean(dim=0)
                net.centre[code] = of_class.mean(dim=0)
                values, vectors = torch.linalg.eigh(away.T @ away / max(1, len(away) - 1))
                net.factor[code] = vectors * values.clamp(min=0.0).sqrt()

    def _described(self, cells: np.ndarray) -> Tensor:
        """Return z (1, latent + 2) of the network's input for a sound."""
        known = torch.from_numpy(cells[: self._longest])[None]
        return torch.cat([self.net_.encode(known, None)[0], known[:, 0, 2 * self.net_.bins :]], dim=1)

    def _sound(self, request: Request) -> Iterator[np.ndarray]:
        front: Any = self._front_end
        net, draws = self.net_.eval(), request.draws
        label = torch.eye(len(self.classes_))[request.code][None]
        drawn = torch.from_numpy(draws.standard_normal(self.latent + 2)).float()
        z = net.centre[request.code] + request.temperature * net.factor[request.code] @ drawn
        z[-2] = z[-2].clamp(net.lowest[request.code], net.highest[request.code])
        shortest, longest = (math.log(front.frame_count(int(self.lengths_[request.code, end]))) for end in (0, -1))
        z[-1] = z[-1].clamp(shortest, longest)
        left = round(math.exp(z[-1]))
        skipped, state = 0, None
        if request.like is not None:
            known = front(torch.from_numpy(request.like)[None, None])
            z = self._described(net.cells(known[0], request.code).numpy())[0]
            skipped = known.shape[1]
            z[-1] = math.log(skipped + left)
        for _ in range(skipped):  # what is like it has gone so far
            _, state = net.decode(z[None], label, 1, state)
        noise = draws if request.temperature else generator("noise of the most probable sound")
        voice = _Voice(front, noise)
        while True:
            packed, state = net.decode(z[None], label, BLOCK, state)
            forecast = Forecast.of(packed)
            ended = int((forecast.end[0] <= 0).int().cumprod(dim=0).sum())
            if request.ends:
                ended, left = min(ended, left), left - BLOCK
            level = forecast.level[0] * net.standardise.scale + net.standardise.mean
            if ended:
                beside = forecast.angle[0] / net.radians
                more = (forecast.spread[0] * net.standardise.scale).square() * math.log(10) / 20
                loud = level + more.clamp(max=MOST_ABOVE_DB)  # mean power of a level that is normal in dB
                cells = (part[:ended] for part in (loud, beside, forecast.focus[0]))
                yield voice.push(*net.mover.up(*cells, float(z[-2]))).numpy()
            if ended < BLOCK:
                break
        yield voice.overlap.end().numpy()


def _losses(net: Any, forecast: Forecast, batch: Batch) -> Tensor:
    """Return the (batch,) mean loss in nats a bin, as they weigh, the end included where a sound was not cut."""
    level = net.standardise(batch.frames[..., : net.bins], None)
    angle = batch.frames[..., net.bins : 2 * net.bins] * net.radians
    weight = net.weight * net.mover.heard(batch.frames[:, 0, -2])
    weight = (weight / weight.mean(dim=1, keepdim=True))[:, None]
    count = batch.frames.shape[1]
    first = Forecast(*(getattr(forecast, name)[:, :count] for name in ("level", "spread", "angle", "focus", "end")))
    of_level, of_angle = first.losses(level, angle)
    each = ((of_level + net.standardise.scale.log() + of_angle) * weight).mean(dim=2)
    mask = time_mask(batch.lengths, count)
    total = ((each + nn.functional.softplus(first.end) / net.bins) * mask).sum(dim=1)
    last = forecast.end.gather(1, batch.lengths[:, None])[:, 0]
    total = total + batch.ended * nn.functional.softplus(-last) / net.bins
    return total / batch.lengths.clamp(min=1)


class _AtOnePitch(Sequence[np.ndarray]):
    """The network's input for clips, see `SoundVAE.cells`."""

    def __init__(self, net: SoundVAE, frames: Frames, codes: np.ndarray) -> None:
        self.net, self.frames, self.codes = net, frames, codes
        self.octaves: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, number: Any) -> Any:
        clip = torch.from_numpy(np.array(self.frames[number]))
        code = int(self.codes[number])
        if number not in self.octaves:
            self.octaves[number] = self.net.octaves(clip, code)
        return self.net.cells(clip, code, self.octaves[number]).numpy()


class _Voice:
    """Levels, frequencies and how far they can be foretold, to partials and noise, piece by piece."""

    def __init__(self, module: PhaseVocoderModule, noise: np.random.Generator) -> None:
        self.module, self.noise = module, noise
        self.turns = torch.full((module.bins,), BEGIN, dtype=torch.float64)
        self.overlap = OverlapAdd(module.stft)
        self.begun = False
        size = module.stft.size
        self.white = torch.from_numpy(noise.standard_normal(size - module.hop))
        self.white_scale = float(module.stft.window.square().sum()) ** 0.5

    def push(self, level: Tensor, beside: Tensor, focus: Tensor) -> Tensor:
        """Return the samples (time,) that frames of level in dB, Hz beside the centre and focus complete."""
        stft, hop = self.module.stft, self.module.hop
        coherent = (torch.special.i1e(focus) / torch.special.i0e(focus)).double().sqrt()
        if not self.begun:
            beside = beside.clone()
            beside[0] = -self.module.centres * self.module.span_hz  # the phases it begins with, not a frequency
            coherent[0] = coherent[min(1, len(coherent) - 1)]
            self.begun = True
        level = level.clamp(min=FLOOR_DB, max=0.0)
        tone, self.turns = self.module.locked(torch.cat([level, beside], dim=1), self.turns)
        fresh = torch.from_numpy(self.noise.standard_normal(len(level) * hop))
        self.white = torch.cat([self.white, fresh])
        pieces = self.white.unfold(0, stft.size, hop)
        self.white = self.white[len(level) * hop :]
        spectra = torch.fft.rfft(pieces * stft.window) / self.white_scale
        power = self.module.full_scale * 10 ** (level.double() / 20)
        rest = (1 - coherent.square()).clamp(min=0.0).sqrt()
        return self.overlap.push(coherent * tone + rest * power * spectra)
