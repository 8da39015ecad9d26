"""A task in a user's own file brings sections of its own to the page, and its document has the core of every task."""

import numpy as np
import pytest

import mynah
from mynah.data.builtin import builtin
from mynah.ground.errors import IncompatibleFile
from mynah.report.schema import read_results, validate
from mynah.runs.watching import _titled

MINE = """
from mynah.tasks.classify import Classify

class Named(Classify):
    def of_kept(self, found, targets, names):
        rows = [[str(name), str(int((targets == name).sum()))] for name in names]
        section = {"title": "How many there are", "text": "", "columns": ["name", "sounds"], "rows": rows}
        return {"threshold": 0.5, "sections": [section]}

    def finish(self, model, document):
        assert document["details"] == {"threshold": 0.5}

    def worth_hearing(self, document, family, most):
        return [item for item, answer in enumerate(document["answers"]) if answer["wrong"]][:most]

class Wrong(Named):
    def of_kept(self, found, targets, names):
        return {"sections": [{"title": "A table that does not fit", "text": "", "columns": [], "rows": [["1"]]}]}
"""
OPTIONS = {"families": "svm,chance", "folds": 3, "executor": "sequential"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("own")
    (root / "mine.py").write_text(MINE, encoding="utf-8")
    builtin(root / "sounds", clips_per_class=6, rate=8000)
    return root


def test_its_document_has_the_core_and_its_page_the_section(place):
    run = mynah.learn(place / "sounds", out=place / "run", task=f"{place}/mine.py:Named", **OPTIONS)
    results = read_results(run.folder)
    validate(results, strict=True)
    assert results["task"] == "mine.py:Named"
    assert results["details"] == {"threshold": 0.5}
    assert results["next"] == "NEW/"
    assert [row[1] for row in results["sections"][0]["rows"]] == ["6"] * 10
    kept = next(row for row in results["families"] if row["name"] == results["best"])
    said = [results["classes"][code] for code in kept["details"]["predicted"]]
    assert [answer["answer"] for answer in results["answers"]] == said
    wrong = [one != item["label"] for one, item in zip(said, results["items"], strict=True)]
    assert [answer["wrong"] for answer in results["answers"]] == wrong
    assert np.mean(wrong) == pytest.approx(1 - kept["scores"]["accuracy"])
    page = run.report.read_text(encoding="utf-8")
    assert "How many there are" in page
    assert 'id="matrix"' not in page  # what naming clips adds belongs to that task alone
    item = wrong.index(True) if any(wrong) else 0
    label, file = results["items"][item]["label"], results["items"][item]["file"]
    assert _titled(results, item) == f"{label} answered {said[item]}/{file}"
    assert _titled(results, len(said) + 1) == "made/1"


def test_a_section_that_does_not_fit_is_named(place, tmp_path):
    with pytest.raises(IncompatibleFile, match="a row of the section 'A table that does not fit'"):
        mynah.learn(place / "sounds", out=tmp_path / "run", task=f"{place}/mine.py:Wrong", **OPTIONS)
