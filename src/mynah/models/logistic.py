"""Multinomial logistic regression (Cox 1958, J. Royal Statistical Society B 20).

    p(c | x) = softmax(W x + b)_c,   W, b = argmin  -sum log p(y_i | x_i) + |W|^2 / (2 C)

Departures from the paper:
- A ridge penalty, and classes weighed alike whatever their size.
- On more than `most` clips a seeded sample of that many is learned from.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from mynah.contracts.classifier import VectorModel
from mynah.representations import Representation

CARD = {
    "name": "logistic",
    "title": "Logistic regression",
    "year": 1958,
    "authors": "D. R. Cox",
    "reference": "The regression analysis of binary sequences, J. Royal Statistical Society B 20(2)",
    "tasks": ("classify",),
    "reading": ("scikit-learn",),
    "estimator": "Logistic",
    "cost": "cheap",
    "superseded_by": ("svm",),
    "aliases": ("logistic-regression", "logreg"),
}


class Logistic(VectorModel):
    """Clips classified by a linear function of standardised statistics.

    Args:
        C: inverse strength of the penalty.
        most: training clips used.
        representation, rate, random_state: see `Model`.
    """

    def __init__(
        self,
        C: float = 0.05,
        most: int = 50_000,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(representation, rate, random_state)
        self.C = C
        self.most = most

    def learn_arrays(self, X: np.ndarray, codes: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        fitted = LogisticRegression(C=self.C, class_weight="balanced", max_iter=500)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # 500 steps are near enough; the score tells
            fitted.fit(X, codes)
        weights, bias = fitted.coef_, fitted.intercept_
        if classes == 2:  # scikit-learn keeps one row for two classes
            weights, bias = np.vstack([-weights / 2, weights / 2]), np.concatenate([-bias / 2, bias / 2])
        return {"weights": weights, "bias": bias}

    def log_scores(self, arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        return np.stack([arrays["weights"] @ x for x in X]) + arrays["bias"]
