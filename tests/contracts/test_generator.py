"""What all generators share, on a family that makes what it is told: lengths, ends, labels, and refusals."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from mynah.contracts.generator import FADE_SECONDS, KNEE, RISE_SECONDS, GeneratorModel, limited
from mynah.ground.randomness import key
from mynah.models.frame_vae import FrameVAE
from mynah.models.glover import Glover
from mynah.models.gruv import GRUV
from mynah.representations import Frames, Waveform
from mynah.testing.models import RATE, ToyClip
from mynah.training import Batches


class Constant(GeneratorModel):
    """Makes blocks of ones; is surprised by how far a clip's level is from its class's number."""

    unit = "levels"
    block, blocks = 100, None

    def _learn(self, frames, codes, groups, keeper) -> Iterator:
        yield from ()

    def _prediction_errors(self, frames, codes):
        return np.array([abs(np.abs(clip).mean() - code) for clip, code in zip(frames, codes, strict=True)])

    def _sound(self, request):
        self.request, made = request, 0
        while self.blocks is None or made < self.blocks:
            made += 1
            yield np.ones(self.block, np.float32)

    def tensors(self):
        return {}

    def restore(self, tensors):
        pass


def clips(*samples):
    return [ToyClip(np.ones((1, n), np.float32)) for n in samples]


def whole(sound):
    return np.concatenate(list(sound))


@pytest.fixture
def model():
    return Constant().fit(clips(800, 1600, 2400, 400), ["b", "b", "b", "a"])


def test_lengths_are_those_of_the_class(model):
    assert model.lengths_[0].tolist() == [400] * 11
    assert model.lengths_[1].tolist() == [800 + 160 * k for k in range(11)]
    assert {len(whole(s)) for s in model.generate(5, label="a")} == {400}
    drawn = [len(whole(s)) for s in model.generate(40, label="b")]
    assert 800 <= min(drawn) < 1200 < 2000 < max(drawn) <= 2400
    assert len(set(drawn)) > 20


def test_a_length_that_was_asked_for_is_cut_and_filled(model):
    model.block = 333
    (wave,) = (whole(s) for s in model.generate(1, seconds=0.1, label="a"))
    fade, rise, full = round(FADE_SECONDS * RATE), round(RISE_SECONDS * RATE), limited(np.ones(1))
    assert len(wave) == 800
    assert wave[0] == 0
    assert (np.diff(wave[: rise + 1]) > 0).all()
    assert (wave[rise : 800 - fade] == full).all()
    assert (np.diff(wave[-fade:]) < 0).all()
    assert wave[-1] == 0
    assert not model.request.ends
    model.blocks = 1
    (wave,) = (whole(s) for s in model.generate(1, seconds=0.1, label="a"))
    assert wave[1:333].all()
    assert not wave[333:].any()


def test_what_goes_on_from_a_sound_does_not_rise(model):
    assert next(next(model.generate(like=np.ones(9, np.float32)))).tolist() == [limited(np.ones(1))[0]] * 20


def test_a_family_that_ends_itself_is_taken_at_its_word(model):
    model.blocks = 3
    assert len(whole(next(model.generate(label="b")))) > 800, "it says nothing of ends"
    model.ends_itself = True
    wave = whole(next(model.generate(label="b")))
    assert len(wave) == 300
    assert (np.diff(wave[-round(FADE_SECONDS * RATE) :]) < 0).all()
    assert len(whole(next(model.generate(label="b", seconds=0.1)))) == 800
    model.blocks = None
    assert {len(whole(sound)) for sound in model.generate(5, label="b")} == {2400}, "the longest that was heard"
    model.blocks = 0
    assert not whole(next(model.generate(label="b"))).any()


@pytest.mark.parametrize("block", [1, 7, 100, 5000])
def test_blocks_do_not_change_a_sound(model, block):
    sound = np.random.default_rng(0).normal(0, 1, 1000).astype(np.float32)
    model._sound = lambda request: iter(np.split(sound, range(block, 1000, block)))
    wave = whole(next(model.generate(seconds=0.125)))
    middle = slice(round(RISE_SECONDS * RATE), 1000 - round(FADE_SECONDS * RATE))
    assert np.array_equal(wave[middle], limited(sound)[middle])
    assert len(wave) == 1000


def test_peaks_are_bent_and_not_cut():
    wave = np.linspace(-3, 3, 601)
    bent = limited(wave)
    assert np.array_equal(bent[np.abs(wave) <= KNEE], wave[np.abs(wave) <= KNEE].astype(np.float32))
    assert (np.diff(bent[np.abs(wave) < 1.5]) > 0).all()
    assert np.abs(bent).max() <= 1
    assert np.abs(np.diff(bent, 2)).max() < 2e-3, "a corner"


def test_classes_take_turns_and_a_sound_to_go_on_from_chooses(model):
    codes = []
    for sound in model.generate(3, seconds=0.01):
        next(sound)
        codes.append(model.request.code)
    assert codes == [0, 1, 0]
    for level, code in ((0.1, 0), (0.9, 1)):
        next(next(model.generate(1, like=np.full(50, level, np.float32))))
        assert model.request.code == code
        assert len(model.request.like) == 50


def test_what_is_drawn_depends_on_seed_and_number_alone(model):
    def draws(count, seed):
        found = []
        for sound in model.generate(count, seconds=0.01, label="b", seed=seed):
            next(sound)
            found.append(model.request.draws.random())
        return found

    assert draws(3, 1)[:2] == draws(2, 1)
    assert len({*draws(3, 1), *draws(3, 2)}) == 6


def test_sounds_that_are_not_finite_are_an_error(model):
    model._sound = lambda request: iter([np.full(10, np.nan, np.float32)])
    with pytest.raises(FloatingPointError, match="not finite"):
        list(next(model.generate()))
    model._sound = lambda request: iter([np.full(100, 7.0, np.float32)])
    assert whole(next(model.generate(seconds=0.1))).max() == 1.0


def test_frames_say_how_long_their_clips_were():
    """Of frames of 50 samples, 24 frames are at most 1200."""
    frames = Frames.from_arrays([np.zeros((24, 50), np.float32)], Waveform(frame_seconds=50 / RATE), RATE)
    assert set(Constant().fit(frames).lengths_.ravel().tolist()) == {1200}


@pytest.mark.parametrize("family", [GRUV, Glover, FrameVAE])
def test_a_clip_as_long_as_an_excerpt_has_an_end(family):
    training = replace(family.default_training, budget="2steps", batch=4, crop_seconds=0.25, valid=0.0)
    rng = np.random.default_rng(0)
    for seconds, ends in ((0.2, True), (0.25, True), (0.3, False)):
        model, heard = family(hidden=6, training=training), []
        losses = model.losses

        def spied(net, batch, losses=losses, heard=heard):
            heard.append(batch)
            return losses(net, batch)

        model.losses = spied
        model.fit([ToyClip(rng.normal(0, 0.1, (1, round(seconds * RATE))).astype(np.float32)) for _ in range(4)])
        assert [bool(batch.ended.all()) for batch in heard] == [ends] * 2
        net, cut = model.net_.eval(), torch.ones(4, dtype=torch.bool)
        more = losses(net, replace(heard[0], cut=None)) - losses(net, replace(heard[0], cut=cut))
        assert (more > 0).all(), "the end counts for nothing"


def test_what_is_validated_on_is_neither_learned_nor_counted(monkeypatch):
    """Clips are told apart by their lengths."""
    parts, counted = {}, []

    class Spied(Batches):
        def __init__(self, examples, targets, outputs, **options):
            super().__init__(examples, targets, outputs, **options)
            parts[options["seed"]] = {len(example) for example in examples}

    class Counting(GRUV):
        def prepare(self, net, frames, codes):
            counted.extend(frames.lengths.tolist())
            super().prepare(net, frames, codes)

    monkeypatch.setattr("mynah.contracts.generator.Batches", Spied)
    training = replace(GRUV.default_training, budget="2steps", valid=0.25)
    Counting(hidden=6, training=training).fit(clips(*range(800, 4800, 200)))
    learned, validated = parts[key(0, "batches")], parts[key(0, "validation")]
    assert len(validated) == 5
    assert not learned & validated
    assert set(counted) == learned


def test_what_cannot_be_learned():
    with pytest.raises(ValueError, match="rate"):
        Constant().fit(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="labels of shape"):
        Constant().fit(clips(50, 50), ["a"])
    with pytest.raises(ValueError, match="needs the labels"):
        Constant().fit(clips(50, 50), ["a", "b"]).prediction_error(clips(50))
    with pytest.raises(ValueError, match="no sounds labelled 'c'"):
        Constant().fit(clips(50, 50), ["a", "b"]).prediction_error(clips(50), ["c"])


def test_lengths_that_no_sound_had_are_refused(model):
    facts = model.facts()
    for wrong in (10**15, 0, -5):
        with pytest.raises(ValueError, match="lengths of the sounds"):
            model.take_facts({**facts, "samples": [[wrong] * 11] * 2})
    model.take_facts(facts)
    assert model.lengths_.tolist() == facts["samples"]
