"""GRUV: its cells, what it may hear, its experiments, and a sound that goes on from another."""

import numpy as np
import pytest
import torch

from mynah.models import glover, gruv
from mynah.models.glover import Glover
from mynah.models.gruv import GRUV
from mynah.representations import STFT
from mynah.representations.phase_vocoder import Resynthesis
from mynah.testing.models import toy
from mynah.training import Training

FEW = Training(budget="8steps", batch=8, valid=0.0)


def test_cells_are_two_and_frames_are_those_of_a_phase_vocoder():
    clips, _ = toy(1)
    with pytest.raises(ValueError, match="lstm or gru, not 'rnn'"):
        GRUV(cell="rnn", training=FEW).fit(clips)
    with pytest.raises(ValueError, match="phase vocoder"):
        GRUV(representation=STFT(), training=FEW).fit(clips)
    assert type(GRUV(hidden=4, cell="gru", training=FEW).fit(clips).net_.body.rnn).__name__ == "GRU"


def test_glover_is_told_the_class_and_gruv_is_not():
    clips, labels = toy(2)
    told, untold = (kind(hidden=6, training=FEW).fit(clips, labels) for kind in (Glover, GRUV))
    assert (told.net_.classes, untold.net_.classes) == (3, 0)
    each = [told.prediction_error(clips[:1], [label])[0] for label in told.classes_]
    same = [untold.prediction_error(clips[:1], [label])[0] for label in untold.classes_]
    assert len(set(each)) == 3
    assert len(set(same)) == 1


def test_what_is_heard_decides_how_it_goes_on():
    clips, labels = toy(2)
    model = Glover(hidden=6, training=FEW).fit(clips, labels)
    made = [
        np.concatenate(list(next(model.generate(seconds=0.05, like=clip.wave[0], label="rising", temperature=0))))
        for clip in clips[:2]
    ]
    assert np.abs(made[0] - made[1]).max() > 1e-3


def test_phases_go_on_from_what_was_heard(monkeypatch):
    clips, labels = toy(2)
    model, begun = GRUV(hidden=6, training=FEW).fit(clips, labels), []

    class Spied(Resynthesis):
        def push(self, frames):
            begun.append(self.turns)
            return super().push(frames)

    monkeypatch.setattr("mynah.contracts.spectral.Resynthesis", Spied)
    next(next(model.generate(seconds=0.1, like=clips[0].wave[0], label="rising", temperature=0)))
    front = model._front_end
    turns = front.spectrum(front(torch.from_numpy(clips[0].wave)[None])[0])[1]
    assert turns.abs().max() > 0.1
    assert torch.equal(begun[0], turns)


@pytest.mark.parametrize("family", [GRUV, Glover])
def test_the_highest_temperature_makes_sounds_and_the_lowest_the_most_probable(family):
    clips, labels = toy(2)
    model = family(hidden=6, training=FEW).fit(clips, labels)

    def made(temperature):
        return np.concatenate(list(next(model.generate(seconds=0.3, label="rising", temperature=temperature))))

    assert np.isfinite(made(10.0)).all()
    assert np.array_equal(made(1e-310), made(0))
    level = torch.full((1, 1, model.net_.bins), 1e6)
    assert (model.net_.frames(level, torch.zeros_like(level))[..., : model.net_.bins] == 0).all()


def test_experiments_are_those_of_the_cards(monkeypatch):
    nets = []
    monkeypatch.setattr("mynah.papers.problems.notes.learn", lambda net, seed: nets.append(net) or {"error": 1.0})
    for module, experiment in ((gruv, "notes"), (gruv, "notes-gru"), (glover, "notes")):
        assert module.reproduce(experiment, 0) == {"error": 1.0}
    assert [type(net.body.rnn).__name__ for net in nets] == ["LSTM", "GRU", "LSTM"]
    assert [net.classes for net in nets] == [0, 0, 4]
    for module in (gruv, glover):
        with pytest.raises(ValueError, match="no experiment"):
            module.reproduce("adding", 0)
