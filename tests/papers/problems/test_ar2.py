"""The entropy of the noisy resonance: by quadrature, by particles, and what a model may not go below."""

import math

import numpy as np
import torch

from mynah.papers.problems import ar2
from mynah.papers.problems.ar2 import ANGLE, NOISE, RADIUS
from mynah.representations.mulaw import encode


def test_samples_are_stationary_and_resonate():
    x = ar2.samples(np.random.default_rng(0), 4000, 30)
    for t in (0, 1, 29):
        np.testing.assert_allclose(x[:, t].var(), ar2.covariance()[0, 0], rtol=0.08)
    noise = x[:, 2:] - 2 * RADIUS * math.cos(ANGLE) * x[:, 1:-1] + RADIUS**2 * x[:, :-2]
    np.testing.assert_allclose(noise.std(), NOISE, rtol=0.02)


def test_the_quadrature_has_converged():
    tested = ar2.symbols(np.random.default_rng(1), 8, 200)
    np.testing.assert_allclose(ar2.bits(tested, 4), ar2.bits(tested, 10), atol=1e-4)


def test_the_filter_is_that_of_many_particles():
    """Particles: samples drawn by the process itself, kept where they fall into the cell that was seen."""
    rng = np.random.default_rng(2)
    (tested,) = ar2.symbols(rng, 1, 6)
    told = 2 ** -ar2.bits(tested[None])[0]
    particles = rng.multivariate_normal(np.zeros(2), ar2.covariance(), size=2_000_000)
    for t, symbol in enumerate(tested):
        if t:
            drawn = 2 * RADIUS * math.cos(ANGLE) * particles[:, 1] - RADIUS**2 * particles[:, 0]
            drawn += rng.normal(0, NOISE, len(drawn))
            particles = np.stack([particles[:, 1], drawn], axis=1)
        inside = encode(torch.from_numpy(particles[:, 1])).numpy() == symbol
        assert abs(inside.mean() - told[t]) < 5 * math.sqrt(told[t] / len(particles))
        particles = particles[inside]
        particles = particles[rng.integers(0, len(particles), 2_000_000)]


def test_probabilities_of_all_next_symbols_add_up_to_one():
    past = ar2.symbols(np.random.default_rng(3), 1, 5)
    every = np.concatenate([np.repeat(past, 256, axis=0), np.arange(256)[:, None]], axis=1)
    np.testing.assert_allclose((2.0 ** -ar2.bits(every)[:, -1]).sum(), 1, atol=1e-9)


def test_two_symbols_tell_nearly_all_and_one_does_not():
    tested = ar2.symbols(np.random.default_rng(4), 64, 400)
    entropy = ar2.bits(tested)[:, 10:].mean()
    short = ar2.bits(np.concatenate([tested[:, t : t + 3] for t in range(8, 398)]))
    assert abs(short[:, 2].mean() - entropy) < 0.005
    assert short[:, 1].mean() > entropy + 1
    assert 4.3 < entropy < 4.7


class Uniform(torch.nn.Module):
    def nats(self, symbols):
        return torch.full(symbols.shape, math.log(256))


def test_the_judge_measures_bits():
    measured = ar2.judge(Uniform(), 0)
    assert abs(measured["bits"] - 8) < 1e-5
    assert measured["excess"] == measured["bits"] - measured["entropy"]
