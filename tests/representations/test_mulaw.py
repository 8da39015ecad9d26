"""Mu-law symbols: the formula, the way back, and what lies at the edges."""

import numpy as np
import pytest
import torch

from mynah.representations import MuLaw
from mynah.representations.mulaw import LEVELS, SILENCE, START, compress, decode, edges, encode, expand
from mynah.testing.models import check_representation


def test_every_symbol_survives_the_way_through_a_wave():
    symbols = torch.arange(LEVELS)
    wave = decode(symbols)
    assert wave.dtype == torch.float32
    assert torch.equal(encode(wave), symbols)
    assert wave[0] == -1
    assert wave[-1] == 1
    torch.testing.assert_close(wave, -wave.flip(0), rtol=0, atol=1e-6)


def test_symbols_are_the_formula():
    wave = np.linspace(-1, 1, 20_001)
    companded = np.sign(wave) * np.log(1 + 255 * np.abs(wave)) / np.log(256)
    nearest = np.abs(companded[:, None] - np.linspace(-1, 1, 256)).argmin(axis=1)
    said = encode(torch.from_numpy(wave)).numpy()
    assert (np.abs(said - nearest) <= (np.abs(wave) < 1e-12)).all()  # silence is as near to 127 as to 128
    torch.testing.assert_close(expand(compress(torch.from_numpy(wave))), torch.from_numpy(wave), rtol=0, atol=1e-12)


def test_edges_are_where_symbols_change():
    assert (encode(edges() - 1e-9).numpy() == np.arange(LEVELS - 1)).all()
    assert (encode(edges() + 1e-9).numpy() == np.arange(1, LEVELS)).all()


def test_silence_and_what_is_too_loud():
    assert encode(torch.zeros(3)).tolist() == [SILENCE] * 3
    assert encode(torch.tensor([-7.0, 7.0])).tolist() == [0, LEVELS - 1]
    assert abs(decode(torch.tensor(SILENCE))) < 1e-4


@pytest.mark.parametrize("level", [1.0, 1e-2, 1e-3])
def test_a_wave_comes_back_within_half_a_step(level):
    wave = level * (2 * torch.rand(2, 3, 1001, generator=torch.Generator().manual_seed(0)) - 1)
    module = MuLaw().build(8000)
    symbols = module(wave)
    assert torch.equal(symbols, encode(wave).transpose(1, 2).float())
    back = module.inverse(symbols, 1000)
    step = (1 / 255 + wave.abs()) * np.log(256) * 2 / 255  # dx/df by that of a symbol
    assert ((back - wave[..., :1000]).abs() <= 0.52 * step[..., :1000]).all()


def test_a_symbol_of_its_own_may_stand_before_a_sound_for_a_while():
    wave = torch.randn(2, 1, 50, generator=torch.Generator().manual_seed(0))
    plain, started = MuLaw().build(8000), MuLaw(lead_seconds=0.001).build(8000)
    assert (started(wave)[:, :8] == START).all()
    assert torch.equal(started(wave)[:, 8:], plain(wave))
    assert torch.equal(started.inverse(started(wave), 50), plain.inverse(plain(wave), 50))
    check_representation(MuLaw(lead_seconds=0.001), 8000)
