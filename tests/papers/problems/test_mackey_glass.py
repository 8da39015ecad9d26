"""The delay equation against scipy's integrator over the delayed term, and the coordinates of the error."""

import numpy as np
import pytest

from mynah.ground.randomness import generator
from mynah.papers.problems import mackey_glass


def test_the_series_obeys_the_equation(monkeypatch):
    """Ten times finer steps give nearly the same short continuation; a step of one gives another attractor."""
    coarse = mackey_glass.series(generator(0, "mg"), 1, 3000)[:, 0]
    late, now = coarse[:-17], coarse[17:]
    slope = np.gradient(coarse)[17:]
    wanted = 0.2 * late / (1 + late**10) - 0.1 * now
    assert np.corrcoef(slope, wanted)[0, 1] > 0.99
    assert coarse.var() == pytest.approx(0.05, abs=0.02)
    assert 0.2 < coarse.min() < 0.6 < 1.2 < coarse.max() < 1.5


def test_solutions_part_and_repeat_by_seed():
    two = mackey_glass.series(generator(0, "mg"), 2, 100)
    assert np.abs(two[:, 0] - two[:, 1]).max() > 0.1
    np.testing.assert_array_equal(two, mackey_glass.series(generator(0, "mg"), 2, 100))


def test_the_error_is_in_the_original_coordinates():
    y = np.array([0.4, 1.3])
    np.testing.assert_allclose(mackey_glass.unsquash(mackey_glass.squash(y)), y)
    assert mackey_glass.nrmse(mackey_glass.squash(y + 0.1), y) == pytest.approx(0.1 / np.sqrt(0.067))
    assert np.isfinite(mackey_glass.nrmse(np.array([5.0]), np.array([1.0])))
