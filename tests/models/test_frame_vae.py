"""The decoder in pieces, partials and noise apart, and sounds of a class between its clips."""

import numpy as np
import pytest
import torch

from mynah.ground.randomness import generator, seeded
from mynah.models.frame_vae import BLOCK, FrameVAE, SoundVAE, _Voice
from mynah.representations import STFT, PhaseVocoder
from mynah.testing.models import ToyClip, toy
from mynah.training import Training

FEW = Training(budget="30steps", batch=8, valid=0.0, learning_rate=4e-3)
RATE = 8000


def test_decoding_in_pieces_is_decoding_whole():
    net = seeded(0, lambda: SoundVAE(5, 100.0, 2, 6, 3, RATE)).eval()
    z, label = torch.randn(1, 5), torch.eye(2)[:1]  # a description of three numbers, octaves and length
    whole, _ = net.decode(z, label, 9)
    parts, state = [], None
    for time in (1, 5, 3):
        part, state = net.decode(z, label, time, state)
        parts.append(part)
    assert torch.allclose(torch.cat(parts, dim=1), whole, atol=1e-6)


def test_a_sound_is_described_without_its_padding():
    net = seeded(0, lambda: SoundVAE(5, 100.0, 1, 6, 3, RATE)).eval()
    frames = torch.randn(1, 8, 10)
    padded = torch.cat([frames, torch.full((1, 4, 10), 7.0)], dim=1)
    alone = net.encode(frames, torch.tensor([8]))[0]
    assert not torch.allclose(net.encode(frames[:, :4], None)[0], alone)
    assert torch.allclose(net.encode(padded, torch.tensor([8]))[0][0, 0], alone[0, 0], atol=0.2)


@pytest.mark.parametrize("level_db", [-20.0, -40.0])
def test_what_cannot_be_foretold_is_noise_of_that_power(level_db):
    module = PhaseVocoder(0.046, 0.0115).build(RATE)
    voice = _Voice(module, generator(0))
    level, beside = torch.full((300, module.bins), level_db), torch.zeros(300, module.bins)
    wave = voice.push(level, beside, torch.full((300, module.bins), 1e-6))
    power = module(wave[None, None])[0, 5:-5, 5:-5].chunk(2, dim=1)[0]
    found = 10 * torch.log10((10 ** (power[:, : module.bins - 10] / 10)).mean())
    assert abs(float(found) - level_db) < 0.5


def test_what_is_foretold_is_a_partial():
    module = PhaseVocoder(0.046, 0.0115).build(RATE)
    time = np.arange(RATE) / RATE
    wave = torch.from_numpy(np.sin(2 * np.pi * 500 * time).astype(np.float32) * 0.5)
    level, beside = module(wave[None, None])[0].chunk(2, dim=1)
    made = _Voice(module, generator(0)).push(level[5:-5], beside[5:-5], torch.full_like(level[5:-5], 8000.0))
    spectrum = made[1000:5096].numpy() * np.hanning(4096)
    loud = np.abs(np.fft.rfft(spectrum)) ** 2
    assert abs(np.argmax(loud) * RATE / 4096 - 500) < 2
    assert loud[240:272].sum() / loud.sum() > 0.98
    assert abs(float(made[1000:5096].square().mean()) / 0.125 - 1) < 0.15


def test_sounds_of_a_class_have_the_mean_and_spread_of_its_clips():
    clips, labels = toy(6)
    model = FrameVAE(hidden=12, latent=4, training=FEW).fit(clips, labels)
    net = model.net_
    z = []
    with torch.no_grad():
        for clip in (clip for clip, label in zip(clips, labels, strict=True) if label == model.classes_[1]):
            frames = model._front_end(torch.from_numpy(clip.wave)[None])[0]
            cells = net.mover.down(frames, net.octaves(frames, 1))
            z.append([*net.encode(cells[None], None)[0][0].tolist(), net.octaves(frames, 1), np.log(len(frames))])
    factor = net.factor[1].numpy()
    assert np.allclose(net.centre[1].numpy(), np.mean(z, axis=0), atol=1e-4)
    assert np.allclose(factor @ factor.T, np.cov(np.transpose(z)), atol=1e-4)


def test_a_sound_told_to_lie_an_octave_above_does():
    rate = 16_000
    clips = [ToyClip(note(220.0 * 2 ** (n / 12), rate), rate) for n in range(13)]
    training = Training(budget="150steps", batch=13, valid=0.0, learning_rate=4e-3)
    model = FrameVAE(hidden=32, latent=4, training=training).fit(clips)
    net = model.net_
    assert float(net.highest[0] - net.lowest[0]) == pytest.approx(1.0, abs=0.01)
    net.factor.zero_()
    found = []
    for octaves in (net.lowest[0], net.highest[0]):
        net.centre[0, -2] = octaves
        wave = np.concatenate(list(next(model.generate(seconds=0.5))))
        spectrum = np.abs(np.fft.rfft(wave[: rate // 4] * np.hanning(rate // 4), n=rate))
        found.append(int(np.argmax(spectrum[150:600])) + 150)  # the loudest partial is the first
    assert found == pytest.approx([220, 440], rel=0.01)


def note(hertz, rate):
    time = np.arange(rate // 2) / rate
    wave = sum(0.3 / n * np.sin(2 * np.pi * n * hertz * time) for n in range(1, 7))
    return (wave * np.exp(-3 * time))[None].astype(np.float32)


def test_a_sound_begins_where_the_one_it_goes_on_from_ends(monkeypatch):
    clips, labels = toy(2)
    model, begun = FrameVAE(hidden=12, latent=4, training=FEW).fit(clips, labels), []
    decode = model.net_.decode

    def spied(z, label, time, state=None):
        if time == BLOCK:
            begun.append(0 if state is None else state[1])
        return decode(z, label, time, state)

    monkeypatch.setattr(model.net_, "decode", spied)
    for like in (None, clips[0].wave[0]):
        next(next(model.generate(seconds=0.1, like=like, label="rising")))
    heard = model._front_end(torch.from_numpy(clips[0].wave)[None])[0]
    assert begun[0] == 0
    assert begun[-1] == len(heard) > 5


def test_other_frames_are_refused():
    clips, _ = toy(1)
    with pytest.raises(ValueError, match="phase vocoder"):
        FrameVAE(representation=STFT(), training=FEW).fit(clips)
