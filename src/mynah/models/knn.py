"""Nearest neighbours (Fix & Hodges 1951; Cover & Hart 1967, IEEE Trans. Information Theory 13).

    p(c | x) ~ sum over the k nearest x_i of class c of 1 / d(x, x_i)

Departures from the paper:
- Neighbours vote with the inverse of their distance (Dudani 1976), and every class has a small vote to begin with.
- On more than `most` clips a seeded sample of that many is kept, the same share of each class.
"""

from __future__ import annotations

import numpy as np

from mynah.contracts.classifier import VectorModel
from mynah.representations import Representation

CARD = {
    "name": "knn",
    "title": "k nearest neighbours",
    "year": 1967,
    "authors": "T. M. Cover, P. E. Hart",
    "reference": "Nearest neighbor pattern classification, IEEE Trans. Information Theory 13(1)",
    "tasks": ("classify",),
    "reading": (),
    "estimator": "KNN",
    "cost": "cheap",
    "superseded_by": ("svm",),
    "aliases": ("k-nn", "nearest-neighbours", "k-nearest-neighbours"),
}
#: Queries whose distances are held at once.
_BLOCK = 256


class KNN(VectorModel):
    """Clips classified by their nearest training clips in standardised statistics.

    Args:
        k: neighbours that vote.
        most: training clips kept.
        representation, rate, random_state: see `Model`.
    """

    def __init__(
        self,
        k: int = 5,
        most: int = 20_000,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(representation, rate, random_state)
        self.k = k
        self.most = most

    def learn_arrays(self, X: np.ndarray, codes: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        return {"points": X.astype(np.float32), "codes": codes.astype(np.int32)}

    def log_scores(self, arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        points = arrays["points"].astype(np.float64)
        k = min(self.k, len(points))
        votes = np.full((len(X), len(self.classes_)), 1e-2)
        lengths = (points**2).sum(axis=1)
        for first in range(0, len(X), _BLOCK):
            queries = X[first : first + _BLOCK]
            # row by row, so that an answer does not depend on its neighbours in the block
            squares = np.stack([lengths - 2 * (points @ q) + q @ q for q in queries])
            nearest = np.argpartition(squares, k - 1, axis=1)[:, :k]
            distance = np.sqrt(np.maximum(np.take_along_axis(squares, nearest, axis=1), 1e-12))
            weights = distance.min(axis=1, keepdims=True) / distance
            rows = np.arange(first, first + len(queries))[:, None]
            np.add.at(votes, (rows, arrays["codes"][nearest]), weights)
        return np.log(votes)
