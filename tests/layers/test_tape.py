"""Intervals on a tape against stacks, queues and deques of Python, and against the published recurrences."""

import collections

import numpy as np
import pytest
import torch

from mynah.layers import tape

WIDTH = 3


def run(steps, push, pop, read):
    """Return what is read after every (u, d, v) of `steps`, and the strengths at the end, rows in their order."""
    edges, values = torch.zeros(1, 0).double(), torch.zeros(1, 0, WIDTH).double()
    seen = []
    for u, d, v in steps:
        edges = push(pop(edges, torch.tensor([[u]])), torch.tensor([[d]]))
        row = torch.tensor(v)[None, None]
        values = torch.cat([row, values] if push is tape.push_front else [values, row], dim=1)
        seen.append(read(edges, values)[0].numpy())
    return np.array(seen), tape.strengths(edges)[0].numpy()


def signals(whole, seed, count=40):
    rng = np.random.default_rng(seed)
    amounts = rng.integers(0, 2, (count, 2)).astype(float) if whole else rng.random((count, 2))
    return [(u, d, rng.normal(size=WIDTH)) for u, d in amounts]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["stack", "queue"])
def test_whole_signals_are_a_stack_and_a_queue(kind, seed):
    literal, expected = collections.deque(), []
    steps = signals(True, seed)
    for u, d, v in steps:
        if u and literal:
            literal.pop() if kind == "stack" else literal.popleft()
        if d:
            literal.append(v)
        nothing = np.zeros(WIDTH)
        expected.append((literal[-1] if kind == "stack" else literal[0]) if literal else nothing)
    push = tape.push_front if kind == "stack" else tape.push_back
    seen, strengths = run(steps, push, tape.pop_front, tape.read_front)
    np.testing.assert_array_equal(seen, np.array(expected))
    assert strengths.sum() == len(literal)
    assert set(strengths) <= {0.0, 1.0}


def by_equations(steps, kind):
    """The paper's equations of the stack and the queue, with loops; rows in the order of their pushes."""
    s, rows, seen = [], [], []
    for u, d, v in steps:
        ahead = (lambda i, s: sum(s[i + 1 :])) if kind == "stack" else (lambda i, s: sum(s[:i]))
        s = [max(0.0, s[i] - max(0.0, u - ahead(i, s))) for i in range(len(s))] + [d]
        rows.append(v)
        seen.append(sum(min(s[i], max(0.0, 1 - ahead(i, s))) * rows[i] for i in range(len(s))))
    return np.array(seen), np.array(s)


@pytest.mark.parametrize("kind", ["stack", "queue"])
def test_fractional_signals_follow_the_equations(kind):
    steps = signals(False, 4)
    expected, strengths = by_equations(steps, kind)
    push = tape.push_front if kind == "stack" else tape.push_back
    seen, found = run(steps, push, tape.pop_front, tape.read_front)
    np.testing.assert_allclose(seen, expected, atol=1e-12)
    np.testing.assert_allclose(found[::-1] if kind == "stack" else found, strengths, atol=1e-12)


def test_the_back_is_the_front_of_the_mirrored_tape():
    steps = signals(False, 5)
    front = run(steps, tape.push_front, tape.pop_front, tape.read_front)
    back = run(steps, tape.push_back, tape.pop_back, tape.read_back)
    np.testing.assert_allclose(back[0], front[0], atol=1e-12)
    np.testing.assert_allclose(back[1], front[1][::-1], atol=1e-12)


def test_gradients_are_those_of_finite_differences():
    rng = np.random.default_rng(6)
    amounts = torch.tensor(rng.random((6, 2)), requires_grad=True)
    rows = torch.tensor(rng.normal(size=(6, WIDTH)), requires_grad=True)

    def reads(amounts, rows):
        edges, found = torch.zeros(1, 0).double(), []
        for count, (u, d) in enumerate(amounts, start=1):
            edges = tape.push_back(tape.pop_front(edges, u[None, None]), d[None, None])
            found += [tape.read_front(edges, rows[None, :count]), tape.read_back(edges, rows[None, :count])]
        return torch.cat(found)

    assert torch.autograd.gradcheck(reads, (amounts, rows))
