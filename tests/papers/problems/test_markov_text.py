"""Text of known entropy: the chain's own frequencies, and its entropy by another way."""

import numpy as np
import pytest

from mynah.ground.randomness import generator
from mynah.papers.problems import markov_text as m


def test_odds_and_contexts_are_probabilities():
    assert m.odds(3).shape == (8, 8, 8, 8)
    np.testing.assert_allclose(m.odds(3).sum(axis=3), 1)
    assert m.contexts(3).sum() == pytest.approx(1)
    assert not np.allclose(m.odds(3), m.odds(4))


def test_the_long_run_is_that_of_the_chain():
    """The contexts are the eigenvector of the chain over 512 states that belongs to 1."""
    chain = np.zeros((512, 512))
    for state in range(512):
        for letter in range(8):
            chain[state, (8 * state + letter) % 512] = m.odds(0).reshape(512, 8)[state, letter]
    values, vectors = np.linalg.eig(chain.T)
    long_run = vectors[:, np.argmin(np.abs(values - 1))].real
    np.testing.assert_allclose(m.contexts(0).ravel(), long_run / long_run.sum(), atol=1e-9)


def test_texts_follow_the_odds_and_cost_the_entropy():
    said = m.texts(0, generator(0, "x"), 40, 2000)
    before, letter = said[:, :-3] * 64 + said[:, 1:-2] * 8 + said[:, 2:-1], said[:, 3:]
    bits = -np.log2(m.odds(0).reshape(512, 8)[before, letter])
    assert bits.mean() == pytest.approx(m.entropy(0), abs=4 * bits.std() / np.sqrt(bits.size))
    share = np.bincount(said.ravel(), minlength=8) / said.size
    assert -(share * np.log2(share)).sum() == pytest.approx(m.unigram(0), abs=0.01)
    first = np.bincount(said[:, :3] @ [64, 8, 1], minlength=512) / len(said)
    assert first @ (m.contexts(0).ravel() > 0) == pytest.approx(1)


def test_batches_are_letters_after_letters():
    batch = m.drawer(2)(generator(0, "y"), 5)
    assert batch.frames.shape == (5, m.LENGTH, 2)
    assert (batch.frames[:, 1:, 0] == batch.frames[:, :-1, 1]).all()
    assert batch.frames.max() < m.LETTERS
