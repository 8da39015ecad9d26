"""Folds: official ones are honoured, and nothing that belongs together is ever cut."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from mynah.data import Clip, Sounds, scan, split
from mynah.data.groups import join, recordings, uneven_takes
from mynah.data.leaks import find_leaks
from mynah.ground.errors import NotEnoughData, UsageError


def clip(number, label, group=None, **facts):
    facts = {"rate": 8000, "channels": 1, "frames": 8000, "content": str(number)} | facts
    return Clip(file=f"{number}.wav", path=None, label=label, group=group or str(number), **facts)


def sounds(clips, **facts):
    return Sounds(name="x", folder=None, items=tuple(clips), **facts)


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


@pytest.mark.parametrize(
    ("name", "takes"), [("1-{0}-{1}-{2}", "AB"), ("{0}-{2}-0-{1}", "01")], ids=["ESC-50", "UrbanSound8K"]
)
def test_names_of_known_collections_say_the_recording(name, takes):
    files = [
        f"{label}/{name.format(100000 + 7 * number + label, take, label)}.wav"
        for label in (0, 3)
        for number in range(6)
        for take in takes
    ]
    labels = [file[0] for file in files]
    found = join(files, [str(n) for n in range(len(files))], labels, [None] * len(files))
    assert len(set(found)) == 12
    assert [found[n] == found[n + 1] for n in range(0, len(files), 2)] == [True] * 12
    assert not any(uneven_takes(files, labels))
    assert recordings([*files[:-1], "3/dog_1.wav"]) == []  # all files, or none


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


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=12), min_size=2, max_size=5), st.integers(2, 7))
def test_every_class_trains_in_every_fold(sizes, folds):
    many = [
        clip(f"{label}-{group}-{i}", f"c{label}", f"{label}-{group}")
        for label, groups in enumerate(sizes)
        for group, size in enumerate(groups)
        for i in range(size)
    ]
    parts = split(sounds(many), folds=folds)
    assert "without any to train on" not in parts.description
    for fold in parts.folds:
        assert {many[i].label for i in fold.train} == {c.label for c in many}
        if len(parts.folds) <= min(map(len, sizes)):
            assert {many[i].label for i in fold.test} == {c.label for c in many}


def test_a_scarce_class_leaves_three_folds():
    many = [clip(i, f"c{i % 3}") for i in range(60)] + [clip(i, "rare", f"rare {i % 2}") for i in range(60, 66)]
    parts = split(sounds(many))
    assert [sum(many[i].label == "rare" for i in fold.test) for fold in parts.folds] == [3, 3, 0]


def test_folds_are_even():
    many = sounds([clip(i, f"c{i % 7}") for i in range(103)])
    sizes = [len(fold.test) for fold in split(many).folds]
    assert max(sizes) - min(sizes) <= 1


def test_many_named_groups_share_folds():
    many = sounds([clip(i, f"c{i % 2}", f"g{i % 12}") for i in range(48)], grouped_by="bird", official="group")
    assert (split(many).kind, len(split(many).folds)) == ("stratified", 5)
    few = sounds([clip(i, f"c{i % 2}", f"{i % 3 + 9}") for i in range(48)], grouped_by="bird", official="group")
    assert [fold.name for fold in split(few).folds] == ["9", "10", "11"]


def test_an_official_split_that_lost_a_side_is_refused():
    with pytest.raises(NotEnoughData, match="empty side"):
        split(sounds([clip(i, "c", fold="train") for i in range(9)], official="split"))


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        ([f"kick_{n:02d}" for n in range(30)], 30),  # merely numbered
        ([f"{bird} ({n})" for bird in ("owl", "jay", "kea", "tit", "auk") for n in range(3)], 5),
        ([f"{bird}-take{n}" for bird in ("owl", "jay", "kea", "tit", "auk") for n in range(3)], 5),
        ([f"1-{source}-{part}" for source in range(100, 110) for part in "AB"], 10),
        ([f"long_{n}" for n in range(40)] + ["a", "b", "c", "d"], 44),  # one name would swallow the class
        ([f"{n}" for n in range(12)], 12),
    ],
)
def test_which_names_are_takes(names, groups):
    files = [f"x/{name}.wav" for name in names]
    assert len(set(join(files, files, ["x"] * len(files), [None] * len(files)))) == groups


def test_parts_of_copies_stay_together():
    files, contents = ["a.wav", "b.wav", "c.wav"], ["same", "same", "other"]
    assert join(files, contents, ["x"] * 3, [None] * 3) == ["a.wav", "a.wav", "c.wav"]
    assert join(files, contents, ["x"] * 3, ["one", "two", "two"]) == ["one"] * 3
    assert join(files, contents, ["x"] * 3, ["one", "two", "two"], as_given=True) == ["one", "two", "two"]


def test_facts_that_no_other_clip_shares_predict_nothing():
    assert list(find_leaks([clip(i, f"c{i % 2}", rate=8000 + i, frames=8000 + i) for i in range(40)])) == []


def test_a_leak_needs_more_than_a_few_recordings():
    few = [clip(i, f"c{i % 2}", f"g{i % 2}", rate=8000 * (1 + i % 2)) for i in range(40)]
    assert [leak for leak in find_leaks(few) if leak.kind == "rate"] == []


@pytest.mark.parametrize(
    ("fact", "kind", "words"),
    [
        ({"channels": 2}, "channels", "1 channel: mostly c0, 2 channels: mostly c1"),
        ({"format": "MP3/MPEG_LAYER_III"}, "codec", "MP3/MPEG_LAYER_III: mostly c1"),
        ({"rate": 16000, "frames": 16000}, "rate", "16000 Hz: mostly c1"),
    ],
)
def test_leaks_say_which_label_they_give_away(fact, kind, words):
    (leak,) = find_leaks([clip(i, f"c{i % 2}", **(fact if i % 2 else {})) for i in range(40)])
    assert (leak.kind, leak.accuracy, leak.chance) == (kind, 1.0, 0.5)
    assert words in leak.message
