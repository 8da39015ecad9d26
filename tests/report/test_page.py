"""The page as a file: complete, safe, honest, small enough, and built from whatever a run left."""

import base64
import hashlib
import html
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from mynah.ground.errors import IncompatibleFile, Stopped
from mynah.report import build, embed, svg
from mynah.report.tasks import classify
from results_sample import make_results, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("run"), make_results(per_class=12), previews=20)


@pytest.fixture(scope="module")
def page(run):
    return build(run).read_text(encoding="utf-8")


def text_of(results, folder, previews=0, **options):
    return build(make_run(folder, results, previews=previews), **options).read_text(encoding="utf-8")


def test_sections_stand_in_the_order_of_questions(page):
    found = re.findall(r'<section id="(\w+)"', page)
    assert found == [
        "result",
        "cost",
        "mistakes",
        "classes",
        "learning",
        "calibration",
        "data",
        "doubtful",
        "method",
        "clips",
    ]


def test_nothing_is_fetched(page):
    markup = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    sources = re.findall(r"""(?:src|href)=["']([^"']{1,12})""", markup)
    assert sources
    assert all(s.startswith(("data:", "#")) for s in sources)
    assert "url(" not in page
    assert "@import" not in page


def test_the_policy_allows_exactly_this_script_and_style(page):
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for kind, name in (("script", "<script>"), ("style", "<style>")):
        inside = page.split(name, 1)[1].split(f"</{kind}>", 1)[0]
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in policy
    assert not re.search(r"<[a-z][^>]*\s(style|on\w+)=", page.split("<body>", 1)[1].split("<script", 1)[0])


def test_each_sound_is_embedded_once(page, run):
    index = json.loads((run / "previews" / "index.json").read_text())
    assert len(index) == 20
    for entry in index.values():
        sound = base64.b64encode((run / "previews" / entry["mp3"]).read_bytes()).decode()
        assert page.count(sound) == 1


NASTY = '<script>alert(1)</script> & "quotes" 🎸'


def test_names_are_escaped(tmp_path):
    results = make_results(classes=[NASTY, "</script><b>x", "c"], per_class=5)
    results["problems"][0]["detail"] = results["families"][0]["message"] = results["verdict"] = NASTY
    page = text_of(results, tmp_path)
    assert page.count("<script>") == 1
    assert page.count("</script>") == 2
    assert "<b>x" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quotes&#34; 🎸" in page
    inside = re.search(r'id="results">(.*?)</script>', page, re.DOTALL)[1]
    assert "<" not in inside
    data = json.loads(inside)
    assert data["classes"][0] == NASTY


def test_the_page_has_no_absolute_path(tmp_path):
    results = make_results(per_class=4)
    results["items"][3]["file"] = "/home/alice/secret/a.wav"
    results["families"][2] |= {"message": "/home/alice/x.npy is missing", "status": "failed"}
    results["how"]["command"] = "mynah learn /home/alice/esc10"
    page = text_of(results, tmp_path / "run")
    assert "alice" not in page
    assert str(tmp_path) not in page


def test_the_least_important_sounds_go_first_and_the_page_says_so(run, tmp_path):
    order = list(json.loads((run / "previews" / "index.json").read_text()))
    whole = build(run, tmp_path / "whole.html").stat().st_size
    page = build(run, tmp_path / "small.html", max_mb=(whole - 60_000) / 1e6)
    text = page.read_text(encoding="utf-8")
    assert page.stat().st_size <= whole - 60_000
    kept = re.findall(r'<noscript data-clip="(\d+)">', text)
    assert 0 < len(kept) < 20
    assert set(kept) == set(order[: len(kept)])
    assert f"{20 - len(kept)} more, the least telling, were left out" in text
    assert "<audio" not in build(run, tmp_path / "none.html", max_mb=0).read_text(encoding="utf-8")


def partial_results():
    results = make_results(per_class=6)
    results |= {"status": "partial", "best": None, "model": None, "answers": [], "details": {}}
    nothing = {"score": None, "ci": [None, None], "scores": {}, "curves": []}
    nothing["details"] = {"predicted": [None] * 60, "per_class": [], "confusion": []}
    nothing |= {
        "train_seconds": None,
        "ms_per_clip": None,
        "ms_per_clip_p95": None,
        "megabytes": None,
        "parameters": None,
    }
    for number, row in enumerate(results["families"]):
        row |= {"verdict": "", "gap": None, "probability": None}
        if number:
            row |= nothing | {"status": "failed", "message": "ran out of memory", "fold_scores": [None] * 5}
        else:
            row |= {"status": "partial", "fold_scores": [0.8, 0.9, None, None, None]}
            row["details"]["predicted"][30:] = [None] * 30
    return results


def test_a_partial_run_shows_what_there_is(tmp_path):
    page = text_of(partial_results(), tmp_path)
    assert "the run was interrupted" in page
    assert "partial, 2 of 5 folds" in page
    assert "ran out of memory" in page
    assert 'id="matrix"' in page


def test_a_run_without_any_score_still_has_a_page(tmp_path):
    results = partial_results()
    first, failed = results["families"][:2]
    first |= {key: value for key, value in failed.items() if key not in ("name", "title")}
    page = text_of(results, tmp_path)
    assert re.findall(r'<section id="(\w+)"', page) == ["result", "data", "method"]


def plain(page):
    """Return the words of a page, with plain spaces."""
    words = html.unescape(re.sub(r"<[^>]+>", "", page.split("<body>", 1)[1].split("<script", 1)[0]))
    return re.sub(r"\s+", " ", words)


def test_verdicts_are_put_in_words_with_the_gap_and_how_sure_it_is(tmp_path):
    results = make_results(per_class=6)
    scores = [0.92, 0.8775, 0.69, 0.5, 0.4]
    words = ["best", "as good", "unclear", "worse", ""]
    sure = [None, 0.62, 0.938, 0.9988, None]
    for family, score, verdict, probability in zip(results["families"], scores, words, sure, strict=False):
        family |= {"score": score, "verdict": verdict, "probability": probability, "gap": 0.92 - score}
    page = plain(text_of(results, tmp_path))
    assert "4.3 points lower; as good: the gap may well be luck" in page
    assert "62 % sure" not in page
    assert "23.0 points lower; unclear; 94 % sure" in page
    assert "42.0 points lower; worse; over 99 % sure" in page
    assert '"Unclear" means that the gap is larger than its standard error, but there is too little to be sure' in page


def test_too_few_recordings_are_not_judged(tmp_path):
    results = make_results(per_class=4) | {"verdict": "Too few sounds for an honest score."}
    for family in results["families"]:
        family |= {"verdict": "not tested", "probability": None, "ci": [None, None]}
    page = plain(text_of(results, tmp_path))
    assert page.count("not tested; too few recordings to compare") == 11
    assert "points lower" not in page
    assert '"Unclear"' not in page
    assert "as good" not in page.lower()
    assert "95 % interval" not in page
    assert "No method was tested against another" in page
    assert "too few recordings for intervals and tests: the order of the methods may be luck" in page


def test_the_rule_of_keeping_is_the_rule_that_is_applied(tmp_path):
    results = make_results(per_class=6)
    results["best"] = results["families"][1]["name"]
    page = plain(text_of(results, tmp_path))
    assert "of the first and those as good, it is the smallest" in page
    assert "Of the best and those as good (a gap no larger than its standard error), the one" in page
    assert "it was trained on all 60 clips" in page


def test_methods_that_the_budget_cut_short_are_named(tmp_path):
    results = make_results(per_class=6)
    for curve in (curve for family in results["families"] for curve in family["curves"]):
        curve["best_step"] = curve["step"][3]
    assert "still improving" not in plain(text_of(results, tmp_path / "done"))
    for family in results["families"]:
        if family["name"] in ("gru", "lstm"):
            family["ended"] = ["budget"] * 5
            for curve in family["curves"][: 5 if family["name"] == "gru" else 2]:
                curve["best_step"] = curve["step"][-1]
        if family["name"] == "mlp":
            family["ended"] = ["deadline", *["patience"] * 4]
    page = plain(text_of(results, tmp_path / "cut"))
    assert page.count("still improving when its budget ended (5 of 5 folds)") == 1
    assert page.count("still improving when its budget ended (2 of 5 folds)") == 1
    assert page.count("cut off by the deadline (1 of 5 folds)") == 1
    assert re.search("(gru and lstm|lstm and gru) had not stopped improving when the budget ended", page)
    assert "The deadline came before the planned last step of mlp." in page


def test_an_older_run_without_optional_fields_has_a_page(tmp_path):
    results = make_results(per_class=6)
    del results["how"]["options"]
    for family in results["families"]:
        del family["ended"], family["plans"]
        for curve in family["curves"]:
            curve["best_step"] = curve["step"][-1]
    page = plain(text_of(results, tmp_path))
    assert page.count("still improving when its budget ended (5 of 5 folds)") == 6
    assert "Seed 0. Linux" in page


def test_the_budget_is_that_of_methods_trained_step_by_step(tmp_path):
    results = make_results(per_class=6)
    results["how"] |= {"budget": "90s", "options": results["how"]["options"] | {"group": "speaker", "repair": True}}
    for number, family in enumerate(results["families"]):
        family["budget_seconds"] = 5.6 + number / 10 if family["curves"] else 90.0
    spans = [f["budget_seconds"] for f in results["families"] if f["curves"]]
    page = plain(text_of(results, tmp_path))
    assert f"90 s in all: {min(spans):.1f} s to {max(spans):.1f} s for each fold of a method" in page
    assert "target label, grouped by speaker, 5 folds asked for, files repaired" in page


def test_a_loss_that_is_cut_off_is_marked_with_its_highest_value(tmp_path):
    results = make_results(per_class=6)
    assert "where the arrows are" not in plain(text_of(results, tmp_path / "whole"))
    results["families"][0]["curves"][1]["valid_loss"][3] = 987.0
    page = text_of(results, tmp_path / "cut")
    assert "the highest value is 987" in page
    assert page.count('class="beyond valid"') == 1
    assert "training loss can lie above the validation loss" in page


def test_calibration_names_well_filled_bins_and_the_line_keeps_to_them(tmp_path):
    results = make_results(per_class=6)
    results["details"]["calibration"]["bins"] = [
        {"confidence": 0.35, "accuracy": 1.0, "count": 3},
        {"confidence": 0.75, "accuracy": 0.57, "count": 16},
        {"confidence": 0.85, "accuracy": 0.81, "count": 12},
        {"confidence": 0.95, "accuracy": 0.96, "count": 17},
        {"confidence": 1.0, "accuracy": 1.0, "count": 9},
    ]
    text = text_of(results, tmp_path)
    page = plain(text)
    assert f"Most often, for 17 of 57 clips, {results['best']} was about 95 % sure, and right 96 % of those" in page
    assert "Furthest off: when about 75 % sure (16 clips), it was right 57 % of the time" in page
    assert "fewer than 10 clips" in page
    chart = text.split('class="reliability"', 1)[1].split("</svg>", 1)[0]
    assert chart.count('class="dot open"') == 2
    assert re.search(r'<path d="([^"]+)"', chart)[1].count("L") == 2
    assert "how often it was right" in chart


@pytest.mark.parametrize(
    ("top", "doubted"),
    [
        ([[1, 0.97], [2, 0.02], [0, 0.01]], True),
        ([[1, 0.97], [2, 0.02], [3, 0.01]], True),
        ([[1, 0.91], [0, 0.08], [2, 0.01]], False),  # the label was not ruled out
        ([[1, 0.85], [2, 0.14], [0, 0.01]], False),  # not sure enough
        ([[0, 0.98], [1, 0.01], [2, 0.01]], False),
        (None, False),
    ],
)
def test_a_label_is_doubted_when_the_model_is_sure_of_another_and_rules_it_out(top, doubted):
    results = make_results(per_class=2)
    results["details"]["top"] = [top, *[None] * (len(results["items"]) - 1)]
    assert classify.doubtful(results) == [0] * doubted


def test_the_page_says_what_was_checked_when_nothing_was_found(tmp_path):
    results = make_results(per_class=6) | {"duplicates": [], "leaks": []}
    page = plain(text_of(results, tmp_path))
    assert "None found. Checked: the decoded sound of every file" in page
    assert "None found. Checked: sampling rate, file format, number of channels and duration" in page


@pytest.mark.parametrize("count", [2, 50, 130])
def test_few_and_many_classes(tmp_path, count):
    page = text_of(make_results(classes=count, per_class=3), tmp_path)
    table = page.split('id="matrix"', 1)[1].split("</table>", 1)[0]
    assert table.count('<th scope="col" title=') == (40 if count == 130 else count)
    assert ("with the most mistakes of 130" in page) == (count == 130)


def test_one_fold_no_curves_no_previews_and_an_empty_list_of_problems(tmp_path):
    results = make_results(per_class=4, folds=1)
    for row in results["families"]:
        row["curves"] = []
    results |= {"problems": [], "duplicates": [], "leaks": [], "ignored": {}}
    results["details"]["top"] = [None] * len(results["items"])
    page = text_of(results, tmp_path)
    assert "There is one fold only" in page
    assert "is wrong more often here than with several folds" in page
    assert "Nothing unusual was found" in page
    assert "No sound is in this file" in page


def test_results_of_another_version_leave_the_old_page_alone(tmp_path):
    page = build(make_run(tmp_path, make_results(per_class=2), previews=0))
    before = page.read_bytes()
    (tmp_path / "results.json").write_text('{"schema": "mynah.results/9"}')
    with pytest.raises(IncompatibleFile, match="another version"):
        build(tmp_path)
    assert page.read_bytes() == before


def test_a_page_that_cannot_be_written_is_a_clear_stop(run, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(Stopped, match="the page could not be written"):
        build(run, tmp_path / "taken" / "page.html")


def test_damaged_previews_are_passed_over(tmp_path):
    run = make_run(tmp_path, make_results(per_class=3), previews=4)
    path = run / "previews" / "index.json"
    index = json.loads(path.read_text())
    first, second, third, _ = index
    index[first]["mp3"] = "../results.json"
    index[second]["spectrogram"] = "AAAA"
    index["9999"] = index[third]
    path.write_text(json.dumps(index))
    assert len(re.findall(r"<noscript data-clip", build(run).read_text(encoding="utf-8"))) == 2


def test_report_needs_no_torch_no_sklearn_and_no_audio():
    heavy = ("torch", "sklearn", "scipy", "soundfile", "mynah.audio", "mynah.runs")
    code = f"import sys, mynah.report; print([name for name in {heavy} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_spectrogram_png_holds_the_pixels():
    import struct
    import zlib

    indexes = np.arange(21).reshape(3, 7) % 16
    data = embed.png(indexes, np.zeros((16, 3), np.uint8))
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert (width, height, depth, colour) == (7, 3, 4, 3)
    body = data[data.index(b"IDAT") + 4 :]
    rows = np.frombuffer(zlib.decompressobj().decompress(body), np.uint8).reshape(3, 5)[:, 1:]
    assert (np.stack([rows >> 4, rows & 15], axis=2).reshape(3, 8)[:, :7] == indexes).all()


def test_scales_and_ticks():
    log = svg.Scale(0.01, 100, 0, 400, log=True)
    assert [round(log(v)) for v in (0.01, 1, 100)] == [0, 200, 400]
    assert log.ticks() == pytest.approx([0.01, 0.1, 1, 10, 100])
    assert svg.Scale(0.55, 1, 0, 1).ticks(4) == [0.6, 0.8, 1.0]


def test_scores_far_below_nothing_are_drawn(tmp_path):
    results = make_results(per_class=4)
    for row in results["families"]:
        row |= {"score": -1.6, "ci": [-3.0, -1.1]}
    assert 'class="frontier"' in text_of(results, tmp_path)
