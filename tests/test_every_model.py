"""The battery over every family: scikit-learn's own checks, and Mynah's."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.utils.estimator_checks import parametrize_with_checks

from mynah import catalog
from mynah.contracts.classifier import NetModel
from mynah.contracts.model import ByGradient
from mynah.contracts.sequence import SequenceModel
from mynah.representations import MuLaw
from mynah.testing.fits import check_fit
from mynah.testing.generators import check_generator
from mynah.testing.models import check_model, check_network, check_streams, check_transcriber, toy
from mynah.training import Training
from small import SMALL

NAMES = [card.name for card in catalog.cards() if "classify" in card.tasks]
#: Accuracy on the toy: what is drawn from a clip without order in time cannot tell rising from falling so well.
LEARNS = {"chance": 0.3, "knn": 0.6}


def make(name, **training):
    kind = catalog.model_class(name)
    model = kind(**SMALL.get(name, {}))
    if isinstance(model, NetModel):
        model.training = dataclasses.replace(kind.default_training, **training)
    return model


@parametrize_with_checks(
    [make(name, budget="8epochs", batch=32, learning_rate=1e-2, valid=0.0, precision="float32") for name in NAMES]
)
def test_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", NAMES)
def test_battery(name):
    check_model(lambda: make(name, budget="60epochs", batch=16, warmup_steps=5), learns=LEARNS.get(name, 0.7))


TRANSCRIBERS = [card.name for card in catalog.cards() if "transcribe" in card.tasks]


@pytest.mark.parametrize("name", TRANSCRIBERS)
def test_battery_of_transcribers(name):
    kind = catalog.model_class(name)

    def make():
        model = kind()
        if isinstance(model, ByGradient):
            model.training = dataclasses.replace(
                kind.default_training, budget="60epochs", batch=10, valid=0.1, augment=False, learning_rate=5e-3
            )
            model.hidden, model.dropout = 24, 0.0
        return model

    check_transcriber(make, learns=None if name == "constant_text" else 0.7)


GENERATORS = [card.name for card in catalog.cards() if "generate" in card.tasks]
#: Settings and training with which each learns the toy within seconds.
SMALL_GENERATORS: dict[str, tuple[dict, dict]] = {
    "gruv": ({"hidden": 12}, {"budget": "20steps"}),
    "glover": ({"hidden": 12}, {"budget": "20steps"}),
    "frame_vae": ({"hidden": 16, "latent": 4}, {"budget": "40steps"}),
    "wavenet": (
        {"blocks": 1, "doublings": 5, "residual": 16, "skip": 32},
        {"budget": "20steps", "crop_seconds": 0.05, "learning_rate": 1e-2},
    ),
    "sample_rnn": (
        {"hidden": 16},
        {"budget": "20steps", "crop_seconds": 0.02, "learning_rate": 2e-2},
    ),
}


@pytest.mark.parametrize("name", GENERATORS)
def test_battery_of_generators(name, monkeypatch):
    kind = catalog.model_class(name)
    if kind.default_representation == MuLaw(lead_seconds=0.125):  # 1,000 samples before every excerpt of 160
        monkeypatch.setattr(kind, "default_representation", MuLaw(lead_seconds=0.01))
    settings, training = SMALL_GENERATORS.get(name, ({}, {}))

    def make():
        model = kind(**settings)
        if isinstance(model, ByGradient):
            model.training = dataclasses.replace(kind.default_training, **training)
        return model

    check_generator(make)


@pytest.mark.parametrize("name", [*NAMES, *TRANSCRIBERS, *GENERATORS])
def test_card_is_true(name):
    card = catalog.card(name)
    kind = catalog.model_class(name)
    assert catalog.name_of(kind) == card.name == name
    assert card.tasks
    assert all(catalog.card(other) for other in card.superseded_by)
    assert card.cost == ("gradient" if issubclass(kind, ByGradient) else "cheap")
    assert str(card.year) in (__import__(kind.__module__, fromlist=["_"]).__doc__ or "") or name == "chance"


#: Settings of each sequence network that the laws are tested with, beside 5 units in one layer.
VARIANTS = {
    "elman": [{}, {"layers": 2}],
    "lstm": [{}, {"layers": 2}],
    "gru": [{}, {"layers": 2}],
    "clockwork": [{"hidden": 6, "modules": 3}, {"hidden": 6, "modules": 3, "layers": 2}],
    "ufcnn": [{}, {"layers": 1}, {"layers": 3, "length": 2}],
    "mingru": [{"layers": 1}, {"layers": 3}],
    "minlstm": [{"layers": 1}, {"layers": 3}],
    "lru": [{"layers": 1}, {"layers": 3}, {"state": 2}],
    "stack_rnn": [{}, {"memory": "list", "idle": True}, {"recurrent": True, "depth": 3, "capacity": 4}],
    "neural_turing_machine": [{"rows": 4, "columns": 3}, {"rows": 4, "columns": 3, "controller": "lstm"}],
    "neural_stack": [{"cell": 4}, {"memory": "queue", "cell": 3}, {"memory": "deque", "cell": 3}],
}


def networks():
    """Return (family, settings) of every family that is made of a sequence network."""
    names = [name for name in NAMES if issubclass(catalog.model_class(name), SequenceModel)]
    return [(name, settings) for name in names for settings in VARIANTS.get(name, [{}])]


def small_network(name, settings):
    torch.manual_seed(0)
    return catalog.model_class(name)(**{"hidden": 5, **settings}).network(3)


@pytest.mark.parametrize(("name", "settings"), networks(), ids=str)
def test_laws_of_sequence_networks(name, settings):
    check_network(lambda: small_network(name, settings), 3)


@pytest.mark.parametrize(("name", "settings"), networks(), ids=str)
def test_streaming_law(name, settings):
    from hypothesis import given
    from hypothesis import settings as hypothesis_settings
    from hypothesis import strategies as st

    net = small_network(name, settings).eval()

    @hypothesis_settings(max_examples=25, deadline=None)
    @given(st.lists(st.integers(1, 7), min_size=1, max_size=6))
    def law(chunks):
        check_streams(net, 3, chunks)

    law()


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


def test_what_all_batteries_share_can_fail(monkeypatch):
    """A fit that draws without a seed, one that a file changes, and one that an interruption changes."""
    from mynah.models.knn import KNN
    from mynah.models.mlp import MLP
    from mynah.training import Fit

    class Unseeded(KNN):
        def learn_arrays(self, X, codes, classes):
            return super().learn_arrays(X + 1e-3 * np.random.default_rng().normal(size=X.shape), codes, classes)

    class Forgetful(KNN):
        def restore(self, tensors):
            super().restore(tensors)
            self.scale_ = self.scale_ * 1.5

    clips, labels = toy(4)

    def check(make):
        def answer(model, which):
            return model.predict_proba([clips[i] for i in which])

        check_fit(make, make().fit(clips, labels), clips, labels, answer)

    check(KNN)
    with pytest.raises(AssertionError, match="points differs between two fits"):
        check(Unseeded)
    with pytest.raises(AssertionError, match="an answer differs after a file"):
        check(Forgetful)

    training, draws = Training(budget="20steps", batch=16), np.random.default_rng(0)

    def net(seed=0):
        return MLP(hidden=4, training=training, random_state=seed)

    check(net)
    with pytest.raises(AssertionError, match="differs between two fits with one seed"):
        check(lambda: net(int(draws.integers(1000))))
    monkeypatch.setattr(Fit, "restore", lambda fit, state: None)
    with pytest.raises(AssertionError, match="differs after an interruption"):
        check(net)
