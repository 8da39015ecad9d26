"""The task of naming clips: which sounds serve, what the answers are scored by."""

from __future__ import annotations

import numpy as np

from mynah.sounds import Sounds

TASK = "classify"
METRIC = "balanced_accuracy"
METRIC_TITLE = "balanced accuracy"


def examples(sounds: Sounds) -> tuple[Sounds, np.ndarray, np.ndarray]:
    """Return the clips, their (clip,) labels and their (clip,) groups."""
    return sounds, np.array(sounds.labels), np.array(sounds.groups)


def chance(labels: np.ndarray) -> float:
    """Balanced accuracy of any constant answer: one over the number of classes."""
    return 1.0 / len(np.unique(labels))
