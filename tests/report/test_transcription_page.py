"""The page of a run that writes down what it hears, in a real browser."""

import mynah
from mynah.testing.models import RATE, toy_strings


def test_texts_are_shown_and_played(visit, tmp_path):
    clips, texts = toy_strings(clips=24)
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    for number, clip in enumerate(clips):
        mynah.write(sounds / f"{number}.wav", clip.wave, RATE)
    rows = "".join(f"{number}.wav,{text}\n" for number, text in enumerate(texts))
    (sounds / "meta.csv").write_text(f"file,label\n{rows}")
    run = mynah.learn(sounds, out=tmp_path / "run", task="transcribe", budget="20steps", executor="sequential", folds=2)
    visited = visit(run.report.as_uri())
    page = visited.page
    assert "symbol error rate" in page.inner_text("body")
    assert page.locator("#mistakes").count() == 0  # there are no classes to be mistaken for each other
    for _ in range(20):  # read it all
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(20)
    page.locator("#clips summary", has_text="Mistakes of seq2seq").click()
    player = page.locator("#clips audio").first
    player.evaluate("(a) => a.play()")
    assert player.evaluate("(a) => a.duration") > 0.15
    visited.until("[...document.querySelectorAll('audio')].some(a => a.currentTime > 0)")
    assert any(text in page.locator("#clips .clip").first.inner_text() for text in texts)
    assert visited.errors == []
    assert visited.fetched() == []
