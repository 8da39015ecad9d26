"""The battery over every family: scikit-learn's own checks, and Mynah's."""

import dataclasses

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from mynah import catalog
from mynah.model import NetModel
from mynah.testing import check_causal, check_model, check_streams
from mynah.training import Training

NAMES = [card.name for card in catalog.cards()]
#: Accuracy on the toy: what is drawn from a clip without order in time cannot tell rising from falling so well.
LEARNS = {"chance": 0.3, "knn": 0.6}
SMALL = {"resnet": {"widths": (8, 12, 16)}, "forest": {"trees": 40}}


def make(name, **training):
    kind = catalog.model_class(name)
    model = kind(**SMALL.get(name, {}))
    if isinstance(model, NetModel):
        model.training = dataclasses.replace(kind.default_training, **training)
    return model


@parametrize_with_checks(
    [make(name, budget="15epochs", batch=32, learning_rate=1e-2, valid=0.0, precision="float32") for name in NAMES]
)
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
def test_battery(name):
    check_model(lambda: make(name, budget="60epochs", batch=16, warmup_steps=5), learns=LEARNS.get(name, 0.7))


@pytest.mark.parametrize("name", NAMES)
def test_card_is_true(name):
    card = catalog.card(name)
    kind = catalog.model_class(name)
    assert catalog.name_of(kind) == card.name == name
    assert card.tasks
    assert all(catalog.card(other) for other in card.superseded_by)
    assert card.cost == ("gradient" if issubclass(kind, NetModel) else "cheap")
    assert str(card.year) in (__import__(kind.__module__, fromlist=["_"]).__doc__ or "") or name == "chance"


def networks():
    from mynah.models.elman import ElmanNetwork
    from mynah.models.gru import GRUNetwork
    from mynah.models.lstm import LSTMNetwork

    return [kind(3, 5, layers).eval() for kind in (ElmanNetwork, GRUNetwork, LSTMNetwork) for layers in (1, 2)]


@pytest.mark.parametrize("net", networks(), ids=lambda net: type(net).__name__)
def test_streaming_law(net):
    from hypothesis import given, settings
    from hypothesis import strategies as st

    @settings(max_examples=25, deadline=None)
    @given(st.lists(st.integers(1, 7), min_size=1, max_size=6))
    def law(chunks):
        check_streams(net, 3, chunks)

    law()
    check_causal(net, 3)


def test_batteries_can_fail():
    """The law and the battery see a network that forgets its state, and a model that peeks at its neighbours."""
    from mynah.models.gru import GRU, GRUNetwork

    class Forgetful(GRUNetwork):
        def forward(self, x, state=None):
            return super().forward(x, None)

    with pytest.raises(AssertionError, match="chunks differ"):
        check_streams(Forgetful(3, 5, 1).eval(), 3, [4, 4])

    class Peeking(GRU):
        def _log_scores(self, frames):
            scores = super()._log_scores(frames)
            return scores + len(scores) * 1e-3 * (scores == scores.max())

    with pytest.raises(AssertionError, match="depends on its neighbours"):
        check_model(lambda: Peeking(training=Training(budget="30epochs", batch=16)))
