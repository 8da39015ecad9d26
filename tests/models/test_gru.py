"""Both forms of the GRU as a network, the weights of one in the other, and a form that there is not."""

import pytest
import torch

from mynah.ground.randomness import seeded
from mynah.models.gru import GRU, GRUNetwork, reproduce
from mynah.testing.models import toy


def test_the_forms_are_two_functions_of_the_same_weights():
    torchs, published = (seeded(0, lambda form=form: GRUNetwork(3, 4, 1, form)) for form in ("cudnn", "cho"))
    weights = {f"rnn.0.{name.removeprefix('rnn.')}": value for name, value in torchs.state_dict().items()}
    published.load_state_dict(weights)
    x = torch.randn(2, 6, 3)
    assert (torchs(x)[0] - published(x)[0]).abs().max() > 1e-3
    with torch.no_grad():  # reset gates that are open leave no difference
        for net in (torchs, published):
            for name, value in net.named_parameters():
                if name.endswith("bias_ih_l0"):
                    value[:4] = 60.0
    torch.testing.assert_close(torchs(x)[0], published(x)[0])


def test_a_form_is_one_of_two():
    clips, labels = toy(1)
    with pytest.raises(ValueError, match="cudnn or cho, not 'v2'"):
        GRU(form="v2").fit(clips, labels)


def test_experiments_are_those_of_the_card(tiny_chorales, monkeypatch):
    forms = []
    monkeypatch.setattr("mynah.papers.problems.chorales.learn", lambda net, seed: forms.append(net) or {"nll": 1.0})
    assert reproduce("chorales", 0) == reproduce("chorales-cho", 0) == {"nll": 1.0}
    assert [type(net.body.rnn).__name__ for net in forms] == ["GRU", "Stacked"]
    with pytest.raises(ValueError, match="no experiment"):
        reproduce("adding", 0)
