"""The echo state network: its reservoir forgets, remembers as much as it has units, and is read by least squares."""

import numpy as np
import pytest

from mynah.ground.randomness import generator
from mynah.models import echo_state
from mynah.models.echo_state import EchoState, reservoir, ridge


def drawn(units=50, radius=0.9, seed=0, **settings):
    rng = generator(seed, "test")
    return reservoir(rng, units, rng.uniform(-0.1, 0.1, (1, units)), radius=radius, density=0.2, **settings)


def test_the_largest_eigenvalue_has_the_radius():
    for radius in (0.5, 0.95):
        assert np.abs(np.linalg.eigvals(drawn(radius=radius).inner)).max() == pytest.approx(radius, rel=1e-9)


def test_two_starts_meet():
    net, rng = drawn(), generator(1, "input")
    u = rng.uniform(-1, 1, (400, 2, 1))
    u[:, 1] = u[:, 0]
    states, _ = net.run(u, rng.uniform(-1, 1, (2, 50)))
    apart = np.abs(states[:, 0] - states[:, 1]).max(axis=1)
    assert apart[0] > 0.1
    assert apart[-1] < 1e-9


def test_memory_capacity_is_at_most_the_number_of_units():
    """Jaeger 2002 (GMD 152): the squared correlations of the best recalls of all delays sum to at most N."""
    net, u = drawn(units=20), generator(2, "input").uniform(-1, 1, (6000, 1))
    states, _ = net.run(u)
    capacity = 0.0
    for delay in range(1, 60):
        told, wanted = states[200:], u[200 - delay : len(u) - delay]
        capacity += np.corrcoef((told @ ridge(told, wanted))[:, 0], wanted[:, 0])[0, 1] ** 2
    assert 5 < capacity < 20.5


def test_chunks_equal_the_whole():
    net, u = drawn(leak=0.3), generator(3, "input").uniform(-1, 1, (40, 2, 1))
    whole, last = net.run(u)
    first, state = net.run(u[:13])
    second, end = net.run(u[13:], state)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    np.testing.assert_array_equal(end, last)


def test_ridge_is_the_closed_form():
    rng = generator(4, "ridge")
    states, targets = rng.normal(size=(60, 7)), rng.normal(size=(60, 2))
    closed = np.linalg.solve(states.T @ states + 0.3 * np.eye(7), states.T @ targets)
    np.testing.assert_allclose(ridge(states, targets, 0.3), closed, rtol=1e-9)


@pytest.mark.parametrize("settings", [{"units": 0}, {"radius": 0.0}, {"density": 0.0}, {"leak": 1.5}])
def test_settings_that_cannot_be_meant(settings):
    with pytest.raises(ValueError, match="a reservoir needs"):
        EchoState(**settings).fit(np.random.default_rng(0).normal(size=(6, 4, 3)), list("ababab"))


def test_the_experiment_needs_its_feedback(monkeypatch):
    """A reservoir that does not hear what it said cannot continue the series."""
    monkeypatch.setitem(echo_state.PAPERS, 200, dict(echo_state.PAPERS[400]))
    good = echo_state.reproduce("mackey-glass-200", 100)["nrmse84"]
    echo_state.PAPERS[200]["feedback"] = 1e-3
    assert good < 0.1 < echo_state.reproduce("mackey-glass-200", 100)["nrmse84"]
