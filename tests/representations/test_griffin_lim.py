"""Waves from magnitudes: as consistent as librosa's, and a tone that keeps its pitch through log-mel bands."""

import librosa
import numpy as np
import pytest
import torch

from mynah.ground.randomness import generator
from mynah.representations import STFT, LogMel
from mynah.representations.griffin_lim import griffin_lim, magnitudes_of


@pytest.fixture(scope="module")
def wave():
    time = np.arange(8000) / 8000
    sweep = np.sin(2 * np.pi * (300 * time + 400 * time**2)) * np.exp(-2 * time)
    return (0.3 * sweep + 0.01 * np.random.default_rng(0).normal(size=8000)).astype(np.float32)


def magnitudes(stft, wave):
    return stft.by_blocks(torch.from_numpy(wave)[None, None], torch.abs)


def inconsistency(stft, wanted, wave):
    return float((magnitudes(stft, wave) - wanted).norm() / wanted.norm())


def test_spectra_are_as_near_as_librosas(wave):
    stft = STFT().build(8000)
    wanted = magnitudes(stft, wave)
    ours = griffin_lim(stft, wanted, 8000, generator(0, "phases"))[0].numpy()
    theirs = librosa.griffinlim(
        wanted[0].T.numpy(), n_iter=60, hop_length=stft.hop, win_length=stft.width, length=8000, random_state=0
    )
    reached = inconsistency(stft, wanted, ours)
    assert reached < 0.1
    assert reached < 1.1 * inconsistency(stft, wanted, theirs.astype(np.float32))
    start = griffin_lim(stft, wanted, 8000, generator(0, "phases"), iterations=0)[0].numpy()
    assert inconsistency(stft, wanted, start) > 3 * reached


def test_the_same_generator_gives_the_same_wave(wave):
    stft = STFT().build(8000)
    wanted = magnitudes(stft, wave)
    made = [griffin_lim(stft, wanted, 8000, generator(s, "phases"), iterations=3) for s in (0, 0, 1)]
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_log_mel_frames_can_be_heard(wave):
    mel = LogMel(hop_seconds=0.01).build(8000)
    frames = mel(torch.from_numpy(wave)[None, None])
    found = magnitudes_of(mel, frames)
    assert (found >= 0).all()
    heard = griffin_lim(mel.stft, found, 8000, generator(0, "phases"))
    loud = frames > frames.max() - 40
    assert float((mel(heard[:, None]) - frames)[loud].abs().mean()) < 2.0  # dB
