"""What can be read: contrasts in both schemes, a telephone's width, paper, and numbers that read alike everywhere."""

import copy
import re
from importlib import resources

import pytest

from mynah.report import build, wording
from results_sample import make_run

#: WCAG 2.2, 1.4.3: text; 1.4.11: lines and borders that carry meaning.
TEXT, LINES = 4.5, 3.0
#: Contrast of two colours, both as the browser paints them: WCAG 2.2, definition of "contrast ratio".
CONTRAST = """
const context = document.createElement("canvas").getContext("2d");
const painted = (colour) => {
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255);
};
const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const light = (colour) => painted(colour).map(linear).reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
const contrast = (one, other) => {
  const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
};
const style = (element) => getComputedStyle(element);
const paper = style(document.body).backgroundColor;
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_in_the_matrix_can_be_read(visit, scheme):
    page = visit(color_scheme=scheme).matrix()
    worst = page.evaluate(f"""() => {{ {CONTRAST}
        const cell = document.querySelector("#matrix td");
        return ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "w1", "w2", "w3", "w4", "w5", "w6", "w7", "w8"].map(
            (shade) => {{ cell.className = shade; return contrast(style(cell).backgroundColor, style(cell).color); }});
    }}""")
    assert len(worst) == 16
    assert min(worst) >= TEXT, worst


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_and_borders_can_be_seen(visit, scheme):
    page = visit(color_scheme=scheme).matrix()
    seen = page.evaluate(f"""() => {{ {CONTRAST}
        const strokes = [".frontier", ".leader", ".trace.train", ".trace.valid", ".whisker"].map((name) => {{
            const mark = style(document.querySelector(`svg ${{name}}`));
            return [name, contrast(mark.stroke, paper), mark.opacity];
        }});
        const borders = ["select", "button.mix", ".axes label:last-of-type", ".command button"].map((name) => {{
            const control = style(document.querySelector(name));
            return [name, contrast(control.borderTopColor, paper), control.opacity];
        }});
        return [...strokes, ...borders];
    }}""")
    assert len(seen) == 9
    assert all(ratio >= LINES and opacity == "1" for _, ratio, opacity in seen), seen


def test_a_number_reads_alike_in_python_and_in_the_browser(browser):
    page = browser.new_page()
    script = (resources.files("mynah.report") / "wording.js").read_text(encoding="utf-8")
    page.evaluate(f"() => {{ {script} Object.assign(window, {{ percent, duration, decibels, plural }}); }}")
    shares = [k / n for n in (7, 8, 40, 400, 1600) for k in range(n + 1)] + [0.8674999999999999, 0.8775000000000001]
    times = [
        k * size for size in (1e-5, 1e-3, 1, 60, 3600) for k in (0, 0.1, 0.0995, 0.95, 0.995, 1.25, 5, 9.95, 12.5, 97)
    ]
    gains = [-12.5, -1.5, -0.5, -0.4, 0.0, 0.4, 0.5, 2.5, 30.0]
    asked = "(values) => values.map((v) => "
    assert page.evaluate(asked + "percent(v, 1))", shares) == [wording.percent(v) for v in shares]
    assert page.evaluate(asked + "percent(v))", shares) == [wording.percent(v, 0) for v in shares]
    assert page.evaluate(asked + "duration(v))", times) == [wording.duration(v) for v in times]
    assert page.evaluate(asked + "decibels(v))", gains) == [wording.decibels(v) for v in gains]
    counts = [1, 12, 1000, 12345, 1234567]
    assert page.evaluate(asked + "plural(v, 'clip'))", counts) == [wording.plural(v, "clip") for v in counts]
    page.close()


def test_on_a_telephone_nothing_is_cut(visit):
    page = visit(viewport={"width": 390, "height": 800}).matrix()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    outside = page.evaluate("""() => [...document.querySelectorAll(":is(.curve, .reliability, .chart.narrow) text")]
        .filter((text) => text.getClientRects().length)
        .filter((text) => {
            const [word, all] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
            return word.left < all.left - 0.5 || word.right > all.right + 0.5;
        }).map((text) => text.textContent)""")
    assert outside == []
    page.locator("#class-table tbody th").first.evaluate("(name) => { name.textContent = 'plucked_string_quartet'; }")
    for table in (".board", "#class-table"):
        assert page.locator(table).evaluate("(t) => t.scrollWidth <= t.parentElement.clientWidth"), table
    assert page.locator(".board tbody .on-cards svg:visible").count() == 11
    heights = page.locator(".board tbody tr").evaluate_all("(rows) => rows.map((row) => row.offsetHeight)")
    assert max(heights) < 230


def test_players_have_room_for_their_seek_bar(visit):
    page = visit(viewport={"width": 1280, "height": 800}).matrix()
    assert page.locator("#panel audio").first.evaluate("(audio) => audio.offsetWidth") >= 300
    clipped = page.locator("#panel .top3 span").evaluate_all(
        "(all) => all.filter((s) => s.scrollWidth > s.clientWidth + 1).length"
    )
    assert clipped == 0


def test_paper_has_everything_but_what_needs_a_screen(visit):
    seen = visit(viewport={"width": 703, "height": 1000})
    page = seen.matrix()
    closed = page.locator("details:not([open])").count()
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("#matrix").is_visible()
    assert not page.locator("#panel").is_visible()
    assert not page.locator("nav").is_visible()
    assert page.locator("#cost svg.chart.wide:visible").count() == 3
    assert page.locator("#cost svg.chart.narrow:visible").count() == 0
    assert page.locator(".board thead").is_visible()
    assert page.locator("details:not(.list, [open])").count() == 0
    wide = page.locator("table:visible").evaluate_all("""(all) => all
        .filter((table) => table.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
        .map((table) => table.className)""")
    assert wide == []
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details:not([open])").count() == closed


def test_a_doubtful_label_leads_to_its_player(visit, results, tmp_path):
    document = copy.deepcopy(results)
    best = next(f for f in document["families"] if f["name"] == document["best"])
    item = next(
        k
        for k, said in enumerate(best["details"]["predicted"])
        if document["classes"][said] != document["items"][k]["label"]
    )
    document["details"]["top"][item] = [
        [best["details"]["predicted"][item], 0.97],
        *[pair for pair in document["details"]["top"][item][1:] if pair[1] < 0.03],
    ]
    seen = visit(build(make_run(tmp_path, document, previews=60)).as_uri())
    link = seen.page.locator(f'#doubtful a[href="#clip-{item}"]')
    assert link.inner_text() == document["items"][item]["file"]
    opened = link.evaluate("""(link) => { // without the browser's own help, which not every one gives
        link.addEventListener("click", (event) => event.preventDefault(), { once: true });
        link.click();
        return document.querySelector(link.hash).closest("details").open;
    }""")
    assert opened
    link.click()
    seen.until(f"document.querySelector('#clip-{item} > .media:not([hidden]) audio') !== null")
    player = seen.page.locator(f"#clip-{item} audio")
    assert player.is_visible()
    top = player.evaluate("(audio) => audio.closest('li').getBoundingClientRect().top")
    header = seen.page.locator(".top").evaluate("(header) => header.getBoundingClientRect().bottom")
    assert top >= header - 1


def test_the_mark_of_a_verdict_is_in_the_legend(visit, results):
    page = visit().page
    used = {f["verdict"] for f in results["families"]}
    assert used == {"best", "as good", "unclear", "worse"}
    words = page.locator("#cost .legend li").all_inner_texts()
    assert words[1:4] == ["best, or as good", "unclear", "worse"]
    marks = page.locator(".axis-1 svg.wide .mark :is(polygon, .dot)").evaluate_all("""(all) => all
        .map((mark) => [mark.tagName, mark.getAttribute("points")?.split(" ").length, mark.className.baseVal].join())
        """)
    assert len(set(marks)) == 3
    assert re.match("balanced accuracy", page.locator(".axis-1 svg.wide .title").first.inner_html())


def test_names_of_methods_that_cost_and_score_alike_can_be_told_apart(visit, results, tmp_path):
    document = copy.deepcopy(results)
    for number, family in enumerate(document["families"][:8]):
        family |= {"train_seconds": 5 + 0.1 * number, "score": 0.8 + 0.004 * number, "ci": [0.75, 0.85]}
    page = visit(build(make_run(tmp_path, document, previews=0)).as_uri(), viewport={"width": 390, "height": 800}).page
    boxes = page.locator(".axis-1 svg.narrow .name").evaluate_all("""(names) => names
        .map((name) => [name.getBoundingClientRect(), name.ownerSVGElement.getBoundingClientRect()])
        .map(([a, all]) => [a.left - all.left, a.top - all.top, all.right - a.right, a.left, a.right, a.top, a.bottom])
    """)
    assert len(boxes) >= 8
    assert all(min(left, top, right) >= 0 for left, top, right, *_ in boxes)
    pairs = [(a[3:], b[3:]) for k, a in enumerate(boxes) for b in boxes[:k]]
    assert not [1 for a, b in pairs if a[0] < b[1] and b[0] < a[1] and a[2] + 3 < b[3] and b[2] + 3 < a[3]]
    assert page.locator(".axis-1 svg.narrow .leader").count() > 0
