"""Folds: official ones are honoured, and nothing that belongs together is ever cut."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mynah.errors import UsageError
from mynah.sounds import Clip, Sounds, scan, split
from mynah.sounds.leaks import find_leaks


def clip(number, label, group=None, **facts):
    facts = {"rate": 8000, "channels": 1, "frames": 8000, "content": str(number)} | facts
    return Clip(file=f"{number}.wav", path=None, label=label, group=group or str(number), **facts)


def sounds(clips, **facts):
    return Sounds(name="x", folder=None, clips=tuple(clips), **facts)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.lists(st.integers(0, 11), min_size=30, max_size=80), st.integers(0, 3))
def test_no_group_is_cut_and_every_clip_judges_once(classes, groups, seed):
    clips = [clip(i, f"c{(g + i) % classes}", f"g{g}") for i, g in enumerate(groups)]
    if len({c.group for c in clips}) < 2:
        return
    parts = split(sounds(clips), seed=seed)
    judged = np.concatenate([fold.test for fold in parts.folds])
    assert sorted(judged) == list(range(len(clips)))
    for fold in parts.folds:
        assert not {clips[i].group for i in fold.train} & {clips[i].group for i in fold.test}
        assert len(fold.train) + len(fold.test) == len(clips)


def test_same_seed_same_folds_other_seed_other_folds():
    many = sounds([clip(i, f"c{i % 3}") for i in range(60)])
    one, two, three = split(many, seed=1), split(many, seed=1), split(many, seed=2)
    assert all(np.array_equal(a.test, b.test) for a, b in zip(one.folds, two.folds, strict=True))
    assert not all(np.array_equal(a.test, b.test) for a, b in zip(one.folds, three.folds, strict=True))


def test_stratified_folds_hold_every_class():
    parts = split(sounds([clip(i, f"c{i % 3}") for i in range(60)]))
    assert all(len({i % 3 for i in fold.test}) == 3 for fold in parts.folds)


def test_one_fold_makes_no_comparison():
    with pytest.raises(UsageError, match="at least 2 folds"):
        split(sounds([clip(0, "a"), clip(1, "b")]), folds=1)


def test_takes_of_one_name_stay_together_but_numbered_clips_do_not(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"drum_{kind}_{take}" for kind in "abcdef" for take in (1, 2)]
    for label, files in (("takes", names), ("numbered", [f"kick_{n:02d}" for n in range(12)])):
        (tmp_path / "in" / label).mkdir(parents=True)
        for name in files:
            soundfile.write(tmp_path / "in" / label / f"{name}.wav", rng.normal(0, 0.1, 800), 8000)
    found = scan(tmp_path / "in", cache=tmp_path / "cache.json")
    groups = {label: {c.group for c in found if c.label == label} for label in ("takes", "numbered")}
    assert len(groups["takes"]) == 6
    assert len(groups["numbered"]) == 12


def test_duplicates_share_a_group_across_formats(tmp_path):
    wave = (np.random.default_rng(0).normal(0, 0.1, 800) * 32768).astype(np.int16)
    for name in ("a/one.wav", "b/two.flac"):
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        soundfile.write(tmp_path / "in" / name, wave, 8000, subtype="PCM_16")
    found = scan(tmp_path / "in", cache=tmp_path / "cache.json")
    assert found.duplicates == (("a/one.wav", "b/two.flac"),)
    assert found[0].group == found[1].group


def test_leaks_are_found_and_innocence_is_not_accused():
    cheating = [clip(i, f"c{i % 2}", rate=8000 * (1 + i % 2), frames=8000 * (1 + i % 2)) for i in range(40)]
    assert [leak.kind for leak in find_leaks(cheating)] == ["rate"]
    rng = np.random.default_rng(0)
    rates = [int(rate) for rate in rng.choice([8000, 16000], 40)]
    honest = [clip(i, f"c{i % 2}", rate=rate, frames=rate) for i, rate in enumerate(rates)]
    assert list(find_leaks(honest)) == []
    longer = [clip(i, f"c{i % 2}", frames=8000 + 4000 * (i % 2) + i) for i in range(40)]
    assert [leak.kind for leak in find_leaks(longer)] == ["duration"]


def test_official_protocols(shared_data, tmp_path):
    cache = tmp_path / "cache.json"
    digits = scan(shared_data / "fsdd", cache=cache)
    fold = split(digits).folds[0]
    assert (len(fold.train), len(fold.test), split(digits).kind) == (2250, 250, "official split")
    speakers = split(scan(shared_data / "fsdd", group="speaker", cache=cache))
    assert [len(fold.test) for fold in speakers.folds] == [500] * 5
    esc = split(scan(shared_data / "esc10", cache=cache))
    assert ([len(fold.test) for fold in esc.folds], esc.kind) == ([80] * 5, "official folds")
