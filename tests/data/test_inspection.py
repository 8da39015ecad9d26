"""Inspection: whatever the bytes, an answer; remembered only while it holds."""

import io
import json
import os
import threading

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mynah import audio
from mynah.data import inspection
from mynah.data.inspection import inspect, inspect_all
from mynah.ground.errors import BadInput, Stopped
from sound_files import RATE, look, put, tone


def encoded(kind):
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(0.2), RATE, format=kind)
    return buffer.getvalue()


WHOLE = {kind: encoded(kind) for kind in ("WAV", "FLAC", "MP3", "OGG", "AIFF", "CAF")}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=8)), max_size=4),
    st.floats(0, 1),
)
def test_any_bytes_get_an_answer(tmp_path, kind, wounds, kept):
    content = bytearray(WHOLE[kind])
    for place, bytes_there in wounds:
        at = int(place * len(content))
        content[at : at + len(bytes_there)] = bytes_there
    path = tmp_path / f"wounded.{kind.lower()}"
    path.write_bytes(content[: int(kept * len(content))])
    found = inspect(path)
    assert bool(found.error) != bool(found.rate)
    assert not found.error or found.remedy


def test_a_header_that_promises_terabytes_takes_no_memory(tmp_path):
    path = put(tmp_path / "big.wav", tone(0.2), subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[40:44] = (2**31 - 2**16).to_bytes(4, "little")
    path.write_bytes(content)
    assert inspect(path).frames == 1600


def test_one_sound_has_one_content_in_every_lossless_format(tmp_path):
    wave = (tone() * 32767).astype(np.int16)
    stereo = np.stack([wave, wave[::-1]], axis=1)
    for sound in (wave, stereo):
        contents = {
            inspect(put(tmp_path / f"a.{kind.lower()}", sound / 32768, format=kind, subtype=subtype)).content
            for kind, subtype in [("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_24"), ("AIFF", "PCM_16")]
        }
        assert len(contents) == 1
    assert inspect(put(tmp_path / "b.wav", wave)).content != inspect(put(tmp_path / "c.wav", wave, rate=9000)).content


def test_blocks_measure_as_the_whole_does(tmp_path, monkeypatch):
    wave = tone(1.0) + 0.1
    wave[100:110] = np.inf
    path = put(tmp_path / "a.wav", wave, subtype="FLOAT")
    whole = inspect(path)
    monkeypatch.setattr(inspection, "BLOCK_SECONDS", 0.07)
    parts = inspect(path)
    assert (parts.frames, parts.bad, parts.peak, parts.content) == (whole.frames, 10, whole.peak, whole.content)
    assert parts.mean == pytest.approx(whole.mean)


def test_workers_and_one_process_agree(folder, monkeypatch):
    (folder / "low" / "bad.wav").write_bytes(b"no sound")
    paths = [str(path) for path in sorted(folder.rglob("*.wav"))]
    alone = inspect_all(paths)
    monkeypatch.setattr(inspection, "FILES_A_TASK", 5)
    assert inspect_all(paths, workers=2) == alone


def test_long_files_are_dealt_out_by_size():
    megabyte = 2**20
    tasks = inspection._tasks(range(6), [40 * megabyte, 40 * megabyte, 1, 1, 100 * megabyte, 1])
    assert tasks == [[0], [1, 2, 3], [4], [5]]


def test_unchanged_files_are_not_read_again(folder, monkeypatch):
    first = look(folder)
    monkeypatch.setattr(inspection, "inspect", lambda path: pytest.fail(f"read {path} again"))
    assert look(folder).fingerprint == first.fingerprint


def test_a_failure_is_not_remembered(folder, monkeypatch):
    denied = BadInput("the file cannot be opened", measured="Permission denied")
    with monkeypatch.context() as patch:
        patch.setattr(audio, "stream", lambda path, **_: (_ for _ in ()).throw(denied))
        with pytest.raises(BadInput, match="more than half"):
            look(folder)
    assert len(look(folder)) == 12


def refilled(text, values):
    document = json.loads(text)
    return json.dumps(document | {"files": dict.fromkeys(document["files"], values)})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "[]",
        lambda text: "[" * 100_000,
        lambda text: refilled(text, [1]),
        lambda text: refilled(text, [None] * 12),
        lambda text: text.replace(f'"version": {inspection.VERSION}', '"version": 0'),
    ],
)
def test_a_damaged_cache_is_replaced(folder, damage):
    cache = folder.parent / "cache.json"
    first = look(folder)
    whole = cache.read_text()
    assert damage(whole) != whole
    cache.write_text(damage(whole))
    assert look(folder).fingerprint == first.fingerprint
    assert cache.read_text() == whole
    assert sorted(os.listdir(folder.parent)) == ["cache.json", "in"]


def test_a_cache_that_cannot_be_written_is_no_fault(folder):
    (folder.parent / "file").write_text("")
    cache = folder.parent / "file" / "cache.json"
    assert len(inspect_all([str(folder / "low" / "ant.wav")], cache=cache)) == 1


def test_vanished_files_leave_the_cache(folder):
    look(folder)
    (folder / "low" / "ant.wav").unlink()
    look(folder)
    assert "ant.wav" not in (folder.parent / "cache.json").read_text().replace("high/ant.wav", "")


def test_the_decoder_keeps_quiet_and_gives_the_terminal_back(tmp_path, capfd):
    path = put(tmp_path / "cut.mp3", tone(3.0, rate=16000), rate=16000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    threads = [threading.Thread(target=inspect, args=(path,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_a_stop_goes_on_up(folder, monkeypatch):
    def stop(*_, **__):
        raise Stopped("stopped by SIGTERM")

    monkeypatch.setattr(audio, "stream", stop)
    with pytest.raises(Stopped):
        inspect(folder / "low" / "ant.wav")
