"""Generators over mu-law samples: what counts as told, what a sound begins after, and what it goes on from."""

import math

import numpy as np
import pytest
import torch

from mynah.contracts.generator import Request
from mynah.models.sample_rnn import SampleRNN
from mynah.models.wavenet import WaveNet
from mynah.representations import STFT
from mynah.representations.mulaw import START, decode, encode
from mynah.testing.models import RATE, ToyClip, toy
from mynah.training import Batch, Training

TRAINING = Training(budget="2steps", batch=4, crop_seconds=0.02, augment=False)
SMALL = {"blocks": 1, "doublings": 4, "residual": 8, "skip": 16, "training": TRAINING}


@pytest.fixture(scope="module")
def fitted():
    clips, labels = toy(3)
    return WaveNet(**SMALL).fit(clips, labels)


def conditions(model, label, count, lead=RATE // 8):
    """What the network is told of each of `count` symbols after the first of the lead."""
    place = np.maximum(np.arange(1, count + 1) - lead, 0) // 128 * 128 / RATE
    clocks = np.exp(-place[:, None] / np.array([0.004, 0.016, 0.064, 0.25, 1.0]))
    one_hot = np.tile(model.classes_ == label, (count, 1))
    return torch.from_numpy(np.concatenate([one_hot, clocks], axis=1)).float()


def by_hand(model, wave, label):
    """The mean bits of the samples of one wave, after a lead that is not counted."""
    symbols = torch.cat([torch.full((RATE // 8,), START), encode(torch.from_numpy(wave))])
    with torch.no_grad():
        logits = model.net_(symbols[None, :-1], conditions(model, label, len(wave) - 1 + RATE // 8)[None])[0][0]
    nats = torch.nn.functional.cross_entropy(logits[RATE // 8 - 1 :], symbols[RATE // 8 :])
    return float(nats) / math.log(2)


@pytest.mark.parametrize("samples", [1, 700, 9000])
def test_surprise_is_that_of_the_samples_alone(fitted, samples):
    wave = np.random.default_rng(0).normal(0, 0.1, samples).astype(np.float32)
    wanted = by_hand(fitted, wave, "rising")
    assert abs(fitted.prediction_error([ToyClip(wave[None])], ["rising"])[0] - wanted) < 1e-4
    assert abs(by_hand(fitted, wave, "falling") - wanted) > 1e-6
    symbols = torch.cat([torch.full((RATE // 8,), START), encode(torch.from_numpy(wave))])
    frames = torch.stack([symbols, torch.arange(len(symbols)) - RATE // 8], dim=1)[None].float()
    padded = torch.nn.functional.pad(frames, (0, 0, 0, 5))
    row = Batch(padded, torch.tensor([frames.shape[1]]), torch.from_numpy(fitted.classes_ == "rising").float()[None])
    assert abs(fitted.losses(fitted.net_, row).item() - wanted) < 1e-4


def test_what_was_heard_is_kept_from_chunk_to_chunk():
    clips, labels = toy(2)
    model = SampleRNN(hidden=8, training=TRAINING).fit(clips, labels)
    wave = np.random.default_rng(0).normal(0, 0.1, 20_000).astype(np.float32)
    assert model.prediction_error([ToyClip(wave[None])], ["rising"])[0] == pytest.approx(
        by_hand(model, wave, "rising"), abs=2e-6
    )


def test_excerpts_show_how_sounds_begin():
    """A click, then silence: what learned it begins with one and stays silent."""
    wave = np.zeros((1, 1200), np.float32)
    wave[0, :4] = 0.9
    training = Training(budget="120steps", batch=8, crop_seconds=0.02, augment=False, learning_rate=1e-2, valid=0.0)
    model = WaveNet(**{**SMALL, "training": training}).fit([ToyClip(wave)] * 8)
    with torch.no_grad():  # before the rise that all sounds have
        made = [next(model._sound(Request(0, 1200, True, None, 0.5, seed))) for seed in range(20)]
    assert np.mean([sound[0] > 0.5 for sound in made]) > 0.6
    assert np.mean([np.abs(sound[10:]).max() < 0.01 for sound in made]) > 0.9


def test_sounds_decay_as_those_that_were_heard():
    """A tone that lasts far longer than what the network hears at a time, and fades: so does what it makes."""
    time = np.arange(RATE // 2) / RATE
    wave = (0.8 * np.sin(2 * np.pi * 500 * time) * np.exp(-time / 0.08))[None].astype(np.float32)
    training = Training(budget="250steps", batch=8, crop_seconds=0.05, augment=False, learning_rate=1e-2, valid=0.0)
    model = WaveNet(**{**SMALL, "training": training}).fit([ToyClip(wave)] * 8)
    made = [np.concatenate(list(sound)) for sound in model.generate(4, seconds=0.5, temperature=0.7)]
    early, late = (np.mean([m[part].std() for m in made]) for part in (slice(80, 480), slice(-800, None)))
    assert early > 0.2
    assert late < 0.3 * early


def test_a_sound_goes_on_from_what_was_heard(fitted):
    rng = np.random.default_rng(0)
    heard = rng.normal(0, 0.1, 400).astype(np.float32)

    def made(like):
        return np.concatenate(list(next(fitted.generate(seconds=0.02, label="rising", like=like, seed=1))))

    before = fitted.net_.body.sees
    unseen = heard.copy()
    unseen[: 400 - before] = 0.5
    assert np.array_equal(made(heard), made(unseen))  # what it cannot see changes nothing
    assert not np.array_equal(made(heard), made(heard[: -before // 2]))
    assert not np.array_equal(made(heard), made(np.tile(heard, 3))), "it cannot tell how long the sound has lasted"


def test_each_sample_is_drawn_as_it_was_told(fitted):
    """The most probable symbols, sample by sample, from the network run over the whole and the clocks as they stand."""
    heard = np.random.default_rng(0).normal(0, 0.1, 301).astype(np.float32)
    made = np.concatenate(list(next(fitted.generate(seconds=0.05, label="falling", like=heard, temperature=0))))
    symbols = torch.cat([torch.full((RATE // 8,), START), encode(torch.from_numpy(heard))]).tolist()
    with torch.no_grad():
        for _ in range(300):
            told = conditions(fitted, "falling", len(symbols))[None]
            symbols.append(int(fitted.net_(torch.tensor([symbols]), told)[0][0, -1].argmax()))
    assert np.array_equal(made[:300], decode(torch.tensor(symbols[-300:])).numpy())


def test_one_precision_and_one_representation(fitted):
    clips, labels = toy(2)
    for wrong in ({"precision": "float16"}, {"representation": STFT()}):
        with pytest.raises(ValueError, match=r"precision|takes"):
            WaveNet(**SMALL, **wrong).fit(clips, labels)
    half = SampleRNN(hidden=8, precision="bfloat16", training=TRAINING).fit(clips, labels)
    assert np.isfinite(next(next(half.generate(seconds=0.01)))).all()
