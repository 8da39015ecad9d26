"""Notes: their pitch is measured right, a perfect and a lazy network get the errors they deserve."""

import numpy as np
import pytest
import torch
from torch import nn

from mynah.ground.randomness import generator, seeded
from mynah.layers.next_frame import NextFrame
from mynah.layers.sequence_network import TorchNetwork
from mynah.papers.problems import notes


@pytest.mark.parametrize("hertz", [110.0, 157.3, 261.6, 440.0])
def test_pitch_of_known_waves(hertz):
    time = np.arange(800) / notes.RATE
    wave = sum(np.sin(2 * np.pi * n * hertz * time + n) / n for n in range(1, 6))
    assert abs(1200 * np.log2(notes.pitch_hz(wave, notes.RATE) / hertz)) < 4
    assert np.isnan(notes.pitch_hz(np.random.default_rng(0).normal(size=800), notes.RATE))


def test_real_notes_stay_within_the_gate_and_others_do_not():
    waves, pitches, _ = notes.notes("test")
    for wave, hertz in list(zip(waves, pitches, strict=True))[:6]:
        real = wave[4000:12_000]
        assert notes.cents_off(real, hertz, real) < 20
        assert notes.cents_off(real, hertz * 2 ** (50 / 1200), real) > 30
    assert notes.cents_off(np.zeros(8000), pitches[0], waves[0][4000:]) == np.inf


def test_parts_share_no_note_and_are_the_same_every_time():
    train, test = notes.notes("train")[1], notes.notes("test")[1]
    assert not set(train) & set(test)
    assert notes.draw(generator(0), 3).frames.equal(notes.draw(generator(0), 3).frames)


def lazy():
    body = TorchNetwork(nn.GRU(4, 4, batch_first=True))
    net = seeded(0, lambda: NextFrame(body, 4, notes.MODULE.bins, notes.MODULE.span_hz)).eval()
    with torch.no_grad():  # nothing but the last frame
        net.leave.weight.zero_()
        net.leave.bias[:] = 0
        net.leave.bias[-1] = -20.0  # and no end
        net.judge.weight.zero_()
        net.judge.bias.zero_()
        net.judge.bias[[0, 3]] = 50.0
    return net


def test_a_network_that_repeats_has_the_error_of_repeating():
    assert notes.error(lazy()) == pytest.approx(notes.error(None), rel=1e-3)


def test_a_frame_that_is_repeated_keeps_its_pitch():
    _, pitches, kinds = notes.notes("test")
    note = int(np.flatnonzero(kinds == notes.KINDS.index("brass"))[0])
    made = notes.go_on(lazy(), note, 0.0, 0)
    assert len(made) == notes.MADE_SECONDS * notes.RATE - notes.MODULE.hop  # to the centre of the last frame
    assert notes.cents_off(made, pitches[note], made) < 25


def test_a_note_from_one_frame_is_as_the_gate_says():
    assert notes.resynthesis(0) == notes.resynthesis(0) >= 25


def test_learning_reports_what_the_cards_claim(monkeypatch):
    monkeypatch.setattr(notes, "STEPS", 2)
    monkeypatch.setattr(notes, "strays", lambda net, seed: np.array([5.0, 15.0, np.inf]))
    found = notes.learn(lazy(), 0)
    assert found["cents"] == 15.0
    assert found["kept"] == pytest.approx(2 / 3)
    assert found["gain"] == pytest.approx(found["error"] / notes.error(None))
