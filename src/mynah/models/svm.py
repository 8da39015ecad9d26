"""Support vector machine with a Gaussian kernel (Cortes & Vapnik 1995, Machine Learning 20).

    f_ij(x) = sum over support vectors s of a_s exp(-gamma |x - s|^2) + b_ij      class i against class j

One machine for every pair of classes; a class's score is its won pairs, ties broken by the sum of its margins.

Departures from the paper:
- Several classes by pairs (Knerr et al. 1990), classes weighed alike whatever their size.
- Probabilities are a softmax of the scores, with a temperature from held-out answers.
- On more than `most` clips a seeded sample of that many is learned from, since the cost grows with their square.
"""

from __future__ import annotations

import numpy as np
from sklearn.svm import SVC

from mynah.contracts.classifier import VectorModel
from mynah.representations import Representation

CARD = {
    "name": "svm",
    "title": "Support vector machine",
    "year": 1995,
    "authors": "C. Cortes, V. Vapnik",
    "reference": "Support-vector networks, Machine Learning 20(3)",
    "tasks": ("classify",),
    "reading": ("svm-audio",),
    "estimator": "SVM",
    "cost": "cheap",
    "superseded_by": ("resnet",),
    "aliases": ("svc", "support-vector-machine"),
}


class SVM(VectorModel):
    """Clips classified by support vector machines over standardised statistics.

    Args:
        C: price of a violated margin.
        most: training clips used.
        representation, rate, random_state: see `Model`.
    """

    def __init__(
        self,
        C: float = 10.0,
        most: int = 10_000,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(representation, rate, random_state)
        self.C = C
        self.most = most

    def learn_arrays(self, X: np.ndarray, codes: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        fitted = SVC(C=self.C, gamma="scale", class_weight="balanced", cache_size=500).fit(X, codes)
        return {
            "support": fitted.support_vectors_,
            "dual": fitted.dual_coef_,
            "bias": fitted.intercept_,
            "counts": fitted.n_support_.astype(np.int64),
            "gamma": np.array([fitted._gamma]),
        }

    def log_scores(self, arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        margins = pair_margins(arrays, X)
        if len(arrays["counts"]) == 2:
            return np.stack([np.zeros(len(X)), margins[:, 0]], axis=1)
        return pair_scores(margins, len(arrays["counts"]))


def pair_margins(arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
    """Return f_ij of (clip, feature) vectors for i < j in order: (clip, pair); of two classes, that of the second."""
    support, dual = arrays["support"], arrays["dual"]
    lengths = (support**2).sum(axis=1)
    kernel = np.stack([np.exp(-arrays["gamma"][0] * np.maximum(lengths - 2 * (support @ x) + x @ x, 0)) for x in X])
    edges = np.concatenate([[0], np.cumsum(arrays["counts"])])
    if len(arrays["counts"]) == 2:
        return np.stack([dual @ row for row in kernel]) + arrays["bias"]
    pairs = []
    for i in range(len(arrays["counts"])):
        for j in range(i + 1, len(arrays["counts"])):
            of_i, of_j = slice(edges[i], edges[i + 1]), slice(edges[j], edges[j + 1])
            pairs.append((kernel[:, of_i] * dual[j - 1, of_i]).sum(1) + (kernel[:, of_j] * dual[i, of_j]).sum(1))
    return np.stack(pairs, axis=1) + arrays["bias"]


def pair_scores(margins: np.ndarray, classes: int) -> np.ndarray:
    """Return (clip, class): pairs won, plus the summed margins squeezed into a third of a vote."""
    votes, sums = np.zeros((len(margins), classes)), np.zeros((len(margins), classes))
    column = 0
    for i in range(classes):
        for j in range(i + 1, classes):
            margin = margins[:, column]
            votes[:, i] += margin > 0
            votes[:, j] += margin <= 0
            sums[:, i] += margin
            sums[:, j] -= margin
            column += 1
    return votes + sums / (3 * (np.abs(sums) + 1))
