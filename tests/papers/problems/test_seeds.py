"""What is measured on a problem depends on its seed alone, not on what was drawn before."""

import pytest
import torch

from mynah.ground.randomness import seeded
from mynah.models.elman import ElmanNetwork
from mynah.papers.problems import forecasting, tones


@pytest.mark.parametrize(("problem", "options"), [(forecasting, {}), (tones, {"learning_rate": 1e-3})])
def test_a_figure_is_of_its_seed(problem, options, monkeypatch):
    monkeypatch.setattr(problem, "STEPS", 20)
    measured = []
    for seed, before in ((0, 1), (0, 2), (1, 2)):
        torch.manual_seed(before)
        measured.append(problem.learn(seeded(seed, lambda: ElmanNetwork(1, 4, 1)), seed, **options))
    assert measured[0] == measured[1] != measured[2]
