"""Shapes that annotations say are checked in a test run, and every public function of these rooms says them."""

import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError

from shape_checker import ROOMS

SRC = Path(__file__).parents[1] / "src"
#: Rooms in which not every public function says its shapes yet, but every `forward` does.
FORWARDS_ALONE = {"mynah.models"}
ARRAYS = {"Tensor", "ndarray"}


def test_a_wrong_shape_is_refused():
    from mynah.layers.causal_conv import CausalConv

    conv = CausalConv(3, 4, length=2)
    with pytest.raises(TypeCheckError, match="parameter 'x'"):
        conv(torch.zeros(5, 3))
    with pytest.raises(TypeCheckError, match="parameter 'state'"):
        conv(torch.zeros(2, 5, 3), torch.zeros(2, 7, 3))
    with pytest.raises(TypeCheckError, match="parameter 'x'"):
        conv(torch.zeros(2, 5, 3, dtype=torch.int64))


def test_a_wrong_shape_is_refused_after_right_ones():
    from mynah.layers.causal_conv import CausalConv

    conv = CausalConv(3, 4, length=2)
    for _ in range(2):
        assert conv(torch.zeros(2, 5, 3))[0].shape == (2, 5, 4)
    with pytest.raises(TypeCheckError, match="parameter 'x'"):
        conv(torch.zeros(5, 3))
    other = CausalConv(2, 4, length=2)  # another object is checked for itself
    with pytest.raises(TypeCheckError, match="parameter 'state'"):
        other(torch.zeros(2, 5, 2), torch.zeros(2, 7, 2))


def test_a_size_must_be_the_same_everywhere():
    from mynah.layers.masks import mean_and_max

    assert mean_and_max(torch.zeros(2, 5, 3), torch.tensor([5, 1])).shape == (2, 6)
    with pytest.raises(TypeCheckError, match="parameter 'lengths'"):
        mean_and_max(torch.zeros(2, 5, 3), torch.tensor([5, 1, 1]))


def test_a_wrong_answer_is_refused():
    from mynah.layers.sequence_network import SequenceNetwork

    class Narrower(SequenceNetwork):
        def forward(self, x, state=None):
            return x[..., 1:], state

    with pytest.raises(TypeCheckError, match="the return value"):
        Narrower(width=3)(torch.zeros(2, 5, 3))


def test_arrays_of_numpy_are_checked():
    from mynah.representations.congealing import moved

    assert moved(np.ones(4), 1).tolist() == [0, 1, 1, 1]
    with pytest.raises(TypeCheckError, match="parameter 'outline'"):
        moved(np.ones((4, 2)), 1)


@pytest.mark.usefixtures("unchecked")
def test_without_the_checks_the_function_itself_is_met():
    from mynah.layers.causal_conv import CausalConv

    with pytest.raises(IndexError, match="out of range"):
        CausalConv(3, 4, length=2)(torch.zeros(5, 3))


def test_a_run_of_mynah_checks_nothing():
    """No checker is loaded, and functions are what their modules define, with nothing around them."""
    code = (
        "import sys, mynah.layers.masks, mynah.representations\n"
        "print('beartype' in sys.modules, hasattr(mynah.layers.masks.mean_and_max, '__wrapped__'))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]


def public(body):
    """The public functions of a module or class and of its classes, `__call__` and `__init__` among them."""
    for node in body:
        if isinstance(node, ast.FunctionDef) and (not node.name.startswith("_") or node.name.startswith("__")):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node.body)


def shapeless(annotation):
    """How many arrays and tensors of an annotation stand for themselves, not in a `Float[Tensor, "batch time"]`."""
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple):
        last = annotation.slice.elts[-1]
        if isinstance(last, ast.Constant) and isinstance(last.value, str):
            return 0
    name = getattr(annotation, "attr", getattr(annotation, "id", None))
    return (name in ARRAYS) + sum(map(shapeless, ast.iter_child_nodes(annotation)))


def annotations(function):
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return [a for a in (*(one.annotation for one in every if one), function.returns) if a]


def modules(rooms):
    paths = sorted(path for room in rooms for path in (SRC / room.replace(".", "/")).rglob("*.py"))
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(SRC / "mynah")))


def assert_shapes(path, functions):
    lines = sorted({each.lineno for function in functions for each in annotations(function) if shapeless(each)})
    assert not lines, f"{path.name}, lines {lines}: say the shape, as in Float[Tensor, 'batch time feature']"


@modules(set(ROOMS) - FORWARDS_ALONE)
def test_public_signatures_say_their_shapes(path):
    assert_shapes(path, list(public(ast.parse(path.read_text(encoding="utf-8")).body)))


@modules(FORWARDS_ALONE)
def test_forwards_say_their_shapes(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    assert_shapes(path, [node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == "forward"])


def test_a_signature_without_a_shape_is_found():
    source = """
def f(x: Tensor) -> Float[Tensor, "batch time"]: ...
class C:
    def forward(self, x: Float[Tensor, "a b"], state: tuple[Tensor, Any] | None) -> Callable[[np.ndarray], int]: ...
    def _private(self, x: Tensor): ...
class _D:
    def public(self, x: Tensor): ...
"""
    found = [[shapeless(each) for each in annotations(f)] for f in public(ast.parse(source).body)]
    assert found == [[1, 0], [0, 1, 1]]
