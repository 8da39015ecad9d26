"""Notes of the built-in synthesiser: foretell the next frame, and go on with a note from its beginning.

Four kinds of note at random pitches from 110 to 440 Hz, with vibrato, decay, room and noise, as frames of a phase
vocoder. A network learns on some and is tested on others: by its error one frame ahead, and by the pitch of the second
of sound that it makes after half a second of a real note, measured on the wave by an algorithm that knows no frames.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import islice

import numpy as np
import torch

from mynah.contracts.spectral import losses, sequence
from mynah.data.synthesiser import PITCH_HZ, render
from mynah.ground.randomness import generator
from mynah.layers.masks import time_mask
from mynah.layers.next_frame import Forecast, NextFrame, continued
from mynah.papers.problems.descent import PLAIN, descend
from mynah.representations import PhaseVocoder
from mynah.representations.phase_vocoder import Resynthesis
from mynah.training import Batch, pad

RATE, SECONDS = 8000, 1.6
KINDS = ("bowed_string", "brass", "flute", "plucked_string")
#: Notes of each kind that are learned, and that are tested on.
LEARNED, TESTED = 60, 8
#: What of a note is heard before the network goes on, and for how long it does, in seconds.
HEARD_SECONDS, MADE_SECONDS = 0.5, 1.0
TRAINING = replace(PLAIN, batch=4, learning_rate=5e-3, schedule="cosine", warmup_steps=20)
MODULE = PhaseVocoder().build(RATE)


@cache
def notes(part: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return waves (time,), the pitch of each in Hz and the number of its kind, of the part "train" or "test"."""
    waves, pitches, kinds = [], [], []
    for number in range(len(KINDS) * (LEARNED if part == "train" else TESTED)):
        rng = generator("notes", part, number)
        pitches.append(2 ** rng.uniform(*np.log2(PITCH_HZ)))
        kinds.append(number % len(KINDS))
        waves.append(render(KINDS[kinds[-1]], rate=RATE, rng=rng, seconds=SECONDS, f0=pitches[-1])[0])
    return waves, np.array(pitches), np.array(kinds)


@cache
def sounds(part: str) -> Batch:
    """Return the frames of the notes of a part, and (note, kind) what each is."""
    waves, _, kinds = notes(part)
    with torch.no_grad():
        frames = [MODULE(torch.from_numpy(wave)[None, None])[0].numpy() for wave in waves]
    return Batch(*pad(frames), torch.eye(len(KINDS))[torch.from_numpy(kinds)])


def draw(rng: np.random.Generator, size: int) -> Batch:
    """Return notes of the training part."""
    rows, train = torch.from_numpy(rng.choice(len(KINDS) * LEARNED, size, replace=False)), sounds("train")
    return Batch(train.frames[rows], train.lengths[rows], train.target[rows])


def loss(net: NextFrame, batch: Batch) -> torch.Tensor:
    """Return the mean surprise in nats a bin."""
    return losses(net, batch).mean()


@torch.no_grad()
def error(net: NextFrame | None) -> float:
    """Return the error one frame ahead on test notes: the energy of the spectrum's error, as a share of all energy.

    The spectrum that is foretold has the foretold levels, and the phases of the frame before turned as foretold.

    Args:
        net: the network; None expects every frame to be like the one before.
    """
    batch = sounds("test")
    true, told = batch.frames[:, 1:], batch.frames[:, :-1]
    if net is not None:
        forecast = Forecast.of(net.eval()(sequence(net, batch))[0])
        told = net.frames(forecast.level, forecast.angle)[:, 1:-1]
    size, turned = (10 ** (part[..., : MODULE.bins] / 20) for part in (true, told)), true - told
    wanted, got = (part * time_mask(batch.lengths - 1, true.shape[1])[:, :, None] for part in size)
    angle = turned[..., MODULE.bins :] * 2 * torch.pi / MODULE.span_hz
    lost = wanted.square() + got.square() - 2 * wanted * got * torch.cos(angle)
    return float((lost.sum(dim=(1, 2)) / wanted.square().sum(dim=(1, 2))).mean())


def go_on(net: NextFrame, note: int, temperature: float, seed: int) -> np.ndarray:
    """Return the wave (time,) that a network makes after half a second of a test note."""
    batch, net = sounds("test"), net.eval()
    heard = batch.frames[note, : round(HEARD_SECONDS * RATE / MODULE.hop)]
    label = batch.target[note, : net.classes]
    made = islice(
        continued(net, heard, label, temperature, generator(seed, "go on", note)),
        round(MADE_SECONDS * RATE / MODULE.hop),
    )
    sound = Resynthesis(MODULE, locked=True)
    _, sound.turns = MODULE.spectrum(heard)
    pieces = [sound.push(frame) for frame in made]
    return torch.cat([*pieces, sound.end()]).numpy() if pieces else np.zeros(0, np.float32)


def pitch_hz(wave: np.ndarray, rate: int, low: float = 80.0, high: float = 900.0) -> float:
    """Return the pitch of a short wave by YIN (de Cheveigne & Kawahara 2002); nan where it has none.

    The first dip below 0.2 of the normalised difference function (eq. 8), refined by a parabola.
    """
    longest, window = int(rate / low) + 2, len(wave) - int(rate / low) - 2
    x = wave.astype(np.float64)
    difference = np.array([np.sum((x[:window] - x[lag : lag + window]) ** 2) for lag in range(longest)])
    mean = np.cumsum(difference) / np.maximum(np.arange(longest), 1)
    normal = np.divide(difference, mean, out=np.ones(longest), where=mean > 1e-12)
    lags = np.arange(max(2, int(rate / high)), longest - 1)
    dips = lags[(normal[lags] < 0.2) & (normal[lags] <= normal[lags - 1]) & (normal[lags] < normal[lags + 1])]
    if not len(dips):
        return float("nan")
    before, at, after = difference[dips[0] - 1 : dips[0] + 2]
    return float(rate / (dips[0] + 0.5 * (before - after) / (before - 2 * at + after)))


#: Waves are measured in pieces of this length, half of it apart.
PIECE_SECONDS = 0.1


def cents_off(wave: np.ndarray, hertz: float, real: np.ndarray) -> float:
    """Return how far the pitch of a wave strays from `hertz` at most, in cents; infinite where it has none.

    Args:
        real: the note that it goes on with, as it really goes on: pieces in which this has no pitch any more, having
            decayed, are left out.
    """
    size = round(PIECE_SECONDS * RATE)
    pieces = range(0, min(len(wave), len(real)) - size + 1, size // 2)
    starts = [start for start in pieces if not np.isnan(pitch_hz(real[start : start + size], RATE))]
    found = np.array([pitch_hz(wave[start : start + size], RATE) for start in starts])
    if not len(found) or np.isnan(found).any():
        return float("inf")
    return float(np.abs(1200 * np.log2(found / hertz)).max())


def strays(net: NextFrame, seed: int, temperature: float = 0.0) -> np.ndarray:
    """Return `cents_off` of what a network makes after the beginning of each test note."""
    waves, pitches, _ = notes("test")
    begin = round(HEARD_SECONDS * RATE / MODULE.hop) * MODULE.hop
    made = (go_on(net, note, temperature, seed) for note in range(len(waves)))
    return np.array([cents_off(m, p, w[begin:]) for m, p, w in zip(made, pitches, waves, strict=True)])


#: Steps of training.
STEPS = 240


def learn(net: NextFrame, seed: int) -> dict[str, float]:
    """Train a network, and test it.

    Returns:
        "error" one frame ahead and the "gain" over a frame like the last; of what it makes of new notes at temperature
        0, the median of "cents" off and the share "kept" within 20 cents; and the "surprise" of new notes in nats a
        bin.
    """
    net.learn(sounds("train").frames.flatten(0, 1).numpy()[None])
    for _ in descend(net, loss, draw, steps=STEPS, seed=seed, training=TRAINING):
        pass
    net.eval()
    off, reached = strays(net, seed), error(net)
    with torch.no_grad():
        surprise = float(loss(net, sounds("test")))
    return {
        "error": reached,
        "gain": reached / error(None),
        "cents": float(np.median(np.minimum(off, 1200.0))),
        "kept": float(np.mean(off <= WITHIN_CENTS)),
        "surprise": surprise,
    }


#: What counts as the same pitch.
WITHIN_CENTS = 20.0


def resynthesis(seed: int) -> float:
    """Return the least SNR in dB of a second of stationary notes made from the frequencies of one frame each.

    Ten notes of up to 15 harmonics at random pitches, at 8, 22.05 and 44.1 kHz. The phases at that frame are given;
    from there on the frame is repeated, so that an error of 0.01 Hz in a frequency is too much.
    """
    rng, least = generator("resynthesis", seed), float("inf")
    for number in range(10):
        rate = (8000, 22_050, 44_100)[number % 3]
        f0, time = 2 ** rng.uniform(*np.log2(PITCH_HZ)), np.arange(int(1.5 * rate)) / rate
        harmonics = np.arange(1, min(15, int(0.48 * rate / f0)) + 1)[:, None]
        partials = np.sin(2 * np.pi * harmonics * f0 * time + rng.uniform(0, 2 * np.pi, harmonics.shape))
        wave = 0.2 * (0.74**harmonics * partials).sum(axis=0)
        module, at = PhaseVocoder().build(rate), 20
        frames = module(torch.from_numpy(wave.astype(np.float32))[None, None])[0]
        sound = Resynthesis(module, locked=False)
        _, sound.turns = module.spectrum(frames[:at])
        made = torch.cat([sound.push(frames[at, None].expand(102, -1)), sound.end()]).numpy()
        wanted = wave[at * module.hop :][: len(made)]
        least = min(least, 10 * np.log10(np.sum(wanted**2) / np.sum((wanted - made) ** 2)))
    return float(least)
