"""The Elman network's equation, and the curves that show its gradient vanish where that of an open LSTM stays."""

import math

import pytest
import torch

from mynah.models.elman import STEPS, UNITS, ElmanNetwork, curves, reproduce
from mynah.report.curves import lines


def test_the_network_is_its_equation():
    net = ElmanNetwork(3, 4, 1).double()
    w, u, *biases = (value for _, value in net.rnn.named_parameters())
    torch.testing.assert_close(u @ u.T, torch.eye(4).double(), rtol=0, atol=1e-6)  # orthogonal at the start
    x, h = torch.randn(2, 5, 3, dtype=torch.float64), torch.zeros(2, 4, dtype=torch.float64)
    for step, y in enumerate(net(x)[0].unbind(dim=1)):
        h = torch.tanh(x[:, step] @ w.T + h @ u.T + sum(biases))
        torch.testing.assert_close(y, h)


@pytest.fixture(scope="module")
def drawn():
    return curves()


def test_gradients_vanish_but_where_the_forget_gate_is_open(drawn):
    series = drawn["series"]
    assert list(series) == ["tanh", "LSTM", "LSTM, forget bias 1", "GRU"]
    for points in series.values():
        assert [lag for lag, _ in points] == list(range(STEPS))
        assert points[0][1] == 1.0
        assert all(math.isfinite(norm) and norm >= 0 for _, norm in points)
    after = {name: points[30][1] for name, points in series.items()}
    assert after["tanh"] < 1e-4
    assert after["LSTM, forget bias 1"] > 10 * max(after["LSTM"], after["tanh"])
    assert after["tanh"] > series["tanh"][60][1]


def test_a_curve_is_the_gradient_by_finite_differences(drawn):
    """The tanh curve is proportional to what a small change so many steps back does to the last output."""
    from mynah.ground.randomness import generator, seeded
    from mynah.papers.problems import adding

    net = seeded(0, lambda: torch.nn.RNN(adding.INPUTS, UNITS, batch_first=True)).double()
    x = adding.draw(generator(0, "curves"), 16, length=STEPS).frames.double()

    def norm(lag):
        slopes = []
        for feature in range(adding.INPUTS):
            moved = [x.clone(), x.clone()]
            for sign, each in zip((-1, 1), moved, strict=True):
                each[:, STEPS - 1 - lag, feature] += sign * 1e-4
            below, above = (net(each)[0][:, -1].sum(dim=1) for each in moved)
            slopes.append((above - below) / 2e-4)
        return torch.stack(slopes).norm(dim=0).mean()

    with torch.no_grad():
        wanted = float(norm(3) / norm(0))
    assert drawn["series"]["tanh"][3][1] == pytest.approx(wanted, rel=1e-3)


def test_the_curves_can_be_drawn_and_follow_the_seed(drawn):
    assert lines(**drawn).startswith("<svg")
    assert drawn["log"] is True
    assert drawn == curves(0)
    assert drawn["series"] != curves(1)["series"]


def test_unknown_experiments_are_refused():
    with pytest.raises(ValueError, match="no experiment 'nonsense'"):
        reproduce("nonsense", 0)
