"""Previews: which clips are worth hearing, and what is written of them."""

import base64
import io
import json

import numpy as np
import pytest
import soundfile

from mynah.ground.errors import BadInput, Stopped
from mynah.runs import previews
from mynah.runs.previews import loudest_start, preview_order, spectrogram, write_previews
from mynah.tasks import by_name

CLASSIFY = by_name("classify")


class Tone:
    """A sine with a loud second in the middle."""

    def __init__(self, hertz=440.0, seconds=2.0, rate=16_000, level=0.1, loud_at=None):
        self.hertz, self.seconds, self.rate, self.level, self.loud_at = hertz, seconds, rate, level, loud_at

    def read(self, rate=None, mono=True):
        rate = rate or self.rate
        time = np.arange(round(self.seconds * rate)) / rate
        level = np.full(len(time), self.level)
        if self.loud_at is not None:
            level[(time >= self.loud_at) & (time < self.loud_at + 1)] *= 5
        return (level * np.sin(2 * np.pi * self.hertz * time))[None].astype(np.float32)


class Gone:
    rate = 16_000

    def read(self, rate=None, mono=True):
        raise BadInput("no such file", where="gone.wav")


def index_of(folder):
    return json.loads((folder / "index.json").read_text())


def test_sound_and_picture_of_a_clip(tmp_path):
    write_previews([Tone(level=0.01)], [0], tmp_path / "previews")
    entry = index_of(tmp_path / "previews")["0"]
    wave, rate = soundfile.read(io.BytesIO((tmp_path / "previews" / entry["mp3"]).read_bytes()))
    assert rate == 16_000
    assert len(wave) / rate == pytest.approx(2.0, abs=0.1)
    assert np.abs(wave).max() == pytest.approx(10 ** (-3 / 20), rel=0.1)
    assert entry["gain_db"] == pytest.approx(37.0, abs=0.2)
    assert entry["seconds"] == 2.0
    picture = np.frombuffer(base64.b64decode(entry["spectrogram"]), np.uint8).reshape(entry["height"], entry["width"])
    assert picture.shape == (48, 160)
    assert entry["max_hz"] == 8000


def test_the_order_given_is_the_order_of_the_index(tmp_path):
    write_previews([Tone(seconds=0.2)] * 4, [2, 0, 2, 3], tmp_path)
    assert list(index_of(tmp_path)) == ["2", "0", "3"]


def test_a_long_clip_is_cut_to_its_loudest_stretch(tmp_path):
    write_previews([Tone(seconds=8.0, loud_at=5.0)], [0], tmp_path, seconds=1.0)
    entry = index_of(tmp_path)["0"]
    assert entry["start"] == pytest.approx(5.0, abs=0.02)
    assert entry["seconds"] == 1.0


def test_high_rates_are_brought_down(tmp_path):
    write_previews([Tone(rate=96_000, seconds=0.2)], [0], tmp_path)
    assert soundfile.info(io.BytesIO((tmp_path / "00000.mp3").read_bytes())).samplerate == 32_000


@pytest.mark.parametrize("samples", [1, 7, 200])
def test_the_shortest_clips_have_a_preview(tmp_path, samples):
    write_previews(
        [Tone(seconds=samples / 16_000, hertz=4000, level=0.5), Tone(seconds=samples / 16_000)], [0, 1], tmp_path
    )
    assert all(entry["width"] == 160 for entry in index_of(tmp_path).values())


def test_silence_and_lost_files_are_left_out_and_stop_nothing(tmp_path):
    write_previews([Tone(level=0.0), Gone(), Tone()], [0, 1, 2], tmp_path)
    assert list(index_of(tmp_path)) == ["2"]


def test_a_second_run_leaves_no_stale_sound(tmp_path):
    clips = [Tone(seconds=0.1)] * 3
    write_previews(clips, [0, 1], tmp_path)
    write_previews(clips, [2], tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00002.mp3", "index.json"]


def test_an_interruption_keeps_what_was_made(tmp_path):
    class Interrupting(Tone):
        def read(self, rate=None, mono=True):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_previews([Tone(seconds=0.1), Interrupting()], [0, 1], tmp_path)
    assert list(index_of(tmp_path)) == ["0"]


def test_a_folder_that_cannot_be_made_is_a_clear_stop(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Stopped, match="previews could not be written"):
        write_previews([Tone()], [0], tmp_path / "file" / "previews")


def test_progress_is_told(tmp_path):
    said = []
    write_previews([Tone(seconds=0.1)] * 2, [0, 1], tmp_path, progress=lambda *words: said.append(words[:3]))
    assert said == [("previews", 0, 2), ("previews", 1, 2), ("previews", 2, 2)]


@pytest.mark.parametrize("hertz", [200.0, 1000.0, 5000.0])
def test_the_spectrogram_shows_a_tone_at_its_height(hertz):
    picture = spectrogram(Tone(hertz).read()[0], 16_000).astype(int)
    row = picture[:, 20:140].mean(axis=1).argmax()
    mel = np.log1p(hertz / 700) / np.log1p(8000 / 700) * previews.HEIGHT
    assert abs(row - mel) <= 1.5
    assert picture.max() == 255


def test_loudest_stretch():
    wave = np.zeros(100)
    wave[60:70] = 1
    assert loudest_start(wave, 10) == 60
    assert loudest_start(wave, 100) == 0
    assert loudest_start(wave, 500) == 0


def document(labels, predicted, confidence):
    return {
        "best": "m",
        "classes": ["a", "b"],
        "families": [{"name": "m", "details": {"predicted": predicted}}],
        "items": [{"label": label} for label in labels],
        "details": {"top": [None if c is None else [[0, c]] for c in confidence]},
    }


def test_mistakes_come_first_by_confidence_then_right_ones_in_turns():
    made = document("aaabbbab", [0, 0, 1, 1, 0, 1, 1, None], [0.9, 0.9, 0.5, 0.9, 0.8, 0.9, None, None])
    assert preview_order(CLASSIFY, made) == [4, 2, 6, 0, 3, 1, 5]


def test_many_mistakes_leave_room_for_right_ones():
    made = document("a" * 100 + "b" * 50, [1] * 100 + [1] * 50, [0.5] * 150)
    order = preview_order(CLASSIFY, made, most=40)
    assert len(order) == 40
    assert sum(item < 100 for item in order) == 30


def test_no_best_no_order():
    assert preview_order(CLASSIFY, document("ab", [0, 1], [1, 1]) | {"best": None}) == []
