"""The schema of results.json: documents that fit pass, others are refused in one line, and no change is silent."""

import copy
import hashlib
import json
from pathlib import Path

import pytest

from mynah.ground.documents import RESULTS
from mynah.ground.errors import BadInput, IncompatibleFile
from mynah.report import build, tasks
from mynah.report.schema import FIELDS, OPTIONAL, as_markdown, read_results, validate
from results_sample import make_results

#: Of `mynah.results/2`. A new optional field changes this and the docs; anything else needs a new version as well.
PINNED = "dea235ea52a6613b"
FILES = Path(__file__).resolve().parents[1] / "files"
DOCS = Path(__file__).resolve().parents[2] / "docs" / "results-schema.md"


@pytest.fixture(scope="module")
def document():
    return make_results(per_class=6)


def changed(document, path, value):
    other = copy.deepcopy(document)
    at = other
    for key in path[:-1]:
        at = at[key]
    if value is KeyError:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return other


def test_a_document_as_learn_writes_it_fits_strictly(document):
    validate(document, strict=True)


def test_the_schema_has_not_changed_silently():
    every = [
        ("", FIELDS, OPTIONAL),
        *((name, tasks.of(name).fields, tasks.of(name).optional) for name in tasks.names()),
    ]
    rows = [(name, path, kind, path in may) for name, fields, may in every for path, (kind, _) in fields.items()]
    facts = json.dumps([RESULTS, sorted(rows)])
    assert hashlib.sha256(facts.encode()).hexdigest()[:16] == PINNED


def test_the_documentation_names_every_field_as_the_schema_does():
    assert as_markdown() in DOCS.read_text(encoding="utf-8")


def test_what_the_issue_promises_to_scripts_is_there():
    promised = [
        "schema",
        "run",
        "task",
        "metric",
        "clips",
        "classes",
        "skipped",
        "folds",
        "best",
        "families",
        "report",
        "model",
    ]
    family = ["name", "score", "ci", "probability", "train_seconds", "ms_per_clip", "megabytes", "parameters", "status"]
    assert set(promised + [f"families[].{name}" for name in family]) <= set(FIELDS) - OPTIONAL


@pytest.mark.parametrize("version", ["mynah.results/3", "mynah.results/0", "other/1"])
def test_another_version_is_refused_in_one_line(document, version, tmp_path):
    (tmp_path / "results.json").write_text(json.dumps(changed(document, ["schema"], version)))
    with pytest.raises(IncompatibleFile, match="results of another version") as caught:
        read_results(tmp_path)
    assert caught.value.exit_code == 4
    assert "\n" not in str(caught.value)
    assert version in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["verdict"], KeyError, "a field is missing"),
        (["dataset", "duration", "max"], KeyError, r"dataset\.duration\.max"),
        (["families", 0, "score"], "0.9", r"families\[\]\.score should be number\?"),
        (["families", 0, "score"], float("nan"), r"families\[\]\.score should be number\?"),
        (["families", 0, "parameters"], True, "should be integer"),
        (["families", 0, "ci"], [0.1], "ci of"),
        (["families", 0, "details", "confusion", 0], [1, 2], "confusion of"),
        (["families", 0, "details", "predicted", 0], 99, "predicts a class"),
        (["details", "top", 0], [[0, 0.5, 1]], "top should hold"),
        (["details", "top", 0], [[-1, 0.5]], "top should hold"),
        (["best"], "nobody", "best is not one"),
        (["items"], [], "does not fit"),
        (["how", "versions"], {"numpy": 2}, "versions"),
    ],
)
def test_a_damaged_document_is_refused_with_the_field(document, path, value, words):
    with pytest.raises(IncompatibleFile, match=words):
        validate(changed(document, path, value))


def test_unknown_fields_are_read_but_not_written(document):
    newer = changed(document, ["families", 0, "energy_joules"], 3.0)
    validate(newer)
    with pytest.raises(IncompatibleFile, match="energy_joules"):
        validate(newer, strict=True)


def test_a_document_of_version_1_is_read_and_shown(tmp_path):
    """As Mynah of 2026-11-27 wrote it, on five clips of each built-in kind."""
    (tmp_path / "results.json").write_bytes((FILES / "results-1.json").read_bytes())
    found = read_results(tmp_path)
    validate(found, strict=True)
    assert {row["name"]: row["verdict"] for row in found["families"]}.keys() == {"svm", "knn", "chance"}
    assert found["families"][0]["verdict"] == "best"
    assert all(row["gap"] >= 0 and row["probability"] is None for row in found["families"])
    page = build(tmp_path).read_text(encoding="utf-8")
    assert "balanced accuracy" in page
    old = json.loads((FILES / "results-1.json").read_text(encoding="utf-8"))
    (tmp_path / "results.json").write_text(json.dumps(old | {"families": [{"name": "svm"}]}))
    with pytest.raises(IncompatibleFile, match="version 1"):
        read_results(tmp_path)


def test_a_folder_without_results_and_a_broken_file_say_so(tmp_path):
    with pytest.raises(BadInput, match="no run here"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text('{"schema": "mynah.res')
    with pytest.raises(IncompatibleFile, match="not JSON"):
        read_results(tmp_path)
    (tmp_path / "results.json").write_text("[]")
    with pytest.raises(IncompatibleFile, match="not a results document"):
        read_results(tmp_path)
