"""Character RNN: plain texts, alphabets, and bits that the true chain would cost."""

import numpy as np
import pytest
import torch
from torch import nn

from mynah.models import char_rnn as c
from mynah.problems import markov_text
from mynah.training import Training

TRAINING = Training(budget="80steps", batch=16, learning_rate=1e-2, valid=0.0)


@pytest.fixture(scope="module")
def model():
    return c.CharRNN(hidden=24, layers=1, dropout=0.0, window=16, training=TRAINING).fit(["abcabcabc.", "abcabc."])


def test_plain_texts_are_learned_and_written(model):
    assert model.alphabet_ == list(".abc")
    assert next(model.write(temperature=0, like="ab")) in ("abcabcabc.", "abcabc.")
    two = list(model.write(2, seed=3, characters=7))
    assert two == list(model.write(2, seed=3, characters=7))
    assert max(map(len, two)) <= 7
    assert two[0] == next(model.write(1, seed=3, characters=7))


def test_rows_are_characters_between_edges(model):
    rows = model.encode("ab?")
    assert rows[:, 1].tolist() == [3, 4, c.UNKNOWN, c.EDGE]
    assert rows[:, 0].tolist() == [c.EDGE, 3, 4, c.UNKNOWN]
    assert np.isfinite(model.surprise(["zzz"])).all()
    assert model.surprise(["abcabc."]) < model.surprise(["cba"])


def test_what_cannot_be_meant(model):
    for wrong in ({"characters": 0}, {"temperature": -1}):
        with pytest.raises(ValueError, match=r"1 character or more|between 0"):
            model.write(**wrong)
    with pytest.raises(ValueError, match="without a character"):
        c.CharRNN().fit(["a", ""])
    with pytest.raises(ValueError, match="alphabet"):
        c.CharRNN().take_facts({**model.facts(), "labels": ["ab"]})


class Known(nn.Module):
    """Answers with the true odds after the three letters before."""

    def forward(self, rows, state=None):
        letters = rows[:, :, 0].long().numpy()
        odds = np.full((*letters.shape, 8), 1 / 8)
        odds[:, 2:] = markov_text.odds(0)[letters[:, :-2], letters[:, 1:-1], letters[:, 2:]]
        return torch.from_numpy(np.log(odds + 1e-12)), None


def test_who_knows_the_chain_needs_its_entropy():
    assert c._bits(Known(), 0) == pytest.approx(markov_text.entropy(0), abs=0.02)


def test_the_experiment_in_small(monkeypatch):
    monkeypatch.setattr(c, "STEPS", 60)
    monkeypatch.setattr(c, "HIDDEN", 32)
    found = c.reproduce("markov", 100)
    assert found["excess"] == pytest.approx(found["bits"] - found["entropy"])
    assert 0.05 < found["excess"] < 2
    assert found["saved"] > 0
    with pytest.raises(ValueError, match="no experiment"):
        c.reproduce("x", 0)
