"""The page of a task that this package knows nothing of: the core of the document is enough for all of it."""

import ast
import copy
import html
import json
import re
from pathlib import Path

import pytest

from mynah.ground.errors import IncompatibleFile
from mynah.judging.metric import Metric
from mynah.report import build, tasks
from mynah.report.schema import validate
from mynah.runs.board import as_text
from mynah.runs.previews import write_previews
from results_sample import FakeClip, make_results, make_run

SRC = Path(__file__).parents[2] / "src" / "mynah"
NASTY = "<script>alert(1)</script>"
SECTION = {
    "title": f"Loudest takes {NASTY}",
    "text": "How far off, in dB.",
    "columns": ["take", NASTY],
    "rows": [["take-1", "+3.1 dB"], [NASTY, "-0.2 dB"]],
}


def loudness(**changes):
    """Return a document of a task in a user's own file: amounts in dB, lower is better, nothing has a name."""
    made = make_results(per_class=3)
    takes = len(made["items"])
    metric = Metric("error", "mean error", "dB", digits=2, higher_is_better=False, low=0.0, meaning="the mean distance")
    for rank, family in enumerate(made["families"]):
        score = 0.8 + 0.3 * rank
        family |= {"score": score, "ci": [score - 0.2, score + 0.2], "gap": score - 0.8}
        family |= {"scores": {"error": score, "worst_error": 4 * score}, "fold_scores": [score] * 5}
        family["details"] = {"statistics": [[score]] * takes, "anything": {"at": ["all", None, True]}}
        family["curves"] = []
    made |= {
        "task": "loudness.py:Loudness",
        "metric": metric.to_json(),
        "words": made["words"] | {"baseline": "mean loudness", "items": ["take", "takes"]},
        "verdict": "resnet has the smallest error.",
        "chance": 9.0,
        "classes": [],
        "leaks": [],
        "duplicates": [],
        "problems": [],
        "remarks": ["loudness after BS.1770"],
        "answers": [{"answer": f"-{20 + k} LUFS", "wrong": None} for k in range(takes)],
        "sections": [SECTION],
        "details": {"reference_db": -23.0},
    }
    made["dataset"]["per_class"] = {}
    for number, item in enumerate(made["items"]):
        item |= {"label": f"-{20.5 + number}", "file": f"take-{number}.wav", "flags": []}
    return made | changes


def without_sound(document):
    """Return it as a run on what has no sound writes it."""
    document = copy.deepcopy(document)
    document["dataset"] |= {"seconds": None, "duration": None, "rate_used": None}
    document["dataset"] |= {"rates": {}, "channels": {}, "formats": {}}
    for item in document["items"]:
        item |= {"seconds": None, "rate": None, "channels": None}
    return document


def page_of(document, folder, previews=0):
    validate(document, strict=True)
    assert tasks.of(document["task"]) == tasks.Additions()
    folder.mkdir(exist_ok=True)
    (folder / "results.json").write_text(json.dumps(document), encoding="utf-8")
    return build(folder).read_text(encoding="utf-8")


def words_of(page):
    text = re.sub(r"<style>.*?</style>|<script.*?</script>|<title>.*?</title>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text))).replace("\u202f", " ")


def test_a_made_up_task_has_the_general_sections_and_its_own(tmp_path):
    document = loudness()
    page = page_of(document, tmp_path)
    sections = re.findall(r'<section id="([\w-]+)"', page)
    assert sections == ["result", "cost", "section-1", "data", "method", "clips"]
    words = words_of(page)
    for said in ("30 takes", "0.80 dB", "Lower is better", "mean loudness 9 dB", "loudness after BS.1770", "+3.1 dB"):
        assert said in words
    assert "0.30 dB higher" in words
    assert "answered -20 LUFS" in words
    assert f"Some answers of {document['best']}" in words
    for wrong in ("clip", "class", "0 symbols", "Mistakes", "320.0 %", "undefined"):
        assert wrong not in words.replace("classic", "")
    assert page.count("<script>") == 1  # what the section holds is text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_what_has_no_sound_has_a_page_too(tmp_path):
    document = without_sound(loudness())
    words = words_of(page_of(document, tmp_path))
    for wrong in ("of sound", "Clips last", "Takes last", "Sampling rate", "No sound", "decoded sound", "played"):
        assert wrong not in words
    assert "answered -20 LUFS" in words
    assert "- s" not in as_text(document, tmp_path)


def test_the_terminal_uses_the_words_of_the_task(tmp_path):
    text = as_text(loudness(next="--to -23"), tmp_path)
    assert "esc10: 30 takes, 1.0-2.0 s;" in re.sub(r"\d\.\d-\d\.\d s", "1.0-2.0 s", text)
    assert "ms/take" in text
    assert "Loudness after BS.1770" in text
    assert text.endswith("best.mynah --to -23")
    assert "clip" not in text


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"title": "a", "text": "", "columns": ["x"], "rows": [["1", "2"]]}, "a row of the section 'a'"),
        ({"title": "a", "text": "", "columns": ["x"], "rows": [[1]]}, r"sections\[\]\.rows.* should be string"),
        ({"title": "a", "columns": [], "rows": []}, r"missing: sections\[\]\.text|sections\[\]\.text"),
        ({"title": 3, "text": "", "columns": [], "rows": []}, r"sections\[\]\.title should be string"),
    ],
)
def test_a_section_that_cannot_be_shown_is_refused(section, words):
    with pytest.raises(IncompatibleFile, match=words):
        validate(loudness(sections=[section]))


@pytest.mark.parametrize("value", [float("nan"), {"deep": [float("inf")]}, {"a": {1, 2}}])
def test_details_of_an_unknown_task_are_plain_and_finite(value):
    with pytest.raises(IncompatibleFile, match="details should be plain values"):
        validate(loudness(details={"found": value}))


def test_details_of_a_known_task_are_its_own(tmp_path):
    document = make_results(per_class=3)
    validate(document, strict=True)
    document["details"]["reference_db"] = 1.0
    with pytest.raises(IncompatibleFile, match=r"details\.reference_db"):
        validate(document, strict=True)
    del document["families"][0]["details"]["predicted"]
    with pytest.raises(IncompatibleFile, match=r"families\[\]\.details\.predicted"):
        validate(document)


def test_such_a_page_works_in_a_browser(visit, tmp_path):
    document = loudness()
    make_run(tmp_path, document | {"task": "classify", "best": None}, previews=0)
    page_of(document, tmp_path)
    for name, made in (("sound", document), ("none", without_sound(document))):
        page_of(made, tmp_path / name)
        seen = visit((tmp_path / name / "report.html").as_uri(), viewport={"width": 390, "height": 800})
        assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
        assert seen.page.locator("#clips summary").count() == 1
        assert seen.errors == []


#: What a branch on the kind of answer would name: tasks, the verb, and what only one task writes.
KINDS = {"classify", "transcribe", "generate", "apply", "predicted", "gained", "judging", "verb", "task"}
ROOMS = [p for room in ("runs", "report") for p in (SRC / room).rglob("*.py")]
GENERAL = [p for p in ROOMS if "tasks" not in p.relative_to(SRC).parts and p.name != "version_1.py"]


def branches(tree):
    """Yield conditions that name a kind of answer, and questions for the class of a task."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            membership = any(isinstance(op, ast.In | ast.NotIn) for op in node.ops)
            sides = [node.left, *node.comparators]
            named = [side.value for side in sides if isinstance(side, ast.Constant) and isinstance(side.value, str)]
            keys = [s.slice.value for s in sides if isinstance(s, ast.Subscript) and isinstance(s.slice, ast.Constant)]
            against = bool(named) or membership
            if {*named, *(keys if against else [])} & KINDS:
                yield ast.unparse(node)
        elif re.match(r"is(instance|subclass)\(.*\b(Task|Classify|Transcribe|Generate)\b", ast.unparse(node)):
            yield ast.unparse(node)


@pytest.mark.parametrize("path", GENERAL, ids=lambda path: str(path.relative_to(SRC)))
def test_no_branch_asks_for_the_kind_of_answer(path):
    assert not list(branches(ast.parse(path.read_text(encoding="utf-8"))))


def test_such_branches_are_found():
    for text in (
        'x["verb"] == "generate"',
        '"predicted" in family',
        'family.get("x") if "predicted" in family else 1',
        "isinstance(task, Generate)",
        'self.task == "classify"',
        'results["task"] in NAMES',
    ):
        assert list(branches(ast.parse(text))), text
    assert not list(branches(ast.parse('results["task"] != first["task"]')))  # runs of one task are compared


def test_templates_of_the_general_sections_name_no_task():
    own = {s.template for name in tasks.names() for s in tasks.of(name).sections}
    own |= {tasks.of(name).clip_template for name in tasks.names()} | {"music.html"}
    for path in (SRC / "report" / "templates").glob("*.html"):
        if path.name not in own:
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"results\.(verb|task)\b|confusion|classify|generate\b|transcri", text), path.name


def test_sounds_that_a_made_up_task_makes_are_played(visit, tmp_path):
    document = loudness()
    takes = len(document["items"])
    made = {"file": "trials/a/0.wav", "label": "loud", "item": 1, "details": {"peak_db": -3.0}}
    for number, family in enumerate(document["families"][:2]):
        family["sounds"] = [made | {"id": takes + number}]
    clips = [FakeClip(number, 0.3) for number in range(takes + 2)]
    write_previews(clips, [takes, takes + 1, 0], tmp_path / "previews")
    page = page_of(document, tmp_path)
    assert re.findall(r'<section id="([\w-]+)"', page)[:2] == ["result", "made"]
    assert "requested label loud" in words_of(page)
    assert "1 take can be played" in words_of(page)
    seen = visit((tmp_path / "report.html").as_uri())
    seen.page.locator("#made").scroll_into_view_if_needed()
    seen.until("document.querySelectorAll('#made .media:not([hidden]) audio').length >= 1")
    assert seen.errors == []
    document["families"][0]["sounds"][0]["id"] = 0
    with pytest.raises(IncompatibleFile, match="not numbered after the items"):
        validate(document)
