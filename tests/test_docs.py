"""What is written for readers holds: links lead somewhere, pages keep their shape, benchmarks share `--quick`."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
NOTES = sorted((ROOT / "docs" / "design").glob("*.md"))
BENCHMARKS = sorted((ROOT / "benchmarks").glob("[a-z]*.py"))
SECTIONS = ["Context", "Decision", "Rejected", "What would change our mind"]


def named(path):
    return str(path.relative_to(ROOT))


def broken(text, folder):
    """Return the links of a page to files or headings that are not there."""
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", text)):
        place, _, heading = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue  # other sites are not visited by a test
        if place and not (folder / place).exists():
            wrong.append(target)
        elif heading:
            page = (folder / place).read_text(encoding="utf-8") if place else text
            titles = re.findall(r"^#+ (.*)", page, re.MULTILINE)
            if heading not in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}:
                wrong.append(target)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_to_files(page):
    assert broken(page.read_text(encoding="utf-8"), page.parent) == []


def test_broken_links_are_found():
    text = "# Two words\n[a](README.md) [b](#two-words) [c](nowhere.md) [d](#three-words) [e](https://x.org/y) `[f](g)`"
    assert broken(text, ROOT) == ["nowhere.md", "#three-words"]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_named_files_are_there(page):
    """Paths of the repository that a page names outside of links: docs/x.md, benchmarks/x.py, examples/x.py."""
    paths = re.findall(r"\b(?:docs|benchmarks|examples|tests)/[\w/.-]+\.(?:md|py)\b", page.read_text(encoding="utf-8"))
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_page_is_linked_from_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = {named(page) for page in (ROOT / "docs").glob("*.md")}
    assert pages - set(re.findall(r"\]\(([^)\s]+)\)", text)) == set()


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert "make demo" in text
    assert "make test" in text


def test_commands_in_the_docs_exist():
    """A page names no command that the program lacks."""
    from mynah.cli import app

    commands = {module.NAME for module in vars(app).values() if hasattr(module, "NAME") and hasattr(module, "command")}
    for page in PAGES:
        used = re.findall(r"(?:^ {4}(?:\$ )?|`)mynah ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(used) <= commands, named(page)


@pytest.mark.parametrize("number", range(1, len(NOTES) + 1))
def test_design_notes_have_one_shape(number):
    note = NOTES[number - 1]
    lines = note.read_text(encoding="utf-8").splitlines()
    assert note.name.startswith(f"{number:04d}-")  # no number twice, and none left out
    assert re.fullmatch(rf"# {number:04d}\. \S.*", lines[0])
    assert [line.removeprefix("## ") for line in lines if line.startswith("## ")] == SECTIONS
    assert len(lines) <= 40


@pytest.mark.parametrize("script", BENCHMARKS, ids=named)
def test_every_benchmark_has_a_quick_form(script, monkeypatch, capsys):
    pytest.importorskip("librosa", reason="needs the peers of the benchmarks: pip install '.[bench]'")
    monkeypatch.setenv("MYNAH_MALLOC", "default")  # a script may tune the allocator; not that of the tests
    monkeypatch.syspath_prepend(str(script.parent))
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit, match=r"^0$"):
        runpy.run_path(str(script), run_name="__main__")
    assert "--quick" in capsys.readouterr().out


def test_make_bench_runs_every_benchmark():
    done = subprocess.run(["make", "-n", "bench"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(named(script) in done.stdout for script in BENCHMARKS)
    assert "--quick" in done.stdout
