"""Ten kinds of sound made by the methods of their textbooks, each with random pitch, level, decay and room.

Every function returns a wave (time,) float64 of about unit level; `render` adds what makes recordings differ.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, lfilter, sosfilt

from mynah.ground.errors import UsageError

Generator = np.random.Generator
Wave = NDArray[np.float64]
#: Hertz of the pitched kinds: one range for all, so that pitch does not name the kind.
PITCH_HZ = (110.0, 440.0)
#: Signal-to-noise ratio of the recordings, in dB.
NOISE_DB = (8.0, 40.0)
#: Lengths of the recordings, in seconds.
SECONDS = (0.3, 1.4)
LOWEST_RATE, SHORTEST_SECONDS = 8_000, 0.1


def plucked_string(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Karplus & Strong 1983, with the tuning all-pass of Jaffe & Smith 1983."""
    period = rate / f0 - 0.5  # the averaging filter delays by half a sample
    whole = int(period - 0.1)
    part = period - whole
    allpass = (1 - part) / (1 + part)
    damping = rng.uniform(0.990, 0.999)
    burst = np.zeros(int(seconds * rate))
    burst[:whole] = lfilter([1 - 0.7, 0], [1, -0.7], rng.uniform(-1, 1, whole))[: len(burst)]
    burst[:whole] -= burst[:whole].mean()  # the loop would keep DC
    # y = x + damping * z^-whole * (1 + z^-1)/2 * allpass * y
    numerator = damping * np.convolve([0.5, 0.5], [allpass, 1.0])
    loop = np.zeros(whole + len(numerator))
    loop[whole:] = numerator
    denominator = np.zeros(len(loop))
    denominator[:2] = [1.0, allpass]
    return np.asarray(lfilter([1.0, allpass], denominator - loop, burst))


def struck_bar(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Modes of a bar free at both ends, ((2n + 1) / 3.011)^2 (Rayleigh 1877), or tuned to 4 and 10 as a marimba's."""
    ratios = np.array([1.0, 4.0, 10.0, 16.5]) if rng.random() < 0.5 else np.array([1.0, 2.756, 5.404, 8.933])
    return _modes(f0 * ratios, 0.25 / ratios**0.7 * rng.uniform(0.5, 1.5), 1 / ratios, seconds, rate, rng)


def bell(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Partials of a church bell: hum, prime, tierce, quint, nominal and above, each a little out of tune."""
    ratios = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.5, 2.67, 3.0, 4.17]) * rng.normal(1, 0.004, 9)
    return _modes(f0 * ratios, rng.uniform(0.5, 1.4) / ratios**0.6, rng.uniform(0.3, 1, 9), seconds, rate, rng)


def bowed_string(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Helmholtz motion: a sawtooth with vibrato and slow attack, through three body resonances."""
    saw = _harmonics(f0, lambda n: 1 / n, seconds, rate, rng, vibrato=0.006)
    body = sum(_resonance(saw, f, 80.0, rate) for f in rng.uniform([250, 450, 900], [350, 650, 1400]))
    bow = lfilter([0.1], [1, -0.9], rng.normal(0, 0.08, len(saw)))
    return np.asarray((0.4 * saw + body / np.abs(body).max() + bow) * _attack(len(saw), rng.uniform(0.06, 0.15), rate))


def flute(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Few harmonics, and breath noise around them that comes with the blowing."""
    tone = _harmonics(f0, lambda n: np.exp(-1.1 * (n - 1)), seconds, rate, rng, vibrato=0.004)
    breath = _resonance(rng.normal(0, 1, len(tone)), f0 * 2, f0, rate)
    breath *= rng.uniform(0.05, 0.3) / np.abs(breath).max()
    return (tone + breath) * _attack(len(tone), rng.uniform(0.04, 0.12), rate)


def brass(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Harmonics that grow brighter as the tone grows louder (Risset & Mathews 1969)."""
    time = np.arange(int(seconds * rate)) / rate
    loud = np.minimum(1.0, time / rng.uniform(0.04, 0.1)) * np.exp(-time * rng.uniform(0, 1.0))
    phase = 2 * np.pi * np.cumsum(f0 * (1 + 0.004 * np.sin(2 * np.pi * 5.5 * time))) / rate
    tone = np.zeros(len(time))
    for n in range(1, min(24, int(rate / 2 / f0))):
        tone += np.exp(-0.35 * (n - 1) * (1.6 - loud)) * np.sin(n * phase + rng.uniform(0, 6.28))
    return np.asarray(tone * loud)


def vowel(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Glottal pulses through three formants (Peterson & Barney 1952 averages, a size of vocal tract drawn)."""
    formants = np.array([[730, 1090, 2440], [270, 2290, 3010], [300, 870, 2240], [530, 1840, 2480]])
    source = _harmonics(f0, lambda n: 1 / n**1.5, seconds, rate, rng, vibrato=0.012)
    for hertz in formants[rng.integers(4)] * rng.uniform(0.9, 1.2):
        source = _resonance(source, min(hertz, 0.45 * rate), 90.0, rate)
        source /= np.abs(source).max() + 1e-12
    return source * _attack(len(source), 0.03, rate)


def kick(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """A sine that falls to its resting pitch, and a click."""
    time = np.arange(int(seconds * rate)) / rate
    rest = rng.uniform(40, 70)
    hertz = rest * (1 + rng.uniform(2, 6) * np.exp(-time / rng.uniform(0.01, 0.04)))
    tone = np.sin(2 * np.pi * np.cumsum(hertz) / rate) * np.exp(-time / rng.uniform(0.06, 0.2))
    return tone + rng.uniform(0, 0.2) * rng.normal(0, 1, len(time)) * np.exp(-time / 0.003)


def snare(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Two modes of the head, and the rattle of the wires as decaying noise."""
    hertz = rng.uniform(150, 250)
    head = _modes(np.array([hertz, 1.6 * hertz]), np.array([0.08, 0.05]), np.ones(2), seconds, rate, rng)
    time = np.arange(len(head)) / rate
    wires = sosfilt(butter(2, 1200, "high", fs=rate, output="sos"), rng.normal(0, 1, len(head)))
    return np.asarray(head + rng.uniform(0.4, 1.2) * wires * np.exp(-time / rng.uniform(0.04, 0.15)))


def hat(f0: float, seconds: float, rate: int, rng: Generator) -> Wave:
    """Six square waves out of tune through a high-pass, as drum machines do; closed or half open."""
    time = np.arange(int(seconds * rate)) / rate
    hertz = rng.uniform(0.8, 1.25) * np.array([205.3, 304.4, 369.6, 522.7, 540.0, 800.0]) * 4
    metal = np.sign(np.sin(2 * np.pi * hertz[:, None] * time + rng.uniform(0, 6, (6, 1)))).sum(0) / 6
    noisy = metal + rng.uniform(0.2, 1.0) * rng.normal(0, 1, len(time))
    high = sosfilt(butter(4, min(5500, 0.4 * rate), "high", fs=rate, output="sos"), noisy)
    return np.asarray(high * np.exp(-time / rng.uniform(0.02, 0.25)))


KINDS: dict[str, Callable[[float, float, int, Generator], Wave]] = {
    "bell": bell,
    "bowed_string": bowed_string,
    "brass": brass,
    "flute": flute,
    "hat": hat,
    "kick": kick,
    "plucked_string": plucked_string,
    "snare": snare,
    "struck_bar": struck_bar,
    "vowel": vowel,
}


def render(
    kind: str, *, rate: int, rng: Generator, seconds: float | None = None, f0: float | None = None
) -> NDArray[np.float32]:
    """Return one recording of a kind as float32 (1, time): peak 0.1-0.9, faded, with room and noise.

    Args:
        kind: key of `KINDS`.
        rate: Hz, at least `LOWEST_RATE`.
        rng: draws everything random.
        seconds: length; None draws from `SECONDS`.
        f0: Hz of the pitched kinds; None draws from `PITCH_HZ`, evenly in octaves.

    Raises:
        UsageError: an unknown kind, or a rate, length or pitch that cannot be rendered.
    """
    if kind not in KINDS:
        raise UsageError("no such built-in sound", where=kind, remedy=f"There are {', '.join(KINDS)}.")
    length = float(rng.uniform(*SECONDS)) if seconds is None else seconds
    low, high = np.log2(PITCH_HZ)
    pitch = float(2 ** rng.uniform(low, high)) if f0 is None else f0
    if rate < LOWEST_RATE or length < SHORTEST_SECONDS or not 20.0 <= pitch <= rate / 8:
        raise UsageError(
            f"built-in sounds need {LOWEST_RATE} Hz, {SHORTEST_SECONDS} s, a pitch of 20 Hz to an eighth of the rate",
            measured=f"{rate} Hz, {length:g} s, pitch {pitch:g} Hz",
        )
    dry = KINDS[kind](pitch, length, rate, rng)
    wave = _room(dry / (np.abs(dry).max() + 1e-12), rate, rng)
    fade = min(len(wave) // 4, int(0.02 * rate))
    wave[-fade:] *= np.linspace(1, 0, fade)
    colour = lfilter([1], [1, -rng.uniform(0, 0.95)], rng.normal(0, 1, len(wave)))
    level = 10 ** (-rng.uniform(*NOISE_DB) / 20)
    wave = wave + colour / colour.std() * wave.std() * level
    return np.asarray((wave / np.abs(wave).max() * rng.uniform(0.1, 0.9)).astype(np.float32)[None])


def _modes(hertz: Wave, decay: Wave, gain: Wave, seconds: float, rate: int, rng: Generator) -> Wave:
    """Sum of decaying sines; those above half the rate are left out."""
    time = np.arange(int(seconds * rate)) / rate
    wave = np.zeros(len(time))
    for f, tau, a in zip(hertz, np.broadcast_to(decay, hertz.shape), gain, strict=True):
        if f < rate / 2:
            wave += a * np.exp(-time / tau) * np.sin(2 * np.pi * f * time + rng.uniform(0, 6.28))
    return wave


def _harmonics(
    f0: float, gain: Callable[[int], float], seconds: float, rate: int, rng: Generator, vibrato: float
) -> Wave:
    time = np.arange(int(seconds * rate)) / rate
    depth = rng.uniform(0, vibrato)
    phase = 2 * np.pi * np.cumsum(f0 * (1 + depth * np.sin(2 * np.pi * rng.uniform(4, 7) * time))) / rate
    count = min(40, int(rate / 2 / f0 / (1 + vibrato)))
    return sum((gain(n) * np.sin(n * phase) for n in range(1, count + 1)), np.zeros(len(time)))


def _resonance(wave: Wave, hertz: float, width_hz: float, rate: int) -> Wave:
    """Two poles at `hertz`, `width_hz` wide."""
    radius = np.exp(-np.pi * width_hz / rate)
    return np.asarray(lfilter([1 - radius], [1, -2 * radius * np.cos(2 * np.pi * hertz / rate), radius**2], wave))


def _attack(count: int, seconds: float, rate: int) -> Wave:
    rise = min(count, max(1, int(seconds * rate)))
    envelope = np.ones(count)
    envelope[:rise] = np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    return envelope


def _room(wave: Wave, rate: int, rng: Generator) -> Wave:
    """A few early echoes, and the tilt of a cheap or a good microphone."""
    echo = np.zeros(int(0.05 * rate))
    echo[0] = 1.0
    places = rng.integers(int(0.005 * rate), len(echo), 6)
    echo[places] += rng.normal(0, rng.uniform(0.02, 0.25), 6)
    wave = lfilter(echo, [1], wave)
    return np.asarray(lfilter([1, rng.uniform(-0.5, 0.5)], [1], wave))
