"""The examples run, and print what they promise."""

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_learn_a_folder(tmp_path, capsys):
    runpy.run_path(str(EXAMPLES / "learn_a_folder.py"))["main"](tmp_path, budget="30steps")
    said = capsys.readouterr().out
    assert "Verdict" in said
    assert "an unheard kick is called " in said
