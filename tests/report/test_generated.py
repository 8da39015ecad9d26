"""The section of made sounds: what it shows of a document, and that it plays in a browser."""

import copy
import re

import numpy as np
import pytest
import soundfile

import mynah
from mynah.ground.errors import IncompatibleFile
from mynah.report import build
from mynah.report.embed import Preview
from mynah.report.schema import validate
from mynah.report.tasks import generate as generated
from results_sample import make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the simplest generator on decaying tones of two heights."""
    root = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(0)
    for label, hertz in (("low", 300), ("high", 1800)):
        (root / "sounds" / label).mkdir(parents=True)
        for number in range(10):
            time = np.arange(4000) / 8000
            wave = 0.5 * np.sin(2 * np.pi * hertz * rng.uniform(0.9, 1.1) * time) * np.exp(-6 * time)
            soundfile.write(root / "sounds" / label / f"{number}.wav", wave + rng.normal(0, 0.002, 4000), 8000)
    return mynah.learn(root / "sounds", out=root / "run", task="generate", executor="sequential", families="noise")


def changed(results, **facts):
    document = copy.deepcopy(results)
    sound = document["families"][0]["sounds"][0]
    for name, value in facts.items():
        (sound if name in sound else sound["details"])[name] = value
    return document


def preview(item):
    return Preview(item, f"data:audio/mpeg;base64,{item}", "", 0.5, 0.0, 0.0, 4000)


def test_a_copy_is_called_one(run):
    results = run.results
    rows = generated.section(results, [], 0)["families"][0]["rows"]
    assert [row["is_copy"] for row in rows] == [sound["details"]["copy"] for sound in results["families"][0]["sounds"]]
    assert generated.section(changed(results, copy=True), [], 0)["families"][0]["rows"][0]["is_copy"]


def test_each_sound_is_in_the_page_once(run):
    sounds = run.results["families"][0]["sounds"]
    same = changed(run.results, nearest=sounds[1]["details"]["nearest"])
    section = generated.section(same, [preview(k) for k in range(20 + len(sounds))], 0)
    cells = [row[key] for row in section["families"][0]["rows"] for key in ("made", "nearest", "real")]
    assert all(cell["audible"] for cell in cells)
    numbers = [cell["item"] for cell in cells if cell["preview"] is not None]
    assert sorted(numbers) == sorted({cell["item"] for cell in cells})


def test_without_labels_no_column_asks_for_them(run):
    document = copy.deepcopy(run.results)
    document["families"][0]["details"]["judging"] |= {"named_right": None, "named_right_real": None}
    section = generated.section(document, [], 0)
    assert not section["labelled"]
    assert "Label recognised" not in [name for name, _ in section["meanings"]]
    assert [name for name, _ in generated.section(run.results, [], 0)["meanings"]].count("Label recognised") == 1


def test_other_tasks_have_no_such_section(results, tmp_path):
    assert "made" not in re.findall(r'<section id="(\w+)"', build(make_run(tmp_path, results, previews=0)).read_text())


@pytest.mark.parametrize("facts", [{"id": 5}, {"nearest": 99}, {"item": -1}])
def test_sounds_that_stand_nowhere_are_refused(run, facts):
    with pytest.raises(IncompatibleFile, match="made sound"):
        validate(changed(run.results, **facts))


def test_made_sounds_play_beside_real_ones(run, visit):
    seen = visit(run.report.as_uri())
    page = seen.page
    page.locator("#made").scroll_into_view_if_needed()
    seen.until("document.querySelectorAll('#made audio').length > 5")
    first = page.locator("#made .trio").first
    players = first.locator("audio")
    assert players.count() == 3
    for number in range(3):
        players.nth(number).evaluate("(a) => a.play()")
        seen.until(f"document.querySelectorAll('#made .trio audio')[{number}].currentTime > 0.05")
    assert players.nth(0).evaluate("(a) => [a.paused, a.duration > 0.3]") == [True, True]  # one sound at a time
    picture = first.locator("img").first
    assert picture.evaluate("(img) => img.decode().then(() => img.naturalWidth)") == 160
    assert "a copy" not in re.sub(r"a copy below", "", first.inner_text())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert seen.errors == []
    assert seen.fetched() == []


def test_made_sounds_without_scripts(run, visit):
    page = visit(run.report.as_uri(), java_script_enabled=False).page
    player = page.locator("#made audio").first
    assert player.is_visible()
    assert player.get_attribute("src").startswith("data:audio/mpeg;base64,")
