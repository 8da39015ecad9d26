"""The page in a real browser, offline, from disk: it asks for nothing, logs no error, plays, and works by keyboard."""

import pytest

from mynah.report import build, wording
from mynah.report.tasks import classify
from results_sample import make_results, make_run


def mistake(results):
    best = next(f for f in results["families"] if f["name"] == results["best"])
    return next(
        (r, c, n) for r, row in enumerate(best["details"]["confusion"]) for c, n in enumerate(row) if n and r != c
    )


def test_reading_it_all_asks_for_nothing_and_logs_no_error(visit):
    seen = visit()
    page = seen.matrix()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    for section in ("classes", "learning", "data", "method", "clips"):
        page.locator(f"#{section}").scroll_into_view_if_needed()
    seen.until("document.querySelectorAll('#clips audio').length > 3")
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.evaluate("document.documentElement.lang") == "en"
    assert seen.fetched() == []
    assert seen.errors == []


def test_the_policy_stops_what_is_not_ours(visit):
    seen = visit()
    seen.page.evaluate("""() => {
        const script = document.createElement("script");
        script.textContent = "window.evil = 1";
        const picture = new Image();
        picture.src = "https://example.org/x.png";
        document.body.append(script, picture);
    }""")
    assert seen.page.evaluate("window.evil") is None
    seen.page.wait_for_timeout(50)
    assert sum("Content Security Policy" in error for error in seen.errors) == 2


def test_a_cell_opens_its_clips(visit, results):
    row, column, count = mistake(results)
    page = visit().matrix()
    page.locator(f'#matrix button[data-r="{row}"][data-c="{column}"]').click()
    title = page.locator("#panel-title")
    assert (
        title.inner_text()
        == f"{results['classes'][row]} predicted as {results['classes'][column]}: {count} clip{'s' * (count > 1)}"
    )
    assert title.get_attribute("aria-live") == "polite"
    clips = page.locator("#panel-clips .clip")
    assert clips.count() == count
    assert results["classes"][row] in clips.first.locator(".path").inner_text()
    assert clips.first.locator(".top3 li").count() == 3
    picture = clips.first.locator("img")
    assert picture.evaluate("(img) => img.decode().then(() => [img.naturalWidth, img.naturalHeight])") == [160, 48]


def test_a_clip_plays_and_only_one_at_a_time(visit):
    seen = visit()
    page = seen.matrix()
    page.locator("#matrix button").first.click()
    players = page.locator("#panel-clips audio")
    assert players.count() > 1
    assert players.first.evaluate("(a) => [a.controls, a.preload, a.autoplay, a.volume < 1]") == [
        True,
        "none",
        False,
        True,
    ]
    players.nth(0).evaluate("(a) => a.play()")
    seen.until("document.querySelectorAll('#panel-clips audio')[0].currentTime > 0.05")
    assert players.nth(0).evaluate("(a) => a.duration") > 0.3
    players.nth(1).evaluate("(a) => a.play()")
    seen.until("(([first]) => first.paused && !first.ended)(document.querySelectorAll('#panel-clips audio'))")
    assert seen.errors == []
    assert seen.fetched() == []


def test_arrow_keys_walk_the_matrix_and_enter_opens(visit, results):
    page = visit().matrix()
    last = len(results["classes"]) - 1
    at = "() => [document.activeElement.dataset.r, document.activeElement.dataset.c].map(Number)"
    page.locator("#matrix button").first.focus()
    for key, wanted in [
        ("ArrowRight", [0, 1]), ("ArrowDown", [1, 1]), ("ArrowLeft", [1, 0]), ("ArrowLeft", [1, 0]),
        ("End", [1, last]), ("Control+End", [last, last]), ("ArrowDown", [last, last]), ("Control+Home", [0, 0]),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert page.evaluate(at) == wanted
    assert page.locator('#matrix button[tabindex="0"]').count() == 1
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert (
        page.locator("#panel-title")
        .inner_text()
        .startswith(f"{results['classes'][0]} predicted as {results['classes'][1]}")
    )


def test_another_method_can_be_chosen(visit, results):
    page = visit().matrix()
    family = next(f for f in results["families"] if f["name"] == "elman")
    page.locator("#family").select_option("elman")
    shown = page.locator("#matrix button").all_inner_texts()
    assert [int(text or 0) for text in shown] == [n for row in family["details"]["confusion"] for n in row]
    assert "elman" in page.locator("#classes-family").inner_text()
    found = page.locator("#class-table tbody tr").first.locator("td").nth(1).inner_text()
    assert found == wording.percent(family["details"]["per_class"][0]["recall"], 0)


def test_the_cost_axis_can_be_chosen(visit):
    page = visit().page
    assert page.locator(".axis-1 svg.wide").is_visible()
    page.locator("label[for=axis-3]").click()
    assert page.locator(".axis-3 svg.wide").is_visible()
    assert not page.locator(".axis-1 svg.wide").is_visible()


def test_tables_sort(visit, results):
    page = visit().page
    page.get_by_role("button", name="Per clip").click()
    names = page.locator(".board tbody .family").all_inner_texts()
    costs = {f["name"]: f["ms_per_clip"] for f in results["families"]}
    assert names == sorted(names, key=costs.get)
    assert page.locator(".board th[aria-sort=ascending]").count() == 1


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_on_a_telephone_and_a_desk(visit, scheme, width):
    page = visit(color_scheme=scheme, viewport={"width": width, "height": 800}).page
    paper, ink = page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    light = [sum(map(int, colour.strip("rgb()").split(","))) / 765 for colour in (paper, ink)]
    assert light[0] > 0.9 > 0.3 > light[1] if scheme == "light" else light[0] < 0.15 < 0.8 < light[1]
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("#cost svg.chart:visible").count() == 1


def test_without_scripts_there_are_tables_and_players(visit):
    seen = visit(java_script_enabled=False)
    page = seen.page
    assert page.locator("#matrix tbody td").count() == 100
    assert page.locator(".board tbody tr").count() == 11
    assert not page.locator("#panel").is_visible()
    assert page.get_by_role("link", name="All mistakes can be played").is_visible()
    page.locator("#clips summary").first.click()
    player = page.locator("#clips audio").first
    assert player.is_visible()
    assert player.get_attribute("src").startswith("data:audio/mpeg;base64,")
    assert page.locator("#clips audio").count() == 60
    page.locator("label[for=axis-2]").click()
    assert page.locator(".axis-2 svg.wide").is_visible()
    assert seen.fetched() == []


def test_fifty_classes_with_odd_names_and_no_sound(visit, tmp_path):
    names = ["<img src=x onerror=alert(1)>", "🎸 guitarra", "a" * 80, *(f"species {i}" for i in range(47))]
    run = make_run(tmp_path, make_results(classes=names, per_class=3), previews=0)
    seen = visit(build(run).as_uri(), viewport={"width": 1280, "height": 800})
    page = seen.matrix()
    assert page.locator("#matrix button").count() == 2500
    page.locator("#matrix button").first.click()
    assert page.locator("#panel-title").inner_text().startswith("<img src=x onerror=alert(1)>, named right")
    assert page.locator("#panel audio").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == 1280
    assert seen.errors == []


def test_another_method_shows_what_it_said_and_no_probabilities(visit, results):
    page = visit().matrix()
    other = next(f for f in results["families"] if f["name"] == "elman")
    row, column = next(
        (r, c) for r, line in enumerate(other["details"]["confusion"]) for c, n in enumerate(line) if n and r != c
    )
    assert page.locator("#panel-clips .top3").count() > 0
    page.locator("#family").select_option("elman")
    page.locator(f'#matrix button[data-r="{row}"][data-c="{column}"]').click()
    clips = page.locator("#panel-clips .clip")
    assert clips.count() > 0
    assert clips.first.locator(".said").inner_text() == f"elman predicted {results['classes'][column]}"
    assert page.locator("#panel-clips .top3, #panel-clips .doubt").count() == 0


def test_doubt_is_where_the_table_of_doubtful_labels_says(visit, results):
    page = visit().matrix()
    data = page.evaluate("JSON.parse(document.getElementById('results').textContent)")
    assert data["doubtful"] == classify.doubtful(results)
    best = next(f for f in results["families"] if f["name"] == results["best"])
    for row, line in enumerate(best["details"]["confusion"]):
        for column, count in enumerate(line):
            if count and row != column:
                page.locator(f'#matrix button[data-r="{row}"][data-c="{column}"]').click()
                here = [
                    k
                    for k in data["doubtful"]
                    if data["labels"][k] == row and best["details"]["predicted"][k] == column
                ]
                assert page.locator("#panel-clips .doubt").count() == len(here)


def test_the_matrix_is_drawn_when_the_focus_comes_first(visit):
    page = visit(viewport={"width": 1280, "height": 300}).page
    assert page.locator("#matrix button").count() == 0
    page.locator("#family").evaluate("(select) => select.focus({ preventScroll: true })")
    assert page.locator("#matrix button").count() == 100


def test_a_section_is_not_hidden_by_the_header(visit):
    page = visit().page
    page.locator('nav a[href="#data"]').click()
    padding = page.evaluate("parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop)")
    assert padding >= page.locator(".top").evaluate("(header) => header.offsetHeight")


def test_what_is_no_button_does_not_look_like_one(visit):
    border = "(chip) => getComputedStyle(chip).borderTopWidth"
    assert visit(java_script_enabled=False).page.locator("#mix-ups .mix").first.evaluate(border) == "0px"
    assert visit().matrix().locator("#mix-ups .mix").first.evaluate(border) == "1px"
