"""Every row of the table "bad input" that belongs to reading a folder: what goes in, what the user gets."""

import os
import struct

import numpy as np
import pytest

from mynah import audio
from mynah.data import check_enough, scan, split
from mynah.ground.errors import BadInput, NotEnoughData
from sound_files import RATE, look, only, put, tone


def test_good_folder_has_no_problems(folder):
    sounds = look(folder)
    assert (len(sounds), sounds.classes, sounds.problems, sounds.duplicates) == (12, ["high", "low"], (), ())


def test_no_such_folder(tmp_path):
    with pytest.raises(BadInput, match="no such folder"):
        scan(tmp_path / "nowhere")


def test_empty_folder_says_what_was_seen_and_what_is_read(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInput, match=r"no audio \(saw 1 \.txt\).*I read .*flac.*wav") as error:
        scan(tmp_path)
    assert error.value.exit_code == 3
    (tmp_path / "tune.MID").write_bytes(b"MThd")
    with pytest.raises(BadInput, match="`mynah compose` learn MIDI files"):
        scan(tmp_path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"", "empty"), (b"just some text here, not sound", "not a sound file"), (b"RIFF\x10\0\0\0WAVEfmt ", "damaged")],
)
def test_corrupt_file_is_set_aside(folder, content, cause):
    (folder / "low" / "bad.wav").write_bytes(content)
    sounds = look(folder)
    problem = only(sounds, "unreadable")
    assert (problem.file, problem.action) == ("low/bad.wav", "set aside")
    assert cause in problem.detail
    assert problem.remedy
    assert len(sounds) == 12


def test_aac_needs_conversion(folder):
    (folder / "low" / "song.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    assert "Convert" in only(look(folder), "unreadable").remedy


def test_strict_and_more_than_half_bad(folder):
    (folder / "low" / "bad.wav").write_bytes(b"")
    with pytest.raises(BadInput, match="set aside"):
        look(folder, strict=True)
    for number in range(14):
        (folder / "low" / f"bad{number}.wav").write_bytes(b"")
    with pytest.raises(BadInput, match="more than half"):
        look(folder)


def test_truncated_wav(folder):
    path = put(folder / "low" / "cut.wav", tone(1.0), subtype="PCM_16")
    path.write_bytes(path.read_bytes()[: 44 + RATE])  # half of the two bytes a frame
    problem = only(look(folder), "truncated")
    assert problem.action == "flagged"
    assert problem.detail == "used 0.5 s of 1 s"


def test_truncated_mp3(folder):
    path = put(folder / "low" / "cut.mp3", tone(3.0, rate=16000), rate=16000, format="MP3")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    problem = only(look(folder), "truncated")
    assert "of 3" in problem.detail


def test_whole_mp3_is_not_truncated(folder):
    put(folder / "low" / "fine.mp3", tone(3.0, rate=16000), rate=16000, format="MP3")
    assert look(folder).problems == ()


def test_an_mp3_whose_encoder_counted_its_own_header_is_not_truncated(folder):
    path = put(folder / "low" / "fine.mp3", tone(3.0, rate=16000), rate=16000, format="MP3")
    content = bytearray(path.read_bytes())
    at = max(content.find(b"Xing"), content.find(b"Info")) + 8
    packets = struct.unpack(">I", content[at : at + 4])[0]
    content[at : at + 4] = struct.pack(">I", packets + 1)
    path.write_bytes(content)
    assert audio.info(path).frames > 48000
    assert look(folder).problems == ()


def test_streamed_wav_without_length_is_not_truncated(folder):
    path = put(folder / "low" / "stream.wav", tone(0.5), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", 0xFFFFFFFF)
    path.write_bytes(content)
    assert look(folder).problems == ()


@pytest.mark.parametrize("size", [0, 1000])
def test_a_wav_that_a_recorder_did_not_finish_is_read_to_the_end(folder, size):
    wave = tone(1.5)
    path = put(folder / "low" / "crash.wav", wave, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8], content[40:44] = struct.pack("<I", 36 + size if size else 0), struct.pack("<I", size)
    path.write_bytes(content)
    sounds = look(folder)
    problem = only(sounds, "unfinished")
    assert (problem.action, problem.file) == ("flagged", "low/crash.wav")
    assert "1.5 s are used" in problem.remedy
    clip = next(clip for clip in sounds if clip.file == "low/crash.wav")
    assert clip.seconds == pytest.approx(1.5)
    assert np.abs(clip.read()[0] - wave).max() < 1e-4
    part, _ = audio.read(path, start=1.0, end=1.25)
    assert np.abs(part[0] - wave[RATE : RATE + RATE // 4]).max() < 1e-4
    assert np.array_equal(np.concatenate(list(audio.blocks(path, seconds=0.2)), axis=1), clip.read())


def test_a_wav_with_chunks_behind_its_samples_is_finished(folder):
    path = put(folder / "low" / "tagged.wav", tone(0.5), subtype="PCM_16")
    whole = path.read_bytes()
    for more in (b"LIST" + struct.pack("<I", 4) + b"INFO", b"id3 " + struct.pack("<I", 3) + b"abc", b"cue ", b"\0"):
        path.write_bytes(whole + more)
        assert look(folder).problems == (), more
        assert audio.info(path).frames == RATE // 2


def test_nan_is_set_aside_or_repaired(folder):
    wave = tone()
    wave[10:15] = np.nan
    wave[20] = np.inf
    put(folder / "low" / "nan.wav", wave, subtype="FLOAT")
    assert only(look(folder), "nan").detail == "6 samples are NaN or infinite"
    sounds = look(folder, repair=True)
    assert only(sounds, "nan").action == "repaired"
    clip = next(clip for clip in sounds if clip.file == "low/nan.wav")
    assert np.isfinite(clip.read()).all()


def test_silent_and_empty_files_are_set_aside(folder):
    put(folder / "low" / "silent.wav", np.zeros(RATE, dtype=np.float32))
    put(folder / "low" / "none.wav", np.zeros(0, dtype=np.float32))
    sounds = look(folder)
    assert only(sounds, "silent").action == only(sounds, "empty").action == "set aside"


def test_channels_that_cancel_each_other_are_named(folder):
    wave, other = tone(), tone(hertz=700.0)
    put(folder / "low" / "opposite.wav", np.stack([wave, -wave], axis=1))
    put(folder / "low" / "nearly.wav", np.stack([wave, -0.98 * wave], axis=1), subtype="FLOAT")
    put(folder / "low" / "stereo.wav", np.stack([wave, other], axis=1))
    put(folder / "low" / "left.wav", np.stack([wave, 0 * wave], axis=1))
    sounds = look(folder)
    found = {problem.file: problem for problem in sounds.problems}
    assert {file: (p.kind, p.action) for file, p in found.items()} == {
        "low/opposite.wav": ("antiphase", "flagged"),
        "low/nearly.wav": ("antiphase", "flagged"),
    }
    assert "is silent" in found["low/opposite.wav"].detail
    assert "40 dB softer" in found["low/nearly.wav"].detail
    clips = {clip.file: clip for clip in sounds}
    for file in found:
        assert np.abs(clips[file].read()[0] - wave).max() < 1e-4  # the first channel
        assert clips[file].read(mono=False).shape == (2, len(wave))
    assert np.abs(clips["low/stereo.wav"].read()[0] - (wave + other) / 2).max() < 1e-4


def test_a_folder_of_no_sound_is_named(folder):
    (folder / "owl").mkdir()
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("x")
    (folder / "kea").mkdir()
    (folder / "kea" / "broken.wav").write_bytes(b"x")
    (folder / ".hidden").mkdir()
    found = look(folder)
    assert {p.file for p in found.problems if p.kind == "empty"} == {"owl", "notes"}
    assert {p.action for p in found.problems if p.kind == "empty"} == {"flagged"}
    assert only(found, "unreadable").file == "kea/broken.wav"  # its folder holds a sound, if a bad one


def test_clipped_and_dc_are_flagged(folder):
    put(folder / "low" / "clipped.wav", np.clip(5 * tone(), -1, 1))
    put(folder / "low" / "dc.wav", tone(level=0.2) + 0.3, subtype="FLOAT")
    sounds = look(folder)
    assert only(sounds, "clipped").action == only(sounds, "dc").action == "flagged"
    assert len(sounds) == 14
    repaired = look(folder, repair=True)
    clip = next(clip for clip in repaired if clip.file == "low/dc.wav")
    assert abs(clip.read().mean()) < 1e-6


def test_one_class(tmp_path):
    for number in range(6):
        put(tmp_path / "in" / "only" / f"{'abcdef'[number]}.wav")
    with pytest.raises(NotEnoughData, match="one class only") as error:
        check_enough(look(tmp_path / "in"))
    assert error.value.exit_code == 5
    assert "Add a folder" in str(error.value)


def test_no_labels(tmp_path):
    put(tmp_path / "in" / "a.wav")
    with pytest.raises(NotEnoughData, match="no labels"):
        check_enough(look(tmp_path / "in"))


def test_too_few_clips_or_groups(folder):
    put(folder / "rare" / "x.wav")
    with pytest.raises(NotEnoughData, match="'rare' has 1 clips; at least 5"):
        check_enough(look(folder))
    assert check_enough(look(folder), anyway=True)
    for number in range(5):
        put(folder / "rare" / f"y{number}.wav", tone(0.4, 333.0))
    with pytest.raises(NotEnoughData, match="one recording"):
        check_enough(look(folder).subset([i for i, c in enumerate(look(folder)) if "x.wav" not in c.file]))


def test_mixed_rates_and_formats_are_counted(folder):
    put(folder / "low" / "fast.wav", tone(rate=44100), rate=44100, subtype="PCM_24")
    put(folder / "low" / "wide.flac", np.stack([tone(rate=48000)] * 8, axis=1), rate=48000)
    sounds = look(folder)
    assert dict(sounds.rates) == {8000: 12, 44100: 1, 48000: 1}
    wide = next(clip for clip in sounds if clip.file.endswith("flac"))
    assert wide.channels == 8
    assert wide.read(16000).shape[0] == 1
    assert wide.read(16000, mono=False).shape[0] == 8


def test_odd_names(folder):
    names = ["ünïcode 🎵.wav", "spaces and (brackets).wav", "x" * 200 + ".wav", "UPPER.WAV"]
    for name in names:
        put(folder / "low" / name)
    assert {clip.file.split("/")[1] for clip in look(folder)} >= set(names)


def test_nested_folders_junk_and_loops(folder):
    put(folder / "low" / "deep" / "deeper" / "g.wav")
    (folder / "__MACOSX").mkdir()
    put(folder / "__MACOSX" / "h.wav")
    (folder / "low" / "._ant.wav").write_bytes(b"junk")
    os.symlink(folder, folder / "low" / "loop")
    sounds = look(folder)
    assert len(sounds) == 13
    assert next(clip for clip in sounds if clip.file.endswith("/g.wav")).label == "low"
    assert sum(sounds.ignored.values()) == 3


def test_files_beside_the_labelled_folders_are_named(folder):
    put(folder / "stray.wav")
    assert only(look(folder), "unlabelled").file == "stray.wav"


def test_labels_file_naming_missing_files_or_columns(folder):
    rows = "\n".join(f"nowhere/{number}.wav,low" for number in range(7))
    (folder / "labels.csv").write_text(f"file,label\nlow/ant.wav,low\n{rows}\n")
    with pytest.raises(BadInput, match=r"7: nowhere/0\.wav, .*nowhere/4\.wav, \.\.\."):
        look(folder)
    (folder / "labels.csv").write_text("path,class\n")
    with pytest.raises(BadInput, match="no column file, label"):
        look(folder)
    (folder / "labels.csv").write_text("file,label\n../secret.wav,low\n")
    with pytest.raises(BadInput, match="not a file inside"):
        look(folder)


def test_labels_file_with_segments_groups_and_target(folder):
    (folder / "labels.csv").write_text(
        "file,kind,bird,start,end\nlow/ant.wav,a,one,0,0.1\nlow/ant.wav,b,one,0.1,0.2\nhigh/bee.wav,a,two,0.1,\n"
        "high/cat.wav,b,two,0,9\n"
    )
    sounds = look(folder, target="kind", group="bird")
    assert [clip.label for clip in sounds] == ["a", "b", "a", "b"]
    assert [round(clip.seconds, 3) for clip in sounds] == [0.1, 0.1, 0.2, 0.3]
    assert sounds[1].read().shape == (1, 800)
    parts = split(sounds)
    assert parts.kind == "groups"
    assert [fold.name for fold in parts.folds] == ["one", "two"]
    assert len([p for p in sounds.problems if p.kind == "unlabelled"]) == 9


def test_one_bad_file_does_not_hide_another(folder):
    (folder / "low" / "a.wav").write_bytes(b"")
    (folder / "high" / "b.wav").write_bytes(b"text")
    assert sorted(problem.file for problem in look(folder).problems) == ["high/b.wav", "low/a.wav"]


def test_read_only_cache_and_damaged_cache(folder):
    cache = folder.parent / "cache.json"
    first = look(folder)
    assert cache.exists()
    cache.write_text("{damaged")
    assert look(folder).fingerprint == first.fingerprint


def test_cache_sees_a_changed_file(folder):
    before = look(folder)
    put(folder / "low" / "ant.wav", tone(0.7, 700))
    after = look(folder)
    assert before.fingerprint != after.fingerprint


def test_truncated_aiff_and_rf64(folder):
    for name in ("cut.aiff", "cut.rf64"):
        path = put(folder / "low" / name, tone(1.0), subtype="PCM_16", format=name[4:].upper())
        content = path.read_bytes()
        path.write_bytes(content[: len(content) - RATE])  # half of the two bytes a frame
    details = {p.file: p.detail for p in look(folder).problems if p.kind == "truncated"}
    assert details == {"low/cut.aiff": "used 0.5 s of 1 s", "low/cut.rf64": "used 0.5 s of 1 s"}


def test_truncated_flac_is_set_aside(folder):
    path = put(folder / "low" / "cut.flac", tone(1.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    problem = only(look(folder), "unreadable")
    assert "damaged or cut off" in problem.detail


def test_a_loud_but_whole_wave_is_not_clipped(folder):
    put(folder / "low" / "loud.wav", np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE))
    assert look(folder).problems == ()


def test_repair_of_one_channel_leaves_the_other(folder):
    wave = np.stack([tone(seed="left"), tone(seed="right")], axis=1)
    wave[5, 0] = np.nan
    put(folder / "low" / "nan.wav", wave, subtype="FLOAT")
    clip = next(clip for clip in look(folder, repair=True) if clip.file == "low/nan.wav")
    right = wave[:, 1] - wave[:, 1].mean()
    assert np.allclose(clip.read(mono=False)[1], right, atol=1e-6)
    assert clip.read()[0, 5] == pytest.approx(right[5] / 2, abs=1e-3)


def test_unlabelled_files_are_told_but_are_not_bad(folder):
    (folder / "labels.csv").write_text("file,label\nlow/ant.wav,a\nhigh/bee.wav,b\nhigh/cat.wav,\n")
    sounds = look(folder)
    assert len(sounds) == 2
    told = [p for p in sounds.problems if p.kind == "unlabelled"]
    assert len(told) == 10
    assert any(p.file == "high/cat.wav" and "no label" in p.detail for p in told)
    with pytest.raises(BadInput, match="set aside"):
        look(folder, strict=True)


def test_span_outside_a_file(folder):
    (folder / "labels.csv").write_text(
        "file,label,start,end\nlow/ant.wav,a,0,0.1\nlow/bee.wav,b,7,8\nlow/cat.wav,a,0,2\n"
    )
    sounds = look(folder)
    assert len(sounds) == 2
    assert "no samples from 7 s to 8 s of 0.3 s" in only(sounds, "empty").detail
    assert only(sounds, "truncated").detail == "used 0.3 s of 2 s"


def test_all_bad_spans_are_refused(folder):
    (folder / "labels.csv").write_text("file,label,start\nlow/ant.wav,a,7\n")
    with pytest.raises(BadInput, match=r"no usable sound .*low/ant\.wav"):
        look(folder)


def test_one_sound_under_two_labels_is_told(folder):
    wave = (tone(seed="same") * 32767).astype(np.int16)
    put(folder / "low" / "one.wav", wave)
    put(folder / "high" / "two.flac", wave)
    problem = only(look(folder), "contradiction")
    assert problem.action == "flagged"
    assert "labelled 'low', but the same sound as high/two.flac, labelled 'high'" in problem.detail


def test_one_class_of_folders_names_the_folder_to_give(tmp_path):
    for name in ("soft/a.wav", "soft/b.wav", "hard/a.wav"):
        put(tmp_path / "in" / "kick" / name)
    with pytest.raises(NotEnoughData, match=r"hard, soft \.\.\..*in.kick instead"):
        check_enough(look(tmp_path / "in"))


def test_one_long_recording_cannot_be_split(tmp_path):
    put(tmp_path / "in" / "day.wav")
    (tmp_path / "in" / "labels.csv").write_text(
        "file,label,start,end\n" + "".join(f"day.wav,{'ab'[n % 2]},{n / 50},{(n + 1) / 50}\n" for n in range(12))
    )
    with pytest.raises(NotEnoughData, match=r"one recording.*labels file with start, end and group"):
        split(look(tmp_path / "in"))


def test_a_folder_of_formats_that_are_not_read(tmp_path):
    for name in ("a.m4a", "b.m4a", "c.wma", "d.txt"):
        (tmp_path / name).write_bytes(b"x")
    words = r"saw 2 \.m4a that cannot be read, 1 \.wma that cannot be read, 1 \.txt\)\. Convert it to WAV or FLAC"
    with pytest.raises(BadInput, match=words):
        scan(tmp_path)
