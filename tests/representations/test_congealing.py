"""Sounds of one kind at one pitch: found without a notion of pitch, moved without losing it."""

import numpy as np
import pytest
import torch

from mynah.data.synthesiser import render
from mynah.representations import PhaseVocoder
from mynah.representations import congealing as tuning

RATE = 16_000
FRONT = PhaseVocoder(0.046, 0.0115).build(RATE)
BIN_HZ = RATE / (2 * FRONT.bins - 2)
MOVER = tuning.Mover(FRONT.bins, FRONT.span_hz, BIN_HZ)


def frames(wave):
    return FRONT(torch.from_numpy(np.asarray(wave, dtype=np.float32).reshape(1, 1, -1)))[0]


def outline(wave):
    return tuning.outline(frames(wave)[:, : FRONT.bins].numpy(), BIN_HZ)


@pytest.mark.parametrize("kind", ["brass", "bowed_string", "flute", "plucked_string", "vowel", "struck_bar", "bell"])
def test_how_far_apart_notes_lie_is_found(kind):
    rng = np.random.default_rng(3)
    octaves = rng.uniform(-1, 1, 16)
    outlines = np.stack([outline(render(kind, rate=RATE, rng=rng, f0=220 * 2**octave)) for octave in octaves])
    found = tuning.octaves_above(outlines, tuning.congeal(outlines))
    away = found - octaves
    away -= np.median(away)
    assert np.median(np.abs(away)) < 0.01, "an eighth of a semitone"
    assert np.mean(np.abs(away) < 0.03) >= 0.8, "some bells and strings are taken for others, but not many"


def test_sounds_that_are_alike_or_empty_stay_where_they_are():
    alike = np.stack([outline(np.sin(np.arange(RATE) * 0.3))] * 3)
    assert np.allclose(tuning.octaves_above(alike, tuning.congeal(alike)), 0)
    silent = np.stack([outline(np.zeros(RATE))] * 2)
    assert np.isfinite(tuning.octaves_above(silent, tuning.congeal(silent))).all()
    assert np.isfinite(outline(np.zeros(1))).all(), "one frame"
    one_silent = np.concatenate([alike, silent[:1]])
    assert np.allclose(tuning.octaves_above(one_silent, tuning.congeal(one_silent)), 0)


def test_moved_by_nothing_and_back_is_as_it_was():
    given = frames(np.random.default_rng(0).normal(0, 0.1, RATE))
    cells = MOVER.down(given, 0.0)
    assert torch.allclose(cells, given, atol=1e-3)
    level, beside, focus = MOVER.up(*cells.chunk(2, dim=1), torch.ones(len(given), FRONT.bins), 0.0)
    assert torch.allclose(torch.cat([level, beside], dim=1), given, atol=1e-3)
    assert focus.shape == level.shape


@pytest.mark.parametrize("octaves", [-0.3, 0.4, 1.0, 1.7])
def test_the_hertz_of_a_partial_come_back_exactly(octaves):
    hertz = 1234.5
    given = frames(0.5 * np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE))
    cells = MOVER.down(given, octaves)
    level, beside = cells[20].chunk(2)
    peak = int(level.argmax())
    assert (peak * 2**octaves) * BIN_HZ == pytest.approx(hertz, abs=BIN_HZ * 2**octaves), "it lies elsewhere"
    assert peak * 2**octaves * BIN_HZ + float(beside[peak]) == pytest.approx(hertz, abs=0.2)
    level, beside, _ = MOVER.up(*cells.chunk(2, dim=1), torch.ones_like(cells[:, : FRONT.bins]), octaves)
    peak = int(level[20].argmax())
    assert abs(peak - int(given[20, : FRONT.bins].argmax())) <= 2**octaves / 2, "further off than cells are wide"
    assert peak * BIN_HZ + float(beside[20, peak]) == pytest.approx(hertz, abs=0.2)
    assert float(level[20, peak] - given[20, peak]) == pytest.approx(0, abs=3.5), "it lost its level"


def test_only_cells_that_hold_a_bin_count():
    heard = MOVER.heard(torch.tensor([-0.5, 0.0, 1.0]))
    assert heard[:2].all()
    assert int(heard[2].sum()) == FRONT.bins // 2 + 1
