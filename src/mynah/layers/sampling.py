"""A seeded sample of the clips, for methods whose cost grows faster than their number."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int, Shaped

from mynah.ground.randomness import generator


def stratified_sample(codes: Shaped[np.ndarray, " clip"], most: int, seed: int) -> Int[np.ndarray, " chosen"]:
    """Return at most about `most` clip numbers, sorted, with the same share of each class; all if they are few."""
    if len(codes) <= most:
        return np.arange(len(codes))
    rng = generator(int(seed or 0), "sample")
    chosen = []
    for code in np.unique(codes):
        members = np.flatnonzero(codes == code)
        chosen.append(rng.permutation(members)[: max(1, round(most * len(members) / len(codes)))])
    return np.sort(np.concatenate(chosen))
