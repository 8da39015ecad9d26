"""Character RNN: plain texts, alphabets, and bits that the true chain would cost."""

from itertools import chain, cycle

import numpy as np
import pytest
import torch
from torch import nn

from mynah.models import char_rnn as c
from mynah.music import Meter, Note, Piece
from mynah.papers.problems import markov_text
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
    assert np.isfinite(model.prediction_error(["zzz"])).all()
    assert model.prediction_error(["abcabc."]) < model.prediction_error(["cba"])


def test_what_cannot_be_meant(model):
    for wrong in ({"characters": 0}, {"temperature": -1}):
        with pytest.raises(ValueError, match=r"1 character or more|between 0"):
            model.write(**wrong)
    with pytest.raises(ValueError, match="without a character"):
        c.CharRNN().fit(["a", ""])
    with pytest.raises(ValueError, match="alphabet"):
        c.CharRNN().take_facts({**model.facts(), "alphabet": ["ab"]})


HEAD = "X:1\nM:4/4\nL:1/16\nK:C\n"


def composed(model, monkeypatch, text, again, **options):
    """Return what a model composes that writes a text, and then another without end."""
    monkeypatch.setattr(model, "_characters", lambda *_, **__: chain(text, cycle(again)))
    return next(model.generate(1, **options))


@pytest.mark.parametrize(
    "again", ["C16D8E16|", "C4D4|", "C4D4E4F4|", "CD|||E2F", "c16-d16", "C3|", "X:1\nM:4/4\nL:1/16\nc3"]
)
@pytest.mark.parametrize("bars", [1, 16, 40])
def test_there_are_as_many_bars_as_were_asked_for_whatever_lines_are_written(model, monkeypatch, again, bars):
    made = composed(model, monkeypatch, HEAD, again, bars=bars)
    assert made.end == bars * 4 * 480
    assert made.meters == (Meter(0),)
    assert sum(note.end - note.start for note in made.notes) == made.end


def test_bars_are_of_the_meters_that_are_written(model, monkeypatch):
    waltz = HEAD.replace("4/4", "3/4")
    assert composed(model, monkeypatch, waltz, "C4D4E4F4|", bars=8).end == 8 * 3 * 480
    text = "C12|C6[M:2/4]C6|[M:2/4]D8|[M:2/4]"  # of these, the first lies in a bar and the last changes nothing
    made = composed(model, monkeypatch, waltz + text, "D8|", bars=4)
    assert made.meters == (Meter(0, 3, 4), Meter(6 * 480, 2, 4))
    assert made.end == (3 + 3 + 2 + 2) * 480
    assert composed(model, monkeypatch, "M:255/1\n", "C200", bars=2500).end == 10_000 * 480


def test_after_what_is_given_bars_are_of_its_meter(model, monkeypatch):
    like = Piece((Note(0, 480, 60),), meters=(Meter(0, 3, 4),))
    made = composed(model, monkeypatch, "[M:4/4]", "C16|", bars=2, like=like)
    assert (made.end, made.meters) == (9 * 480, like.meters)


def test_a_tune_that_does_not_go_on_is_ended(model, monkeypatch):
    assert composed(model, monkeypatch, HEAD + "C4", "|", bars=16).end == 480


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
