"""Random forest (Breiman 2001, Machine Learning 45).

    p(c | x) = mean over trees of the share of class c in the leaf that x falls into

Each tree is grown on a bootstrap sample; each cut is the best among a random few features.

Departures from the paper:
- Trees vote with their leaf's shares, where the paper counts each tree's one vote; classes are weighed alike.
- On more than `most` clips (10,000) the forest is grown on a seeded sample of that many, since trees over hard clips
  grow with them: 10,000 of 233 features take 27 CPU seconds and 1.8 million nodes, 20,000 take 62 and 3.6 million.
"""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from mynah.contracts.classifier import VectorModel
from mynah.representations import Representation

CARD = {
    "name": "forest",
    "title": "Random forest",
    "year": 2001,
    "authors": "L. Breiman",
    "reference": "Random forests, Machine Learning 45(1)",
    "tasks": ("classify",),
    "reading": ("scikit-learn",),
    "estimator": "Forest",
    "cost": "cheap",
    "superseded_by": ("resnet",),
    "aliases": ("random-forest", "rf"),
}


class Forest(VectorModel):
    """Clips classified by a forest of decision trees over statistics.

    Args:
        trees: how many.
        most: training clips used.
        representation, rate, random_state: see `Model`.
    """

    def __init__(
        self,
        trees: int = 300,
        most: int = 10_000,
        representation: Representation | None = None,
        rate: int | None = None,
        random_state: int = 0,
    ) -> None:
        super().__init__(representation, rate, random_state)
        self.trees = trees
        self.most = most

    def learn_arrays(self, X: np.ndarray, codes: np.ndarray, classes: int) -> dict[str, np.ndarray]:
        forest = RandomForestClassifier(self.trees, class_weight="balanced", random_state=self.random_state, n_jobs=1)
        forest.fit(X, codes)
        trees = [tree.tree_ for tree in forest.estimators_]
        starts = np.concatenate([[0], np.cumsum([tree.node_count for tree in trees])])
        joined = zip(trees, starts, strict=False)
        left, right = zip(*((t.children_left + s, t.children_right + s) for t, s in joined), strict=True)
        feature = np.concatenate([tree.feature for tree in trees]).astype(np.int32)
        value = np.concatenate([tree.value[:, 0] for tree in trees])
        shares = value / value.sum(axis=1, keepdims=True)
        shares[feature >= 0] = 0  # only leaves answer; zeros pack well
        return {
            "roots": starts[:-1].astype(np.int64),
            "left": np.concatenate(left).astype(np.int32),
            "right": np.concatenate(right).astype(np.int32),
            "feature": feature,
            "threshold": np.concatenate([tree.threshold for tree in trees]),
            "shares": shares.astype(np.float32),
        }

    def log_scores(self, arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
        leaves = find_leaves(arrays, X.astype(np.float32))
        shares = np.stack([arrays["shares"][row].mean(axis=0, dtype=np.float64) for row in leaves])
        return np.log(np.maximum(shares, 1e-3))

    def restore(self, tensors: dict[str, np.ndarray]) -> None:
        """Take back what `tensors` returned.

        Raises:
            ValueError: arrays that are not a forest over these features and classes.
        """
        super().restore(tensors)
        if self.arrays_:
            _check_trees(self.arrays_, len(self.mean_), len(self.classes_))


def _check_trees(arrays: dict[str, np.ndarray], features: int, classes: int) -> None:
    """Raise `ValueError` unless every walk from a root ends in a leaf: all children lie after their parent."""
    if arrays.keys() != {"roots", "left", "right", "feature", "threshold", "shares"}:
        raise ValueError(f"a forest of other arrays: {sorted(arrays)}")
    count = len(arrays["feature"])
    nodes = {name: array.shape for name, array in arrays.items() if name != "roots"}
    if nodes.pop("shares") != (count, classes) or set(nodes.values()) != {(count,)} or arrays["roots"].ndim != 1:
        raise ValueError("a forest of arrays of different lengths")
    if any(arrays[name].dtype.kind != "i" for name in ("roots", "left", "right", "feature")):
        raise ValueError("a forest whose nodes are not whole numbers")
    roots, inner = arrays["roots"], np.flatnonzero(arrays["feature"] >= 0)
    children = np.stack([arrays["left"][inner], arrays["right"][inner]])
    if not roots.size or roots.min() < 0 or roots.max() >= count:
        raise ValueError("a forest with roots outside of it")
    if (children <= inner).any() or (children >= count).any():
        raise ValueError("a forest that does not grow from its roots to its leaves")
    if (arrays["feature"] >= features).any():
        raise ValueError("a forest that asks for other features")


def find_leaves(arrays: dict[str, np.ndarray], X: np.ndarray) -> np.ndarray:
    """Return the leaf each of (clip, feature) float32 vectors reaches in each tree: (clip, tree) node numbers."""
    nodes = np.tile(arrays["roots"], (len(X), 1))
    rows = np.arange(len(X))[:, None]
    while True:
        feature = arrays["feature"][nodes]
        inner = feature >= 0
        if not inner.any():
            return nodes
        goes_left = X[rows, np.where(inner, feature, 0)] <= arrays["threshold"][nodes]
        below = np.where(goes_left, arrays["left"][nodes], arrays["right"][nodes])
        nodes = np.where(inner, below, nodes)
