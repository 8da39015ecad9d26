"""The answer that has heard nothing: the share of each class in the training clips.

    p(c | x) = n_c / n

Every family must beat it; its balanced accuracy is one over the number of classes.
"""

from __future__ import annotations

import numpy as np

from mynah.contracts.classifier import VectorModel

CARD = {
    "name": "chance",
    "title": "Chance",
    "year": 1713,
    "authors": "J. Bernoulli",
    "reference": "Ars conjectandi: relative frequencies as probabilities",
    "tasks": ("classify",),
    "reading": (),
    "estimator": "Chance",
    "cost": "cheap",
    "superseded_by": ("knn",),
    "aliases": ("baseline", "dummy"),
}


class Chance(VectorModel):
    """Clips classified without looking at them."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags

    def learn_arrays(self, X: np.ndarray, codes: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        return {"log_share": np.log(np.bincount(codes, minlength=classes) / len(codes))}

    def log_scores(self, arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        return np.tile(arrays["log_share"], (len(X), 1))
