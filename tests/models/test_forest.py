"""The forest: a file with other trees than a forest's is refused, and its cost is bounded."""

import zipfile

import numpy as np
import pytest

from mynah import modelfile
from mynah.ground.errors import IncompatibleFile
from mynah.models.forest import Forest


@pytest.fixture(scope="module")
def forest():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4)).astype(np.float32)
    return Forest(trees=5).fit(X, np.where(X[:, 0] + X[:, 1] > 0, "up", "down"))


def backward(arrays):
    inner = np.flatnonzero(arrays["feature"] >= 0)
    arrays["left"][inner[1]] = arrays["right"][inner[1]] = inner[0]


def to_itself(arrays):
    inner = np.flatnonzero(arrays["feature"] >= 0)[0]
    arrays["left"][inner] = inner


def before_the_first(arrays):
    arrays["right"][0] = -1


def after_the_last(arrays):
    arrays["right"][0] = len(arrays["right"])


def other_feature(arrays):
    arrays["feature"][0] = 4


def short(arrays):
    arrays["threshold"] = arrays["threshold"][:-1]


def other_classes(arrays):
    arrays["shares"] = np.repeat(arrays["shares"], 2, axis=1)


def root_outside(arrays):
    arrays["roots"][-1] = len(arrays["feature"])


def no_roots(arrays):
    arrays["roots"] = arrays["roots"][:0]


def fractions(arrays):
    arrays["left"] = arrays["left"].astype(np.float32)


def none(arrays):
    del arrays["right"]


HARMS = [
    backward, to_itself, before_the_first, after_the_last, other_feature, short, other_classes, root_outside,
    no_roots, fractions, none,
]  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_a_file_whose_trees_are_none_is_refused(forest, tmp_path, harm, monkeypatch):
    tensors = {name: array.copy() for name, array in forest.tensors().items()}
    arrays = {name.removeprefix("arrays."): array for name, array in tensors.items() if name.startswith("arrays.")}
    harm(arrays)
    kept = {name: array for name, array in tensors.items() if not name.startswith("arrays.")}
    harmed = kept | {f"arrays.{name}": array for name, array in arrays.items()}
    with monkeypatch.context() as patch:
        patch.setattr(Forest, "tensors", lambda self: harmed)
        path = modelfile.save(forest, tmp_path / "a.mynah")
    with pytest.raises(IncompatibleFile, match=r"does not fit this version \((ValueError|KeyError)"):
        modelfile.load(path)


def test_an_honest_file_is_read(forest, tmp_path):
    path = modelfile.save(forest, tmp_path / "a.mynah")
    assert zipfile.is_zipfile(path)
    X = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    assert np.array_equal(modelfile.load(path).predict_proba(X), forest.predict_proba(X))
    one = Forest(trees=2).fit(X, ["a"] * 20)
    assert list(modelfile.load(modelfile.save(one, tmp_path / "b.mynah")).predict(X[:2])) == ["a", "a"]


def test_many_clips_do_not_make_the_trees_larger_without_end():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60_000, 1)).astype(np.float32), rng.integers(0, 2, 60_000)
    nodes = len(Forest(trees=1).fit(X, y).arrays_["feature"])
    assert 5_000 < nodes < 10_000
